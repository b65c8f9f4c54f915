"""The task: who may do it, and how their record is saved.

These routes replace psiTurk's of the same address (experiment.py) and keep their contract
for psiturk.js. They differ where data are at stake: a record belongs to the browser that
it was given to, saves are ordered, and a status never goes back.
"""

import json
from typing import Any

import msgspec
import user_agents
from flask import Blueprint, Response, make_response, render_template, request
from sqlalchemy import Row

from study.recruiters import TRIAL_RUNS
from study.store.records import Browser, HasOtherAssignment, Saved
from study.web.endings import own_uniqueid, redirect_to_ending
from study.web.entrance import Standing, standing, visitor
from study.web.refusals import NO_IDS_IN_EXP, NOT_YOURS, TASK_BEGUN, TOOK_PART, Refusal
from study.web.service import study

blueprint = Blueprint("participation", __name__)

MAX_WRITER = 2**30
# Checks the whole text but makes no objects of it, in a fifteenth of json's time.
_outline = msgspec.json.Decoder(dict[str, msgspec.Raw])
DRAINED = 4  # times the limit; who sends more than that is no participant


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
    resumed = has_begun and study.options.allow_resume
    if row is None:
        try:
            row, writer = study.records.enrol(ids, describe_browser())
        except HasOtherAssignment:
            raise Refusal(TOOK_PART) from None
    else:
        require_right_to_reopen(row, has_begun)
        writer = study.records.open_window(ids.uniqueid, again=has_begun)
    response = make_response(show_experiment(row, writer, resumed))
    study.access.grant(request, response, ids.uniqueid)
    return response


def require_right_to_reopen(row: Row, has_begun: bool) -> None:
    """Raise Refusal for a participant who may not open the experiment again.

    Where something is saved, it opens in the same browser only: whoever knows the ids must
    not get the record too.
    """
    if row.mode in TRIAL_RUNS:
        return
    is_own = study.access.is_granted(request, row.uniqueid)
    if has_begun and not (is_own and study.options.allow_resume):
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
        contact_address=study.options.contact,
        codeversion=study.options.code_version,
        writer=writer,
        resumed="true" if resumed else "false",
    )


def describe_browser() -> Browser:
    """What psiTurk's table keeps about a browser: family and system, no version."""
    agent = user_agents.parse(request.user_agent.string[:512])
    address = (request.remote_addr or "UNKNOWN") if study.options.store_address else ""
    language = request.accept_languages.best or "UNKNOWN"
    return Browser(address, agent.browser.family[:128], agent.os.family[:128], language[:128])


@blueprint.post("/inexp")
def enterexp() -> dict:
    """The task begins: from now on it cannot be started afresh."""
    uniqueid = own_uniqueid(request.form)
    row = study.records.begin(uniqueid) or study.records.find(uniqueid)
    return {"status": "success" if row else "error, uniqueId not found"}


@blueprint.post("/quitter")
def quitter() -> dict:
    """The window of the task was closed. Does not count in a trial run."""
    study.records.quit(own_uniqueid(request.form))
    return {"status": "marked as quitter"}


def own_record(uniqueid: str) -> dict:
    """The record of a participant whose browser asks, for routes in custom.py.

    Raises Refusal, which is answered with 403, if another browser does.
    """
    study.require_own(uniqueid)
    return json.loads(study.records.load(uniqueid) or "{}")


@blueprint.get("/sync/<uid>")
def load(uid: str) -> Response:
    """The stored record."""
    study.require_own(uid)
    text = study.records.load(uid)
    if text is None:
        return refuse("unknown", 404)
    return Response(text, mimetype="application/json")


@blueprint.put("/sync/<uid>")
def update(uid: str) -> Response:
    """Save the record: the whole of it, as one JSON object. Answers after the commit.

    ``?writer=&save=`` say which window sends and the how manieth save it is; without them,
    as psiturk.js saves, the longer record is the newer.
    """
    study.require_own(uid)
    if not request.is_json:
        return refuse("not-json", 415)
    if (request.content_length or 0) > study.options.max_record_bytes:
        drain()
        return refuse("too-large", 413)
    try:
        text = request.get_data(cache=False).decode()
        check_record(text)
        order = read_order(request.args)
    except (ValueError, RecursionError):
        return refuse("malformed", 400)
    saved = (
        study.records.save(uid, text, *order)
        if order
        else study.records.save_by_size(uid, text, count_entries(text))
    )
    if saved is Saved.UNKNOWN:
        return refuse("unknown", 404)
    if saved is Saved.SUPERSEDED:
        return refuse("newer-window", 409)
    return make_response({"status": "user data saved"})


def refuse(reason: str, status: int) -> Response:
    """An answer for scripts: the record is as it was before."""
    return make_response({"status": "not saved", "reason": reason}, status)


def drain() -> None:
    """Read on for a while without keeping it: a browser that still sends takes no answer."""
    left = min(request.content_length, DRAINED * study.options.max_record_bytes)
    while left > 0 and (chunk := request.environ["wsgi.input"].read(min(left, 65_536))):
        left -= len(chunk)


def check_record(text: str) -> None:
    """Raise ValueError for what is no record, and RecursionError for one that is too deep
    (some thousand levels) to be read again."""
    try:
        _outline.decode(text)
    except msgspec.MsgspecError:
        read_record(text)  # halves of emoji, which JavaScript can cut, are no error


def read_record(text: str) -> dict[str, Any]:
    """The record. Raises like ``check_record``."""
    record = json.loads(text, parse_constant=_refuse_constant)
    if not isinstance(record, dict):
        raise ValueError("not an object")
    return record


def read_order(args) -> tuple[int, int] | None:
    """The window's number and the save's, or None if there are none. Raises ValueError."""
    if "writer" not in args and "save" not in args:
        return None
    writer, save = int(args.get("writer", "")), int(args.get("save", ""))
    if not (0 < writer < MAX_WRITER and 0 < save < 2**32):
        raise ValueError("out of range")
    return writer, save


def count_entries(text: str) -> int:
    """How much a record holds: it only grows."""
    record = read_record(text)
    parts = (record.get(name) for name in ("data", "eventdata", "questiondata"))
    return sum(len(part) for part in parts if isinstance(part, list | dict))


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


@blueprint.get("/check_worker_status")
def check_worker_status() -> dict:
    """psiTurk's number for where a worker stands; 0 if nobody knows them."""
    worker, assignment = request.args.get("workerId"), request.args.get("assignmentId")
    if not worker:
        return {"status": "bad request"}
    rows = study.records.of_worker(worker)
    if study.options.allow_repeats:
        rows = [row for row in rows if row.assignmentid == assignment]
    return {"status": max((row.status for row in rows), default=0)}
