"""Whose thank-you code is this? `study verify`.

The code is made of the participant's record and the study's key (signing.py), so nobody can
make one up, and it need not be stored.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from sqlalchemy import Row, select

from study import signing
from study.database.reader import Participants, find_key, find_study
from study.errors import StudyError
from study.export import pseudonym, read_pseudonym_key
from study.statuses import STATUS_NAMES, TEST_MODES

LENGTH = 10  # letters and digits of a code
EXAMPLE = "7F3K-9QWE-2D"


def run_verify(folder: Path, typed: Iterable[str], file: Path | None, local: bool) -> bool:
    """Print whose each code is; returns whether all are of this study. Raises StudyError.

    ``file`` has a code in each line, alone or in a column beside others.
    """
    lines = list(read_typed(typed)) + (read_file(file) if file else [])
    if not lines:
        raise StudyError("There is no code to look up.", f"For example: study verify {EXAMPLE}")
    participants, settings = find_study(folder, local)
    owners = find_owners(participants, find_key(participants, settings))
    pseudonym_key = read_pseudonym_key(folder)
    unknown = 0
    for line in lines:
        code = code_in(line, owners)
        if code in owners:
            name = pseudonym(pseudonym_key, owners[code].uniqueid)
            print(f"{line}\n  participant {name}, {describe(owners[code])}")
        else:
            unknown += 1
            print(f"{line}\n  {why_unknown(line)}")
    print(f"Codes of participants of this study: {len(lines) - unknown} of {len(lines)}.")
    return not unknown


def read_typed(words: Iterable[str]) -> Iterator[str]:
    """The codes typed on the command line, put together again where they were typed with spaces."""
    whole = ""
    for word in words:
        if whole and _size(word) >= LENGTH:  # what came before is too short to be one
            yield whole
            whole = ""
        whole = f"{whole} {word}".strip()
        if _size(whole) >= LENGTH:
            yield whole
            whole = ""
    if whole:
        yield whole


def _size(text: str) -> int:
    return len(re.sub(r"[^0-9A-Za-z]", "", text))


def read_file(file: Path) -> list[str]:
    """The lines that are not empty. Raises StudyError if the file cannot be read."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise StudyError(f"{file} cannot be read: {reason}.", "Save it as UTF-8 text.") from error
    return [line.strip() for line in lines if line.strip()]


def find_owners(participants: Participants, key: str) -> dict[str, Row]:
    """Every participant by the code that only they were shown."""
    if participants.table is None:
        return {}
    c = participants.table.c
    query = select(c.uniqueid, c.workerid, c.hitid, c.mode, c.status, c.endhit)
    with participants.snapshot() as connection:
        rows = connection.execute(query).all()
    return {signing.participant_code(key, row.uniqueid): row for row in rows}


def code_in(line: str, owners: dict[str, Row]) -> str:
    """The code of a participant that stands in the line; empty if none does."""
    fields = [line, *re.split(r"[,;\t]", line)]
    codes = [signing.normalised_code(field) for field in fields]
    return next((code for code in codes if code in owners), "")


def describe(row: Row) -> str:
    """What is needed to give this participant what they were promised."""
    parts = [f"worker {row.workerid}", f"label {row.hitid}", f"mode {row.mode}"]
    parts.append(STATUS_NAMES.get(row.status, f"status {row.status}"))
    if row.endhit:
        parts.append(f"finished {row.endhit:%Y-%m-%d %H:%M} UTC")
    if row.mode in TEST_MODES:
        parts.append("a trial run, not a participant")
    return ", ".join(parts)


def why_unknown(line: str) -> str:
    """What to say about a line that holds no participant's code."""
    if any(signing.normalised_code(field) for field in re.split(r"[,;\t]", line)):
        return "unknown: no participant of this study has that code"
    return f"no code: a code has {LENGTH} letters and digits, for example {EXAMPLE}"
