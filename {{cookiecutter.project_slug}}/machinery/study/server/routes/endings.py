"""How a participation ends. A recruiter's code goes only to those who reached its ending."""

import os
from urllib.parse import urlencode

from flask import Blueprint, Response, make_response, redirect, render_template, request
from sqlalchemy import Row

from study import signing
from study.recruiters import Ids, recruiter_of
from study.server.errors import NOT_KNOWN, NOT_SAVED, ParticipantError
from study.server.links import read_link, write_query
from study.server.ownership import is_token, require_owned_id, require_owner
from study.server.services import services
from study.statuses import FINISHED

blueprint = Blueprint("endings", __name__)


def show_ending(kind: str, ids: Ids, page: str = "ending.html", **variables: str) -> str:
    """Render the last page of a participant who has reached that ending.

    Its variable ``ending`` has the kind (completed, declined, screened-out or left-early), the
    address that takes them back to the recruiter, and the code that they can type or hand in.
    """
    recruiter, address, code = services.options.recruiter, "", ""
    if ids.mode in recruiter.modes:  # no test run, and no participant of an earlier recruiter
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


@blueprint.get("/complete")
def complete() -> Response | str:
    """Mark the participant as completed and show the ending, if something is saved of them."""
    row = services.records.advance(require_owned_id(request.args), "complete")
    if row and row.ending:
        return redirect(f"leave?{urlencode({'uniqueId': row.uniqueid})}", 303)
    if row is None or not row.saved:
        raise ParticipantError(NOT_SAVED)
    if recruiter_of(row.mode).makes_hits:
        return render_template("closepopup.html")
    return show_ending("completed", _ids_of(row), "complete.html")


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
    """Show the ending of a participant who was screened out or left early."""
    row = services.records.find(require_owned_id(request.args))
    if row is None or not row.ending:
        raise ParticipantError(NOT_KNOWN)
    return show_ending(row.ending, _ids_of(row))


@blueprint.get("/declined")
def declined() -> str:
    """Show the ending of somebody who does not agree to take part, and store nothing about them."""
    ids = read_link()
    services.count_event("declined")
    return show_ending("declined", ids, query=write_query())


@blueprint.get("/worker_complete")
def worker_complete() -> dict:
    """Mark a participant as completed, the other way that psiTurk has for it."""
    return report(require_owned_id(request.args), "complete")


@blueprint.get("/worker_submitted")
def worker_submitted() -> dict:
    """Note that a HIT is being submitted, as its form reports."""
    uniqueid, token = request.args.get("uniqueId", ""), request.args.get("token", "")
    if not is_token(token, "submission", uniqueid):
        require_owner(uniqueid)
    return report(uniqueid, "submit")


def report(uniqueid: str, step: str) -> dict:
    """Return psiTurk's answer: whether the participant has completed the study, now or before."""
    row = services.records.advance(uniqueid, step)
    return {"status": "success" if row and row.status in FINISHED else "bad request"}
