"""The copy of a person's data that they may ask for: a folder of files that people can read."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from study.database.entries import complete
from study.database.erasure import find_tables
from study.database.reader import Participants
from study.erasure.files import COPIES, DATA
from study.erasure.people import Person
from study.export.download import download
from study.export.filters import Filter
from study.messages import StudyError
from study.signing import private

ENTRIES = "study_entries"  # which are in the record by then
EVERYTHING, README = "everything.json", "README.txt"
WORDS = """\
{title}
Your data, as they were stored on {today}.

These files hold everything that the study has stored about you. Any text editor opens them; a
spreadsheet such as LibreOffice shows the .csv files as tables.

  participants.csv    when you took part, in which condition, how far you came
  trialdata.csv       what you did in the task, a row for each step
  questiondata.csv    your answers to questions
  eventdata.csv       events such as leaving the study's window
  identifiers.csv     the ids under which your data are stored
  {everything}     all of it as the study's database has it, and nothing left out
  codebook.md         what each column of the tables means

In the tables you have the name {pseudonym}, made for you, so that others who work
with the data do not see your id.

If you ask us to delete your data, this is what we delete:

{places}

An amount that was paid to you stays in the study's accounts, without your name or id.
"""


def write_copy(
    person: Person,
    participants: Participants,
    folder: Path,
    pseudonym_key: bytes,
    title: str,
    places: Iterator[str],
) -> Path:
    """Write the folder and return it. ``places`` describe where the data are.

    Raises StudyError if the database has nothing of the person.
    """
    whose = [each for each in person.participations if each.about]
    if not whose:
        cause = "The database has nothing of this person."
        raise StudyError(cause, "What files have of them, `study erase` shows before it asks.")
    out = folder / DATA / f"{COPIES}{whose[0].pseudonym}"
    is_theirs = sa.column("uniqueid").in_(person.uniqueids)
    only = Filter(is_theirs, sa.literal("other participants, who are not in this copy"))
    download(participants, out, pseudonym_key, [only])
    everything = json.dumps(_read_everything(person, participants), indent=2, ensure_ascii=False)
    words = WORDS.format(
        title=title, today=f"{datetime.now(UTC):%Y-%m-%d}", everything=EVERYTHING,
        pseudonym=" and ".join(each.pseudonym for each in whose), places="\n".join(places),
    )  # fmt: skip
    for name, text in {EVERYTHING: everything, README: words}.items():
        with open(out / name, "wb", opener=private) as file:
            file.write(text.encode("utf-8", "backslashreplace"))
    return out


def _read_everything(person: Person, participants: Participants) -> dict[str, list[dict]]:
    """Return the person's rows in each table, as JSON can hold them, with complete records."""
    found = {}
    with participants.snapshot() as connection:
        saves = participants.read_entries(connection)
        for name, table in find_tables(participants).items():
            if name == ENTRIES:
                continue
            query = sa.select(table).where(table.c.uniqueid.in_(person.uniqueids))
            rows = [dict(row) for row in connection.execute(query).mappings()]
            if name == participants.table.name:
                for row in rows:
                    row["datastring"] = complete(row["uniqueid"], row["datastring"], saves)
            found[name] = [{k: _readable(k, v) for k, v in row.items()} for row in rows]
    return {name: rows for name, rows in found.items() if rows}


def _readable(column: str, value: object) -> object:
    if column == "datastring" and isinstance(value, str):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value  # as it came
    return value if isinstance(value, int | float | str | None) else str(value)
