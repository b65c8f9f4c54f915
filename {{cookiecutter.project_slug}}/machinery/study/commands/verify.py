"""Looks up completion codes: `study verify`.

A code is derived from the participant's id and the study's secret key (signing.py), so it need
not be stored and cannot be invented.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from study import signing
from study.commands import find_study, read_lines
from study.messages import StudyError, printable
from study.signing import pseudonym, read_pseudonym_key
from study.statuses import STATUS_NAMES, TEST_MODES

if TYPE_CHECKING:
    from sqlalchemy import Row

    from study.database.reader import Participants

PATH = click.Path(path_type=Path)
EXAMPLE = "7F3K-9QWE-2D"
# A code in one word or more, as in `7f3k 9qwe 2d`; else, any word.
TYPED = re.compile(r"(?:[0-9A-Za-z][^0-9A-Za-z]*?){10}(?!\S)|\S+")


@click.command()
@click.argument("codes", nargs=-1)
@click.option("--file", type=PATH, help="A text or CSV file with one code per line.")
@click.option("--local", is_flag=True, help="Use the data on this computer, not those of the app.")
def verify(codes: tuple[str, ...], file: Path | None, local: bool) -> bool:
    """Look up completion codes. Exits with 1 if any is unknown."""
    lines = TYPED.findall(" ".join(codes))
    if file:
        lines += filter(None, map(str.strip, read_lines(file, "Save it as UTF-8 text.")))
    if not lines:
        raise StudyError("There is no code to look up.", f"For example: study verify {EXAMPLE}")
    participants, settings = find_study(Path.cwd(), local)
    owners = find_owners(participants, participants.find_key(settings))
    pseudonym_key = read_pseudonym_key(Path.cwd())
    found = 0
    for line in lines:
        candidates = [signing.normalised_code(part) for part in (line, *re.split(r"[,;\t]", line))]
        if owner := next((owners[code] for code in candidates if code in owners), None):
            found += 1
            name = pseudonym(pseudonym_key, owner.uniqueid)
            answer = f"participant {name}, {describe(owner)}"
        elif any(candidates):
            answer = "unknown: no participant of this study has that code"
        else:
            answer = f"no code: a code has 10 letters and digits, for example {EXAMPLE}"
        print(f"{printable(line)}\n  {printable(answer)}")
    print(f"Codes of participants of this study: {found} of {len(lines)}.")
    return found == len(lines)


def find_owners(participants: "Participants", key: str) -> dict[str, "Row"]:
    if participants.table is None:
        return {}
    table = participants.table
    columns = ("uniqueid", "workerid", "hitid", "mode", "status", "endhit")
    query = table.select().with_only_columns(*(table.c[name] for name in columns))
    with participants.snapshot() as connection:
        rows = connection.execute(query).all()
    return {signing.participant_code(key, row.uniqueid): row for row in rows}


def describe(row: "Row") -> str:
    """Describe a participant in the terms in which they were promised something."""
    status = STATUS_NAMES.get(row.status, f"status {row.status}")
    parts = [f"worker {row.workerid}", f"label {row.hitid}", f"mode {row.mode}", status]
    if row.endhit:
        parts.append(f"finished {row.endhit:%Y-%m-%d %H:%M} UTC")
    if row.mode in TEST_MODES:
        parts.append("a test run, not a participant")
    return ", ".join(parts)
