"""What the study has stored of the robots, in files as `study data` writes them."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from study.database.reader import open_database
from study.export.download import SUPERSEDED, TABLES, UNREADABLE, download
from study.export.filters import read_filters
from study.robots.participant import Outcome
from study.signing import read_pseudonym_key
from study.statuses import SIMULATED

FOLDER = Path("data", "simulated")  # in the study's; git ignores data/
DATABASE, SHEET, PICTURES = "participants.db", "contact-sheet.html", "pages"
# All that `study try` writes, and so all that it may delete.
FILES = (
    *(f"{DATABASE}{end}" for end in ("", "-journal", "-wal", "-shm")),
    *(f"{name}.csv" for name in (*TABLES, "quality", "identifiers")),
    *("codebook.md", UNREADABLE, SUPERSEDED, SHEET),
)


def clean(folder: Path) -> int:
    """Delete everything that robots have left in the study; return how many files that were.

    A file of the researcher's in the same folder stays.
    """
    place = folder / FOLDER
    found = [place / name for name in FILES if (place / name).is_file()]
    found += (place / PICTURES).glob("*/*.jpg")
    for file in found:
        file.unlink()
    for each in (*(place / PICTURES).glob("*"), place / PICTURES, place):
        with suppress(OSError):  # it is not there, or not empty
            each.rmdir()
    return len(found)


def database_url(folder: Path) -> str:
    return f"sqlite:///{(folder / FOLDER / DATABASE).absolute()}"


def write_data(folder: Path) -> None:
    """Write the files of `study data` about the robots."""
    robots, key = open_database(database_url(folder)), read_pseudonym_key(folder)
    download(robots, folder / FOLDER, key, read_filters(mode=[SIMULATED]))


def fill_in(outcomes: Iterable[Outcome], folder: Path) -> None:
    """Add what the written files say about each robot: its condition, and its lines of data."""
    names = {row["uniqueid"]: row["participant"] for row in read_rows(folder, "identifiers")}
    people = {row["participant"]: row for row in read_rows(folder, "participants")}
    lines = Counter(row["participant"] for row in read_rows(folder, "trialdata"))
    for outcome in outcomes:
        if name := names.get(outcome.uniqueid):
            outcome.stored = lines[name]
            outcome.condition = int(people[name]["cond"])
            outcome.counterbalance = int(people[name]["counterbalance"])


def read_rows(folder: Path, name: str) -> Iterator[dict[str, str]]:
    with open(folder / FOLDER / f"{name}.csv", newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)
