"""The task: who may begin it, reload it, resume it, and that they left it.

These routes replace psiTurk's of the same address (experiment.py) and keep their contract
for psiturk.js. They differ where data are at stake: a record belongs to the browser that
it was given to, and a status never goes back.
"""

import user_agents
from flask import Blueprint, Response, make_response, render_template, request
from sqlalchemy import Row

from study.database.participants import Browser, HasOtherAssignment
from study.server.refusals import NO_IDS_IN_EXP, NOT_YOURS, TASK_BEGUN, TOOK_PART, Refusal
from study.server.routes.arrival import Standing, standing, visitor
from study.server.routes.endings import own_uniqueid, redirect_to_ending
from study.server.services import services
from study.statuses import TEST_MODES

blueprint = Blueprint("participation", __name__)


@blueprint.get("/exp")
def start_exp() -> Response:
    """The experiment, for those who may begin it, reload it or (if allowed) resume it."""
    ids = visitor(NO_IDS_IN_EXP)
    place, row = standing(ids)
    if place is Standing.OTHER_ASSIGNMENT:
        raise Refusal(TOOK_PART)
    if place is Standing.OVER:
        return redirect_to_ending(row)
    has_begun = place is Standing.BEGUN
    resumed = has_begun and services.options.allow_resume
    if row is None:
        try:
            row, writer = services.records.enrol(ids, describe_browser())
        except HasOtherAssignment:
            raise Refusal(TOOK_PART) from None
    else:
        require_right_to_reopen(row, has_begun)
        writer = services.records.open_window(ids.uniqueid, again=has_begun)
    response = make_response(show_experiment(row, writer, resumed))
    services.access.grant(request, response, ids.uniqueid)
    return response


def require_right_to_reopen(row: Row, has_begun: bool) -> None:
    """Raise Refusal for a participant who may not open the experiment again.

    Where something is saved, it opens in the same browser only: whoever knows the ids must
    not get the record too.
    """
    if row.mode in TEST_MODES:
        return
    is_own = services.access.is_granted(request, row.uniqueid)
    if has_begun and not (is_own and services.options.allow_resume):
        raise Refusal(TASK_BEGUN)
    if row.saved and not is_own:
        raise Refusal(NOT_YOURS)


def show_experiment(row: Row, writer: int, resumed: bool) -> str:
    """templates/exp.html with psiTurk's variables, the window's number and whether it resumes."""
    return render_template(
        "exp.html",
        uniqueId=row.uniqueid,
        condition=row.cond,
        counterbalance=row.counterbalance,
        adServerLoc="/complete",
        mode=row.mode,
        contact_address=services.options.contact,
        codeversion=services.options.code_version,
        writer=writer,
        resumed="true" if resumed else "false",
    )


def describe_browser() -> Browser:
    """What psiTurk's table keeps about a browser: family and system, no version."""
    agent = user_agents.parse(request.user_agent.string[:512])
    address = (request.remote_addr or "UNKNOWN") if services.options.store_address else ""
    language = request.accept_languages.best or "UNKNOWN"
    return Browser(address, agent.browser.family[:128], agent.os.family[:128], language[:128])


@blueprint.post("/inexp")
def enterexp() -> dict:
    """The task begins: from now on it cannot be started afresh."""
    uniqueid = own_uniqueid(request.form)
    row = services.records.begin(uniqueid) or services.records.find(uniqueid)
    return {"status": "success" if row else "error, uniqueId not found"}


@blueprint.post("/quitter")
def quitter() -> dict:
    """The window of the task was closed. Does not count in a trial run."""
    services.records.quit(own_uniqueid(request.form))
    return {"status": "marked as quitter"}


@blueprint.get("/check_worker_status")
def check_worker_status() -> dict:
    """psiTurk's number for where a worker stands; 0 if nobody knows them."""
    worker, assignment = request.args.get("workerId"), request.args.get("assignmentId")
    if not worker:
        return {"status": "bad request"}
    rows = services.records.of_worker(worker)
    if services.options.allow_repeats:
        rows = [row for row in rows if row.assignmentid == assignment]
    return {"status": max((row.status for row in rows), default=0)}
