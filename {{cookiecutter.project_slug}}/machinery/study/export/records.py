"""What a participant's record holds, as rows: psiTurk's trials, events and answers.

psiTurk keeps one JSON text for each participant (datastring in `psiturk/models.py`), as a
browser sent it. A record of psiTurk's form is decoded in one go. Any other is read piece by
piece: what can be understood becomes rows, and what cannot is reported.
"""

import json
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, NoReturn

import msgspec
from msgspec.structs import astuple

# The key in a record of each file's rows, and their columns, in psiTurk's words (get_trial_data
# and the two after it in `psiturk/models.py`). A trial has columns of its own besides.
PARTS = {"trialdata": "data", "eventdata": "eventdata", "questiondata": "questiondata"}
COLUMNS = {
    "trialdata": ("current_trial", "dateTime"),
    "eventdata": ("eventtype", "interval", "value", "timestamp"),
    "questiondata": ("question", "answer"),
}
WHOLE = None  # in place of a key: the column of trials that are not split into keys
MOST_KEYS = 1000
# An escape in JSON. Two surrogates make one character; a single one is half of it.
ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)
UNDECODABLE = (msgspec.MsgspecError, UnicodeError, RecursionError)


class TooManyKeys(Exception):
    """The trials have more different keys than a table can have columns."""


def define_record(trialdata: Any) -> type:
    """Return the type of a record, given that of what a trial recorded."""
    trial = msgspec.defstruct("Trial", [*COLUMNS["trialdata"], ("trialdata", trialdata)], gc=False)
    parts = {"data": list[trial], "eventdata": list[Event], "questiondata": dict[str, Any]}
    return msgspec.defstruct("Record", parts.items(), gc=False)


Event = msgspec.defstruct("Event", COLUMNS["eventdata"], gc=False)
Record = define_record(Any)
decode_record = msgspec.json.Decoder(Record).decode


class RecordReader:
    """Reads records one after another, and learns which keys their trials have.

    ``keys`` are in the order in which they first appeared. The row of a trial ends with one
    cell for each key that was known by then. With ``whole``, trials are not split into keys.
    """

    def __init__(self, whole: bool = False):
        self.keys: dict[str | None, None] = {WHOLE: None} if whole else {}
        self._whole = whole
        self._decode = decode_record if whole else find_decoder(self.keys)

    def read(self, text: str) -> tuple[dict[str, list[tuple]], list[str]]:
        """Return the rows for each file, and what could not be understood. Raises TooManyKeys."""
        problems: list[str] = []
        try:
            record, cells = self._decode(text), self._cells if self._whole else astuple
        except UNDECODABLE:
            record, problems = read_record(text)
            self._learn_keys(record, problems)
            cells = self._cells
        rows = {
            "trialdata": [
                (trial.current_trial, trial.dateTime, *cells(trial.trialdata))
                for trial in record.data
            ],
            "eventdata": list(map(astuple, record.eventdata)),
            "questiondata": list(record.questiondata.items()),
        }
        return rows, problems

    def _split(self, trialdata: Any) -> dict:
        is_split = isinstance(trialdata, dict) and not self._whole
        return trialdata if is_split else {WHOLE: trialdata}

    def _cells(self, trialdata: Any) -> Iterable:
        return map(self._split(trialdata).get, self.keys)

    def _learn_keys(self, record: Any, problems: list[str]) -> None:
        keys = dict.fromkeys(key for trial in record.data for key in self._split(trial.trialdata))
        if len(keys) > MOST_KEYS:
            problems.append(f"trialdata: {len(keys)} different keys")
            record.data = []
        elif not keys.keys() <= self.keys.keys():
            self.keys |= keys
            if len(self.keys) > MOST_KEYS:
                raise TooManyKeys
            self._decode = find_decoder(self.keys)


def find_decoder(keys: Iterable[str | None]) -> Callable[[str], Any]:
    """Return a decoder for records of psiTurk's form whose trials have no keys but these.

    It fills a struct for each trial, which takes two thirds of the time of dictionaries.
    """
    names = {f"f{number}": key for number, key in enumerate(keys)}
    fields = [(name, Any, None) for name in names]
    options = {"rename": names, "forbid_unknown_fields": True, "gc": False}
    try:
        if WHOLE in names.values():
            return decode_nothing
        cells = msgspec.defstruct("Cells", fields, **options)
    except (TypeError, ValueError):  # a key that msgspec does not accept
        return decode_nothing
    return msgspec.json.Decoder(define_record(cells)).decode


def decode_nothing(text: str) -> NoReturn:
    raise msgspec.DecodeError


def read_record(text: str) -> tuple[Any, list[str]]:
    """Return whatever can be understood of a record, and what cannot."""
    with suppress(*UNDECODABLE):
        return decode_record(text), []
    record, problems = Record([], [], {}), []
    mended = ESCAPE.sub(lambda match: r"\ufffd" if match["half"] else match[0], text)
    try:
        sent = json.loads(mended)
    except (ValueError, RecursionError) as error:
        return record, [str(error)]
    if mended != text:
        problems.append("half of a character, written as \ufffd")
    if not isinstance(sent, dict) or (sent and sent.keys().isdisjoint(PARTS.values())):
        return record, [*problems, "not a record of psiTurk's"]
    for name, part in PARTS.items():
        try:
            if part in sent:
                setattr(record, part, msgspec.convert(sent[part], Record.__annotations__[part]))
        except msgspec.ValidationError as error:
            problems.append(f"{name}: {error}")
    return record, problems
