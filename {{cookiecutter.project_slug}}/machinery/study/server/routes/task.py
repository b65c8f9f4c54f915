"""While the task runs: that it began, its record, and that its window was closed.

psiTurk has these routes too (psiturk/experiment.py), and psiturk.js can use them. They differ
where data are at stake: a record belongs to one browser, saves are ordered, what is no record
changes nothing, and a status never goes back.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
from flask import Blueprint, Response, abort, request

from study.database.participants import SAVES_PER_WINDOW, Saved, merge_entries
from study.server.body import read_text
from study.server.ownership import require_owned_id, require_owner
from study.server.services import services

blueprint = Blueprint("task", __name__)

MAX_WRITER = 2**30
# Checks the whole text but makes no objects of it, in a fifteenth of json's time.
_outline = msgspec.json.Decoder(dict[str, msgspec.Raw])


@blueprint.post("/inexp")
def begin() -> dict:
    """The task begins: from now on it cannot be started afresh."""
    row = services.records.advance(require_owned_id(request.form), "begin")
    return {"status": "success" if row else "error, uniqueId not found"}


@blueprint.post("/quitter")
def quit() -> dict:
    """The task's window was closed. Does not count in a test run."""
    services.records.advance(require_owned_id(request.form), "quit")
    return {"status": "marked as quitter"}


@blueprint.get("/sync/<uid>")
def load(uid: str) -> Response:
    require_owner(uid)
    return Response(services.records.load(uid) or abort(404), mimetype="application/json")


@blueprint.put("/sync/<uid>")
def save(uid: str) -> dict:
    """Save the record: the whole of it, as one JSON object. Answers after the commit.

    ``writer`` identifies the browser window; ``save`` is that window's save counter. Without
    them, as psiturk.js saves, the longer record is the newer.
    """
    require_owner(uid)
    text, order = read_save()
    with aborting_if_malformed():
        check_record(text)
        size = 0 if order else count_entries(text)
    return confirm(services.records.save(uid, text, order, size))


@blueprint.post("/sync/<uid>/entries")
def add_entries(uid: str) -> dict:
    """Add entries to the record, as a save of that number.

    For the last request of a window, in which browsers send no more than 64 kB.
    """
    require_owner(uid)
    entries, order = read_save()
    if order is None:
        abort(400)
    stored = services.records.load(uid) or abort(404)
    with aborting_if_malformed():
        text = merge_entries(stored, entries)
    if len(text) > services.options.max_record_bytes:
        abort(413)
    return confirm(services.records.save(uid, text, order))


def read_save() -> tuple[str, tuple[int, int] | None]:
    """The body of the request, and the numbers of its window and save; None without any."""
    if not request.is_json:
        abort(415)
    args, text = request.args, read_text(services.options.max_record_bytes)
    if "writer" not in args and "save" not in args:
        return text, None
    with aborting_if_malformed():
        writer, save = int(args["writer"]), int(args["save"])
    if not (0 < writer < MAX_WRITER and 0 < save < SAVES_PER_WINDOW):
        abort(400)
    return text, (writer, save)


def confirm(saved: Saved) -> dict:
    """Answer a save by what became of it."""
    if saved is Saved.UNKNOWN:
        abort(404)
    if saved is Saved.SUPERSEDED:
        abort(409)
    return {"status": "user data saved"}


@contextmanager
def aborting_if_malformed() -> Iterator[None]:
    """Answer with 400 if what was sent cannot be parsed."""
    try:
        yield
    except (ValueError, RecursionError):
        abort(400)


def check_record(text: str) -> None:
    """Raise ValueError if this is not a JSON object, and RecursionError if it is nested too
    deeply (some thousand levels) to be read again."""
    try:
        _outline.decode(text)
    except msgspec.MsgspecError:
        count_entries(text)  # halves of emoji, which JavaScript can cut, are no error


def count_entries(text: str) -> int:
    """The number of entries in a record, which only grows. Raises like ``check_record``."""
    record = json.loads(text, parse_constant=int)  # which raises: NaN is not JSON
    if not isinstance(record, dict):
        raise ValueError("not an object")
    parts = (record.get(name) for name in ("data", "eventdata", "questiondata"))
    return sum(len(part) for part in parts if isinstance(part, list | dict))
