"""What a participant's record holds, as rows: psiTurk's trials, events and answers.

psiTurk keeps one JSON text for each participant (models.py, datastring), as a browser sent
it. Most are as psiTurk's client writes them, and those are read in one go. All others are
looked at piece by piece: what can be understood becomes rows, and what cannot is named.
"""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import msgspec
from msgspec.structs import astuple

from study.export.vocabulary import Vocabulary, Words, cell_type

# Where the rows of each file are in a record, and their columns, in psiTurk's words (models.py,
# get_trial_data and the two after it). A trial has its own columns besides.
PARTS = {"trialdata": "data", "eventdata": "eventdata", "questiondata": "questiondata"}
COLUMNS = {
    "trialdata": ("current_trial", "dateTime"),
    "eventdata": ("eventtype", "interval", "value", "timestamp"),
    "questiondata": ("question", "answer"),
}
WHOLE = None  # in place of a key: a trial that is not taken apart
MOST_KEYS = 1000
# What a backslash stands for in JSON. Two surrogates are one character; one is half of it.
ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)


class TooManyKeys(Exception):
    """The trials have more different keys than a table can have columns."""


@dataclass
class Found:
    """The rows of one record, and what could not be read in it."""

    rows: dict[str, list[tuple]] = field(default_factory=lambda: {part: [] for part in PARTS})
    problems: list[str] = field(default_factory=list)


class Contents:
    """Reads records one after the other, and learns what keys their trials have.

    ``keys`` are in the order in which they were met. The row of a trial ends with one cell
    for each key that was known by then. With ``whole``, no trial is taken apart.
    """

    def __init__(self, keys: Iterable[str | None] = (), whole: bool = False):
        self.keys = [WHOLE] if whole else list(keys)
        self._whole = whole

    def read(self, who: str, text: bytes) -> Found:
        """The rows of a record, each beginning with the participant. Raises TooManyKeys."""
        try:
            record = self._decode(text)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return self._read_carefully(who, text)
        found = Found()
        cells = (lambda told: (told,)) if self._whole else astuple
        found.rows["trialdata"] = [
            (who, trial.current_trial, trial.dateTime, *cells(trial.trialdata))
            for trial in record.data
        ]
        found.rows["eventdata"] = [(who, *astuple(event)) for event in record.eventdata]
        found.rows["questiondata"] = [(who, *answer) for answer in record.questiondata.items()]
        return found

    def _decode(self, text: bytes) -> Any:
        if self._whole:
            return _decode_whole(text)
        keys = tuple(self.keys)
        try:
            return _decoder(keys, _vocabulary.words(keys))(text)
        except msgspec.ValidationError:
            record = _decoder(keys, (None,) * len(keys))(text)
        _vocabulary.learn(keys, (astuple(trial.trialdata) for trial in record.data))
        return record

    def _read_carefully(self, who: str, text: bytes) -> Found:
        found = Found()
        try:
            sent = text.decode()
            mended = ESCAPE.sub(lambda match: r"\ufffd" if match["half"] else match[0], sent)
            record = json.loads(mended)
        except (ValueError, RecursionError) as error:
            found.problems.append(str(error))
            return found
        if mended != sent:
            found.problems.append("half of a character, written as \ufffd")
        if not isinstance(record, dict) or (record and record.keys().isdisjoint(PARTS.values())):
            found.problems.append("not a record of psiTurk's")
            return found
        readers = {"data": self._trials, "eventdata": _events, "questiondata": _answers}
        for part, name in PARTS.items():
            try:
                rows = readers[name](record[name]) if name in record else []
                found.rows[part] = [(who, *row) for row in rows]
            except (KeyError, TypeError, AttributeError, ValueError) as error:
                reason = f"no {error}" if isinstance(error, KeyError) else f"{error}"
                found.problems.append(f"{name}: {reason}")
        return found

    def _trials(self, trials: list[dict]) -> list[tuple]:
        rows, own = [], {}
        for trial in trials:
            told = trial["trialdata"]
            cells = told if isinstance(told, dict) and not self._whole else {WHOLE: told}
            rows.append((trial["current_trial"], trial["dateTime"], cells))
            own.update(dict.fromkeys(cells))
        if len(own) > MOST_KEYS:
            raise ValueError(f"{len(own)} different keys")
        self.keys += [key for key in own if key not in self.keys]
        if len(self.keys) > MOST_KEYS:
            raise TooManyKeys
        return [(*fixed, *map(cells.get, self.keys)) for *fixed, cells in rows]


def _events(events: list[dict]) -> list[tuple]:
    return [tuple(event[name] for name in COLUMNS["eventdata"]) for event in events]


def _answers(answers: dict) -> list[tuple]:
    return list(answers.items())


Event = msgspec.defstruct("Event", [(name, Any) for name in COLUMNS["eventdata"]], gc=False)


def _record(told: Any) -> Callable[[bytes], Any]:
    """Reads a record that has psiTurk's form, and such trials."""
    trial = [*((name, Any) for name in COLUMNS["trialdata"]), ("trialdata", told)]
    record = [
        ("data", list[msgspec.defstruct("Trial", trial, gc=False)]),
        ("eventdata", list[Event]),
        ("questiondata", dict[str, Any]),
    ]
    return msgspec.json.Decoder(msgspec.defstruct("Record", record, gc=False)).decode


_decode_whole = _record(Any)
_vocabulary = Vocabulary()  # of this process


@lru_cache(maxsize=4)
def _decoder(keys: tuple[str | None, ...], words: tuple[Words, ...]) -> Callable[[bytes], Any]:
    """Reads a record that has psiTurk's form, no keys in its trials but these, and no texts but
    these words."""
    fields = [(f"f{number}", cell_type(each), None) for number, each in enumerate(words)]
    names = {f"f{number}": key for number, key in enumerate(keys)}
    try:
        told = msgspec.defstruct("Told", fields, rename=names, forbid_unknown_fields=True, gc=False)
    except (TypeError, ValueError):  # a key that msgspec does not take, or WHOLE
        return _read_nothing
    return _record(told)


def _read_nothing(text: bytes) -> None:
    raise msgspec.DecodeError
