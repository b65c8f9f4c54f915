"""The record of a participant: how it is saved, and read again.

psiTurk has /sync/<uid> too (experiment.py); these routes keep its contract for psiturk.js. They
differ where data are at stake: a record belongs to the browser that it was given to, saves are
ordered, and what is no record changes nothing.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from flask import Blueprint, Response, make_response, request

from study.database.participants import Saved, merge_entries
from study.server.services import services

blueprint = Blueprint("saving", __name__)

MAX_WRITER = 2**30
# Checks the whole text but makes no objects of it, in a fifteenth of json's time.
_outline = msgspec.json.Decoder(dict[str, msgspec.Raw])
DRAINED = 4  # times the limit; who sends more than that is no participant


def own_record(uniqueid: str) -> dict:
    """The record of a participant whose browser asks, for routes in custom.py.

    Raises Refusal, which is answered with 403, if another browser does.
    """
    services.require_own(uniqueid)
    return json.loads(services.records.load(uniqueid) or "{}")


@blueprint.get("/sync/<uid>")
def load(uid: str) -> Response:
    """The stored record."""
    services.require_own(uid)
    text = services.records.load(uid)
    if text is None:
        raise Unusable("unknown", 404)
    return Response(text, mimetype="application/json")


@blueprint.put("/sync/<uid>")
def update(uid: str) -> dict:
    """Save the record: the whole of it, as one JSON object. Answers after the commit.

    ``?writer=&save=`` say which window sends and the how manieth save it is; without them,
    as psiturk.js saves, the longer record is the newer.
    """
    services.require_own(uid)
    text, order = read_save()
    with refused_if_malformed():
        check_record(text)
        size = 0 if order else count_entries(text)
    if order:
        return confirm(services.records.save(uid, text, *order))
    return confirm(services.records.save_by_size(uid, text, size))


@blueprint.post("/sync/<uid>/entries")
def add(uid: str) -> dict:
    """Add entries to the record (merge_entries), as a save of that number.

    For the last request of a window, in which browsers send no more than 64 kB.
    """
    services.require_own(uid)
    entries, order = read_save()
    if order is None:
        raise Unusable("malformed", 400)
    stored = services.records.load(uid)
    if stored is None:
        raise Unusable("unknown", 404)
    with refused_if_malformed():
        text = merge_entries(stored, entries)
    if len(text) > services.options.max_record_bytes:
        raise Unusable("too-large", 413)
    return confirm(services.records.save(uid, text, *order))


class Unusable(Exception):
    """What was sent cannot be stored; the record is as it was before."""

    def __init__(self, reason: str, status: int):
        super().__init__(reason)
        self.reason, self.status = reason, status


@blueprint.errorhandler(Unusable)
def answer_unusable(why: Unusable) -> Response:
    """An answer for scripts."""
    return make_response({"status": "not saved", "reason": why.reason}, why.status)


def read_save() -> tuple[str, tuple[int, int] | None]:
    """The body of the request, and its place in the order of saves. Raises Unusable."""
    if not request.is_json:
        raise Unusable("not-json", 415)
    if (request.content_length or 0) > services.options.max_record_bytes:
        drain()
        raise Unusable("too-large", 413)
    with refused_if_malformed():
        return request.get_data(cache=False).decode(), read_order(request.args)


@contextmanager
def refused_if_malformed() -> Iterator[None]:
    """Turns what goes wrong in reading what was sent into Unusable."""
    try:
        yield
    except (ValueError, RecursionError):
        raise Unusable("malformed", 400) from None


def confirm(saved: Saved) -> dict:
    """What the browser is told. Raises Unusable."""
    if saved is Saved.UNKNOWN:
        raise Unusable("unknown", 404)
    if saved is Saved.SUPERSEDED:
        raise Unusable("newer-window", 409)
    return {"status": "user data saved"}


def drain() -> None:
    """Read on for a while without keeping it: a browser that still sends takes no answer."""
    left = min(request.content_length, DRAINED * services.options.max_record_bytes)
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
