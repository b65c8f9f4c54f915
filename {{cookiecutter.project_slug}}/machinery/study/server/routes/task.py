"""While the task runs: that it began, its record, and that its window was closed.

psiTurk has some of these routes too (psiturk/experiment.py), and psiturk.js can use them. They
differ where data are at stake: a record belongs to one browser, entries are stored once, what is no
record changes nothing, and a status never goes back.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Blueprint, Response, abort, request

from study.database.entries import Save, count_entries
from study.database.participants import Saved
from study.server.body import read_text
from study.server.errors import answer
from study.server.failures import note_failure
from study.server.ownership import (
    find_owned,
    refuse,
    require_browser,
    require_owned_id,
    require_owner,
)
from study.server.services import services
from study.server.shortcut import describe_save, describe_window, saved_bytes

blueprint = Blueprint("task", __name__)
blueprint.after_request(note_failure)

MOST = 2**31 - 1  # windows, and entries of one
STATUSES = {Saved.ENDED: 409, Saved.SUPERSEDED: 409, Saved.UNOPENED: 409, Saved.TOO_LARGE: 413}
REASONS = {Saved.ENDED: "ended", Saved.UNOPENED: "unknown-window"}


@blueprint.post("/inexp")
def begin() -> dict:
    """The task begins: from now on it cannot be started afresh."""
    row = find_owned(request.form)
    services.records.begin(row.uniqueid, row.owner)
    return {"status": "success"}


@blueprint.post("/quitter")
def quit() -> dict:
    """The task's window was closed. Does not count in a test run."""
    services.records.quit(require_owned_id(request.form))
    return {"status": "marked as quitter"}


@blueprint.post("/sync/<uid>/windows")
def open_window(uid: str) -> Response | dict:
    """Open the record in a new window, which alone may save from now on.

    Answers with its number and the record.
    """
    opened = services.records.open_window(uid, require_browser(uid))
    if opened is None:
        require_owner(uid)
        return refuse_save(uid, Saved.ENDED)
    return Response(describe_window(*opened), mimetype="application/json")


@blueprint.post("/sync/<uid>/entries")
def add_entries(uid: str) -> Response:
    """Store what the record lacks: a JSON list of entries (study/database/entries.py).

    ``window`` is the number of the window that sends them, ``first`` that of the first entry,
    ``of`` the window that recorded them if another one has left them. Answers after the commit with
    ``held``: how many entries of that window the study has, however many of them came now.
    """
    browser, window = require_browser(uid), read_number("window")
    save = Save(read_number("of", window), read_number("first"), read_body())
    with aborting_if_malformed():
        outcome, held = services.records.add(uid, browser, window, save)
    if outcome is not Saved.STORED:
        return refuse_save(uid, outcome)
    return Response(describe_save(save.window, held), mimetype="application/json")


@blueprint.get("/sync/<uid>")
def load(uid: str) -> Response:
    require_owner(uid)
    return Response(services.records.load(uid), mimetype="application/json")


@blueprint.put("/sync/<uid>")
def save(uid: str) -> Response | dict:
    """Save the whole record as one JSON object, as psiturk.js does. Answers after the commit."""
    browser, text = require_browser(uid), read_body()
    with aborting_if_malformed():
        size = sum(count_entries(text))
    outcome = services.records.save(uid, browser, text, size)
    return {"status": "user data saved"} if outcome is Saved.STORED else refuse_save(uid, outcome)


def read_number(name: str, default: int | None = None) -> int:
    """Return a number of the query, at least 1."""
    number = request.args.get(name, default, int)
    return number if number and 0 < number <= MOST else abort(400)


def read_body() -> str:
    """Return the body of the request, JSON within the limit of a record."""
    if not request.is_json:
        abort(415)
    text = read_text(services.options.max_record_bytes)
    return text if saved_bytes.allow(request.remote_addr, len(text)) else abort(429)


def refuse_save(uid: str, outcome: Saved) -> Response:
    """Answer why a save was not stored."""
    if outcome is Saved.REFUSED:
        raise refuse(uid)
    return answer(STATUSES[outcome], reason=REASONS.get(outcome))


@contextmanager
def aborting_if_malformed() -> Iterator[None]:
    """Answer with 400 if what was sent cannot be parsed."""
    try:
        yield
    except (ValueError, RecursionError):
        abort(400)
