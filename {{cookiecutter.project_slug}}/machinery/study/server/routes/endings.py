"""How a participation ends, and where the participant is sent from there.

A recruiter's codes are config vars of the server (recruiters.py says which). They leave it
only in the answer to somebody who has reached that ending.
"""

from dataclasses import dataclass
from urllib.parse import urlencode

from flask import Blueprint, Response, make_response, redirect, render_template, request
from sqlalchemy import Row

from study import signing
from study.recruiters import BadLink, Ids, read_ids
from study.server.errors import NO_IDS_IN_CONSENT, NOT_KNOWN, NOT_SAVED, ParticipantError
from study.server.ownership import is_token, require_owned_id, require_owner
from study.server.services import services
from study.statuses import FINISHED, TEST_MODES

blueprint = Blueprint("endings", __name__)

LEAVING = ("screened-out", "left-early")


@dataclass(frozen=True)
class Ending:
    """What the page at the end shows.

    ``kind``: completed, declined or one of LEAVING. ``address``: where the recruiter wants
    the participant, or empty. ``code``: what they can type in or hand in, or empty.
    """

    kind: str
    mode: str
    address: str = ""
    code: str = ""

    @property
    def is_test_run(self) -> bool:
        """Whether nobody took part, so that there is no code."""
        return self.mode in TEST_MODES


def ending_of(kind: str, ids: Ids | Row) -> Ending:
    """The ending for a participant who has reached it."""
    recruiter, mode = services.options.recruiter, ids.mode
    if mode not in recruiter.modes:  # a trial run, or someone of an earlier recruiter
        return Ending(kind, mode)
    held = services.environment.get(recruiter.codes.get(kind, ""), "")
    if held:
        worker = ids.worker if isinstance(ids, Ids) else ids.workerid
        shown = held if recruiter.code_is_shown else ""
        return Ending(kind, mode, recruiter.way_back(held, worker), shown)
    if kind == "completed":
        return Ending(kind, mode, code=signing.participant_code(services.key, ids.uniqueid))
    return Ending(kind, mode)


@blueprint.get("/complete")
def complete() -> Response | str:
    """The end of the task: marks the participant as completed and shows the ending.

    Coming again gives the same page. Whoever has saved nothing is not sent on.
    """
    uniqueid = require_owned_id(request.args)
    row = services.records.complete(uniqueid) or services.records.find(uniqueid)
    if row and row.ending:
        return redirect(f"leave?{urlencode({'uniqueId': uniqueid})}", 303)
    if row is None or not row.saved:
        raise ParticipantError(NOT_SAVED)
    return show_completed(row)


def show_completed(row: Row) -> str:
    """The page for somebody who has completed the study."""
    if row.mode in ("live", "sandbox"):
        return render_template("closepopup.html")
    return render_template(
        "complete.html",
        ending=ending_of("completed", row),
        allow_repeats=services.options.allow_repeats,
        worker_id=row.workerid,
    )


@blueprint.post("/leave")
def leave() -> Response:
    """The task ends early: stores why. The page then goes to GET /leave."""
    uniqueid, reason = require_owned_id(request.form), request.form.get("reason", "")
    if reason not in LEAVING:
        return make_response({"status": "not stored", "reason": "malformed"}, 400)
    if services.records.leave(uniqueid, reason):
        services.count_event(reason)
    return make_response({"status": "success"})


@blueprint.get("/leave")
def show_leave() -> str:
    """The ending of somebody who was screened out or left early."""
    row = services.records.find(require_owned_id(request.args))
    if row is None or not row.ending:
        raise ParticipantError(NOT_KNOWN)
    return render_template("ending.html", ending=ending_of(row.ending, row))


@blueprint.get("/declined")
def declined() -> str:
    """The ending of somebody who does not agree to take part. Nothing is stored about them."""
    try:
        ids = read_ids(request.args)
    except BadLink:
        raise ParticipantError(NO_IDS_IN_CONSENT) from None
    services.count_event("declined")
    return render_template("ending.html", ending=ending_of("declined", ids), ids=ids)


@blueprint.get("/worker_complete")
def worker_complete() -> dict:
    """psiTurk's other way to say that somebody has completed."""
    uniqueid = require_owned_id(request.args)
    is_done = services.records.complete(uniqueid) or is_finished(uniqueid)
    return {"status": "success" if is_done else "bad request"}


@blueprint.get("/worker_submitted")
def worker_submitted() -> dict:
    """MTurk's page tells that the HIT is being submitted."""
    uniqueid, token = request.args.get("uniqueId", ""), request.args.get("token", "")
    if not is_token(token, "submission", uniqueid):
        require_owner(uniqueid)
    is_done = services.records.submit(uniqueid) or is_finished(uniqueid)
    return {"status": "success" if is_done else "bad request"}


def is_finished(uniqueid: str) -> bool:
    """Whether this participant has completed the study, now or before."""
    row = services.records.find(uniqueid)
    return row is not None and row.status in FINISHED
