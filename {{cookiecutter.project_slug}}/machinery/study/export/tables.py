"""The study's files: participants, trials, events and answers under pseudonyms.

What stands where:

    participants.csv   psiTurk's row of each participant, without the ids
    trialdata.csv      a row for each trial, a column for each key of the trials
    eventdata.csv, questiondata.csv   as psiTurk has them
    identifiers.csv    the real ids, apart
    unreadable.jsonl   records that could not be read whole, as they are
"""

import json
from collections.abc import Iterable

from study.export.batches import Part
from study.export.csv_format import count_rows
from study.export.files import UNREADABLE
from study.export.lines import Lines
from study.export.pseudonyms import pseudonym
from study.export.records import COLUMNS, PARTS, Contents
from study.export.source import Reader

TABLES = ("participants", *PARTS)
IDENTIFIERS = ("uniqueid", "workerid", "assignmentid", "hitid", "ipaddress")
NOT_SHOWN = ("datastring", "record_version")  # the record itself, and the order of its saves
NUMBERS = {"cond": int, "counterbalance": int, "status": int, "bonus": float}


def described(columns: Iterable[str]) -> list[str]:
    """Of the columns of psiTurk's table, those that stand in participants.csv."""
    return [name for name in columns if name not in (*IDENTIFIERS, *NOT_SHOWN)]


def headers(columns: Iterable[str], keys: list[str | None]) -> dict[str, tuple[str, ...]]:
    """The columns of each file, by its name without .csv."""
    names = {name: ("participant", *COLUMNS[name]) for name in PARTS}
    names["trialdata"] += trial_columns(names["trialdata"], keys)
    ids = [name for name in IDENTIFIERS if name in columns]
    return {
        "participants": ("participant", "worker", *described(columns)),
        **names,
        "identifiers": ("participant", "worker", *ids),
    }


def trial_columns(taken: tuple[str, ...], keys: list[str | None]) -> tuple[str, ...]:
    """A column name for each key of the trials; one that is taken or empty gets a prefix."""
    names = list(taken)
    for key in keys:
        name = "trialdata" if key is None else key or "trialdata."
        while name in names:
            name = f"trialdata.{name}"
        names.append(name)
    return tuple(names[len(taken) :])


def first_keys(reader: Reader, ids: Iterable[str]) -> list[str | None]:
    """The keys in the trials of some participants, so that parts begin with the same ones."""
    contents = Contents()
    for uniqueid, datastring in reader.of(ids, ("uniqueid", "datastring")):
        if datastring:
            contents.read(uniqueid.decode(), datastring)
    return contents.keys


def make_part(
    reader: Reader, ids: Iterable[str], *, key: bytes, columns: list[str],
    keys: list[str | None], whole: bool,
) -> Part:  # fmt: skip
    """The lines for these participants.

    ``columns`` are those of psiTurk's table, ``keys`` the keys of trials that are known. With
    ``whole``, trials are not taken apart. Raises TooManyKeys.
    """
    part = _make_part(reader, ids, key, columns, Contents(keys, whole))
    if part.keys != keys and not whole:  # the lines before the new keys lack cells
        part = _make_part(reader, ids, key, columns, Contents(part.keys))
    return part


def _make_part(
    reader: Reader, ids: Iterable[str], key: bytes, columns: list[str], contents: Contents
) -> Part:
    identifiers, others = [c for c in IDENTIFIERS if c in columns], described(columns)
    lines = {name: Lines(len(header)) for name, header in headers(columns, contents.keys).items()}
    part, kept, people, identities = Part(), [], [], []
    for row in reader.of(ids, [*identifiers, *others, "datastring"]):
        told = dict(zip((*identifiers, *others, "datastring"), row, strict=True))
        who, worker = (pseudonym(key, told[name]) for name in ("uniqueid", "workerid"))
        identities.append((who, worker, *(_value(c, told[c]) for c in identifiers)))
        people.append((who, worker, *(_value(c, told[c]) for c in others)))
        if not told["datastring"]:
            part.without_data += 1
            continue
        found = contents.read(who, told["datastring"])
        for name, rows in found.rows.items():
            lines[name].add(rows)
        if found.problems:
            part.problems += (f"{who}: {problem}" for problem in found.problems)
            raw = told["datastring"].decode(errors="backslashreplace")
            problem = {"participant": who, "problem": "; ".join(found.problems), "raw": raw}
            kept.append(json.dumps(problem).encode() + b"\n")
    lines["identifiers"].add(identities)
    lines["participants"].add(people)
    part.keys = contents.keys
    part.texts = {name: some.end() for name, some in lines.items()} | {UNREADABLE: b"".join(kept)}
    part.rows = {name: some.rows for name, some in lines.items()}
    part.counted = {name: count_rows(part.texts[name]) for name in lines}
    part.longest = max(some.longest for some in lines.values())
    part.observed = {name: some.observed for name, some in lines.items()}
    return part


def _value(column: str, text: bytes | None) -> str | int | float | None:
    if text is None:
        return None
    try:
        return NUMBERS.get(column, bytes.decode)(text)
    except ValueError:  # SQLite takes anything
        return text.decode(errors="replace")
