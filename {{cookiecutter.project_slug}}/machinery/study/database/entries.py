"""Entries, and the one merge that makes a record of them.

A record is psiTurk's: a JSON object in the column ``datastring``. While a task runs, the browser
sends what is new as entries, JSON lists:

    ["trial", dateTime, trialdata]     ["event", {eventtype, value, timestamp, interval}]
    ["answer", question, value]        ["attributes", {name: value, …}]

Several make a save, a row of study_entries. A browser window numbers its entries from 1, and the
record's ``windows`` says how many of each window it holds, so an entry enters the record once,
however often it comes. All are handled as JSON texts: a record of megabytes never becomes objects.
"""

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec

_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_outline = msgspec.json.Decoder(list[msgspec.Raw] | dict[str, msgspec.Raw]).decode
_decode_entries = msgspec.json.Decoder(list[list[msgspec.Raw]]).decode
# The parts of a record to which entries add, all psiTurk's but one, and how their JSON begins.
GROWING = {"data": "[", "eventdata": "[", "questiondata": "{", "windows": "{", "currenttrial": ""}
LONGEST_PLACE = 64  # characters of the column last_place
LISTED = ("data", "eventdata", "questiondata")
EMPTY = {
    "condition": "0", "counterbalance": "0", "assignmentId": "0", "workerId": "0", "hitId": "0",
    "currenttrial": "0", "bonus": "0", "data": "[]", "questiondata": "{}", "eventdata": "[]",
    "windows": "{}",
}  # fmt: skip


@dataclass(frozen=True)
class Save:
    """Entries of one window, as a JSON list; ``first`` is the number of the first of them."""

    window: int
    first: int
    text: str

    @classmethod
    def unpack(cls, window: int, first: int, packed: bytes) -> "Save":
        """Return the save in a row of study_entries."""
        return cls(window, first, zlib.decompress(packed, -zlib.MAX_WBITS).decode())

    @property
    def packed(self) -> bytes:
        """The entries as the table holds them, which halves what PostgreSQL writes to its log."""
        return zlib.compress(self.text.encode(), 1, -zlib.MAX_WBITS)

    @cached_property
    def entries(self) -> list[list[str]]:
        """The parts of each entry. Raises like ``read_entries``."""
        return read_entries(self.text)

    @property
    def last(self) -> int:
        return self.first + len(self.entries) - 1

    def after(self, number: int) -> "Save":
        """Return the entries that follow the one with that number."""
        rest = self.entries[number - self.first + 1 :]
        return Save(self.window, number + 1, _write_list(map(_write_list, rest)))


def read_entries(text: str) -> list[list[str]]:
    """Return the parts of each entry, as JSON texts.

    Raises ValueError if these are no entries, RecursionError if they are nested too deeply.
    """
    try:
        entries = [[str(part, "utf-8") for part in entry] for entry in _decode_entries(text)]
    except msgspec.MsgspecError:  # halves of emoji, which JavaScript can cut, are no error
        read = _load(text)
        if not isinstance(read, list) or not all(isinstance(entry, list) for entry in read):
            raise ValueError("not a list of lists") from None
        entries = [[json.dumps(part) for part in entry] for entry in read]
    if not (entries and all(map(_is_entry, entries))):
        raise ValueError("not entries")
    return entries


def _is_entry(entry: list[str]) -> bool:
    match entry:
        case ['"trial"', time, _]:
            return time[0] in "-0123456789"
        case ['"event"' | '"attributes"', content]:
            return content.startswith("{")
        case ['"answer"', name, *value]:
            return name.startswith('"') and len(value) <= 1
    return False


def read_object(text: str) -> dict[str, str]:
    """Return the values of a JSON object, as JSON texts. Raises like ``read_entries``."""
    try:
        return {name: str(value, "utf-8") for name, value in _decode_object(text).items()}
    except msgspec.MsgspecError:
        if not isinstance(read := _load(text), dict):
            raise ValueError("not an object") from None
        return {name: json.dumps(value) for name, value in read.items()}


def count_entries(record: str) -> tuple[int, int]:
    """Return how many trials a record has, and how many events and answers.

    Raises like ``read_entries`` if it is no JSON object.
    """
    parts = read_object(record)
    trials, *others = (_count(parts.get(name, "[]")) for name in LISTED)
    return trials, sum(others)


def _count(text: str) -> int:
    try:
        return len(_decode_outline(text))
    except msgspec.MsgspecError:  # halves of emoji, or neither a list nor an object
        read = _load(text)
        return len(read) if isinstance(read, list | dict) else 0


def _load(text: str) -> Any:
    return json.loads(text, parse_constant=int)  # which raises: NaN is not JSON


def merge(uniqueid: str, record: str, saves: Iterable[Save]) -> tuple[str, dict[str, int]]:
    """Return the record with those entries that it lacks, and how many it has of each window.

    ``saves`` are in the order of their windows and numbers.
    """
    parts = _take_apart(record)
    answers, windows = read_object(parts["questiondata"]), json.loads(parts["windows"])
    trials, owner = int(parts["currenttrial"]), json.dumps(uniqueid)
    added: dict[str, list[str]] = {"data": [], "eventdata": []}
    for save in saves:
        window = str(save.window)
        for number, entry in enumerate(save.entries, start=save.first):
            if number <= windows.get(window, 0):
                continue
            windows[window] = number
            match entry:
                case ['"trial"', time, trial]:
                    about = f'"uniqueid":{owner},"current_trial":{trials},"dateTime":{time}'
                    added["data"].append(f'{{{about},"trialdata":{trial}}}')
                    trials += 1
                case ['"event"', event]:
                    added["eventdata"].append(event)
                case ['"answer"', name, *value]:  # JSON has no undefined
                    answers[json.loads(name)] = value[0] if value else "null"
                case [_, attributes]:
                    for name, value in read_object(attributes).items():
                        parts[f"{name} (set)" if name in GROWING else name] = value
    parts |= {"questiondata": _write_object(answers), "windows": json.dumps(windows)}
    parts["currenttrial"] = str(trials)
    for name, items in added.items():
        inside = parts[name].strip()[1:-1].strip()
        parts[name] = _write_list([inside, *items] if inside else items)
    return _write_object(parts), windows


def find_place(saves: Sequence[Save]) -> str | None:
    """Return the page or block from which the last of these entries come; None if none says."""
    for save in reversed(saves):
        for entry in reversed(save.entries):
            if place := _read_place(entry):
                return place[:LONGEST_PLACE]
    return None


def _read_place(entry: list[str]) -> str:
    """Read it from a page that is shown, or from what a trial says of itself."""
    with suppress(ValueError, RecursionError):  # of a trial that is no object
        match entry:
            case ['"attributes"', attributes]:
                return _read_text(read_object(attributes), "page")
            case ['"trial"', _, trial]:
                trial = read_object(trial)
                phase, block = (_read_text(trial, name) for name in ("phase", "block"))
                named = phase and block and f"{phase}, block {block}"
                return _read_text(trial, "template") or named or phase or block
    return ""


def _read_text(values: dict[str, str], name: str) -> str:
    value = json.loads(values.get(name, "null"))
    is_name = isinstance(value, str | int) and not isinstance(value, bool)
    return str(value).replace("\0", "") if is_name else ""


def initial_record(row: Any) -> str:
    """Return psiTurk's record of somebody who has saved nothing, given their row."""
    cell = {"condition": row.cond, "counterbalance": row.counterbalance}
    ids = {"assignmentId": row.assignmentid, "workerId": row.workerid, "hitId": row.hitid}
    return json.dumps(cell | ids | {"bonus": row.bonus})


def complete(uniqueid: str, record: str | None, saves: Mapping[str, Sequence[Save]]) -> str | None:
    """Return a record as it is in the database, with what the saves of that participant add."""
    if uniqueid in saves:
        return merge(uniqueid, record or "{}", saves[uniqueid])[0]
    return record


def _take_apart(record: str) -> dict[str, str]:
    """Return the parts of a record. One that entries cannot be added to becomes a part itself."""
    with suppress(ValueError, RecursionError):
        parts = EMPTY | read_object(record)
        counts = [parts["currenttrial"], *read_object(parts["windows"]).values()]
        is_right = all(parts[name].startswith(start) for name, start in GROWING.items())
        if is_right and all(map(str.isdecimal, counts)):
            return parts
    return EMPTY | {"unreadable": json.dumps(record)}


def _write_list(items: Iterable[str]) -> str:
    return f"[{','.join(items)}]"


def _write_object(values: dict[str, str]) -> str:
    return f"{{{','.join(f'{json.dumps(name)}:{value}' for name, value in values.items())}}}"
