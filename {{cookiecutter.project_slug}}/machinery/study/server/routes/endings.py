"""How a participation ends. A recruiter's code goes only to those who reached its ending.

What ends one is a POST with a proof, so that no link on another site can do it. Pages made for
psiturk.js end it by opening /complete, which counts if the browser says that a page of this study
did so.
"""

import os
from collections.abc import Callable
from urllib.parse import urlencode

from flask import Blueprint, Response, make_response, redirect, render_template, request
from sqlalchemy import Row

from study import signing
from study.database.entries import count_entries
from study.recruiters import Ids, recruiter_of
from study.server import errors
from study.server.errors import ParticipantError
from study.server.links import read_link, write_query
from study.server.ownership import (
    comes_from_own_page,
    find_owned,
    is_token,
    require_owned_id,
    require_owner,
)
from study.server.services import services
from study.statuses import FINISHED, TEST_MODES

blueprint = Blueprint("endings", __name__)

# Why somebody cannot complete yet, as scripts are told.
REASONS = {errors.NOT_SAVED: "not-saved", errors.TOO_LITTLE: "too-little"}


def show_ending(
    kind: str, ids: Ids, page: str = "ending.html", has_code: bool = True, **variables: str
) -> str:
    """Render the last page of a participant who has reached that ending.

    Its variable ``ending`` has the kind (completed, declined, screened-out or left-early), the
    address that takes them back to the recruiter, and the code that they can type or hand in.
    """
    recruiter, address, code = services.options.recruiter, "", ""
    # No test run, and no participant of an earlier recruiter.
    if has_code and ids.mode in recruiter.modes:
        if held := os.environ.get(recruiter.codes.get(kind, "")):
            address = recruiter.way_back(held, ids.worker)
            code = held if recruiter.code_is_shown else ""
        elif kind == "completed":
            code = signing.participant_code(services.key, ids.uniqueid)
    return render_template(
        page,
        ending={"kind": kind, "address": address, "code": code},
        ids=ids,
        recruiter=recruiter_of(ids.mode),
        allow_repeats=services.options.allow_repeats,
        **variables,
    )


def _ids_of(row: Row) -> Ids:
    return Ids(row.workerid, row.assignmentid, row.hitid, row.mode)


@blueprint.post("/complete")
def complete() -> Response | dict:
    """Mark the participant as completed. A script gets psiTurk's answer, a form the ending."""
    row = find_owned(request.form)
    if errors.wants_json():
        return report(row, finish)
    finish(row)
    return redirect(f"complete?{urlencode({'uniqueId': row.uniqueid})}", 303)


@blueprint.get("/complete")
def show_complete() -> Response | str:
    """Show the ending to those who have completed, and a button to those who have not yet.

    Pages made for psiturk.js need no button: they come here to complete.
    """
    row = find_owned(request.args)
    if not row.has_ended:
        if not comes_from_own_page():
            return render_template("finish.html", uniqueid=row.uniqueid)
        row = finish(row)
    if row.ending:
        return redirect(f"leave?{urlencode({'uniqueId': row.uniqueid})}", 303)
    if recruiter_of(row.mode).makes_hits:
        return render_template("closepopup.html")
    return show_ending("completed", _ids_of(row), "complete.html")


def finish(row: Row) -> Row:
    """Mark a participant as completed and return the row, as it is if they have ended before.

    Completing gives a code, so the task must have begun, and stored as much as config.txt asks
    for. Raises ParticipantError if it did not; nothing is changed then.
    """
    if row.has_ended:
        return row
    needed, has_begun = services.options.minimum_trials, row.beginexp is not None
    if completed := services.records.complete(row.uniqueid, row.owner, needed):
        return completed
    trials, others = count_stored(row)
    if not trials + others:
        raise ParticipantError(errors.NOT_SAVED)
    if trials < needed or not has_begun:
        services.count_event("too-little")
        # Nobody else learns how much is enough.
        work = {"begun": has_begun, "trials": trials, "needed": needed}
        raise ParticipantError(errors.TOO_LITTLE, work=row.mode in TEST_MODES and work)
    return require_owner(row.uniqueid)  # another request has ended it meanwhile


def count_stored(row: Row) -> tuple[int, int]:
    """Return how many trials are stored of a participant, and how many events and answers."""
    return count_entries(services.records.load(row.uniqueid)) if row.saved else (0, 0)


@blueprint.post("/leave")
def leave() -> Response:
    """Store why the task ends early. The page then goes to GET /leave."""
    uniqueid, reason = require_owned_id(request.form), request.form.get("reason", "")
    if reason not in ("screened-out", "left-early"):
        return make_response({"status": "not stored", "reason": "malformed"}, 400)
    if services.records.leave(uniqueid, reason):
        services.count_event(reason)
    return make_response({"status": "success"})


@blueprint.get("/leave")
def show_leave() -> str:
    """Show the ending of a participant who was screened out or left early.

    Who has stored no entry gets no code.
    """
    row = find_owned(request.args)
    if not row.ending:
        raise ParticipantError(errors.NOT_KNOWN)
    return show_ending(row.ending, _ids_of(row), has_code=any(count_stored(row)))


@blueprint.get("/declined")
def declined() -> str:
    """Show the ending of somebody who does not agree to take part, and store nothing about them."""
    ids = read_link()
    services.count_event("declined")
    return show_ending("declined", ids, query=write_query())


@blueprint.route("/worker_complete", methods=["GET", "POST"])
def worker_complete() -> dict:
    """Mark a participant as completed, the other way that psiTurk has for it."""
    return report(find_owned(request.values), finish)


@blueprint.route("/worker_submitted", methods=["GET", "POST"])
def worker_submitted() -> dict:
    """Note that a HIT is being submitted, as its form reports.

    The form is in MTurk's frame, where browsers send no cookie of ours: its token is the proof.
    Whoever knows a worker's ids can get one at /pub once the task is completed, as nothing else
    in that frame tells the worker from them. It is worth nothing: a completed participation is
    then noted as submitted, which psiTurk counts and pays alike.
    """
    uniqueid, token = request.values.get("uniqueId", ""), request.values.get("token", "")
    has_token = is_token(token, "submission", uniqueid)
    row = services.records.find(uniqueid) if has_token else require_owner(uniqueid)
    return report(row, lambda row: services.records.submit(row.uniqueid) or row)


def report(row: Row | None, take_step: Callable[[Row], Row]) -> dict:
    """Take a step; return psiTurk's answer: whether the participant has completed the study.

    Opened as a link, it only tells.
    """
    answer = {}
    if row and (request.method == "POST" or comes_from_own_page()):
        try:
            row = take_step(row)
        except ParticipantError as error:
            answer = {"reason": REASONS[error.number]}
    is_finished = row and row.status in FINISHED
    return {"status": "success" if is_finished else "bad request"} | answer
