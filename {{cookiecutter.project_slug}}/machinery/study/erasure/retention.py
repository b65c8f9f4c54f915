"""Deletes what the consent page promised to keep no longer: identifiers first, then the data.

Every row of the database and every raw record tells who somebody is. So after the day for
identifiers only the tables of downloads are left, without the key that leads from an id to a name
in them. After the day for data, they go too.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from study.config import StudySettings
from study.database.reader import Participants
from study.erasure.files import CODEBOOK, COPIES, OF_PSITURK, Place, is_table
from study.erasure.rows import read_columns
from study.export.download import SUPERSEDED, UNFINISHED, UNREADABLE
from study.recruiters import RECRUITERS
from study.statuses import FINISHED

IDENTIFIERS, DATA_TOO = "identifiers of participants", "data of participants"
NEAR = timedelta(days=30)
AT_WORK = timedelta(days=1)  # in which somebody who came may still be in the task
RAW = (UNREADABLE, SUPERSEDED, "backup.dump")
REAL_IDS = {"uniqueid", "workerid", *(name for r in RECRUITERS.values() for name in r.id_columns)}


@dataclass(frozen=True)
class Promise:
    """A day until which something is kept, and what that is."""

    day: date
    what: str  # IDENTIFIERS or DATA_TOO

    def is_past(self, today: date) -> bool:
        return today > self.day

    def is_near(self, today: date) -> bool:
        return today + NEAR >= self.day


def list_promises(options: StudySettings) -> list[Promise]:
    """Return what config.txt promises, in the order of the days."""
    days = {IDENTIFIERS: options.retention_identifiers, DATA_TOO: options.retention}
    return [Promise(day, what) for what, day in days.items() if day]


def find_due(options: StudySettings, today: date) -> str:
    """Return what is to be deleted on that day: everything, identifiers, or nothing."""
    past = [each.what for each in list_promises(options) if each.is_past(today)]
    return past[-1] if past else ""


def find_files(due: str, downloads: Mapping[Path, Path]) -> Iterator[Place]:
    """Yield the files to delete, besides the key of the pseudonyms.

    Files of the researcher's own, without columns that name participants, are not among them.
    """
    for path, top in downloads.items():
        if tells_who(path, path.relative_to(top)) or (due == DATA_TOO and has_data(path)):
            yield Place(path, "all")


def tells_who(path: Path, inside: Path) -> bool:
    """Return whether a file of a download, at that path inside its folder, has real ids."""
    columns = read_columns(path) if is_table(path) else set()
    return (
        inside.parts[0] == "bonuses"
        or inside.parts[0].startswith((COPIES, UNFINISHED))
        or path.name in RAW
        or (path.name in OF_PSITURK and "participant" not in columns)
        or not columns.isdisjoint(REAL_IDS)
    )


def has_data(path: Path) -> bool:
    """Return whether a file has rows of participants, under whatever name."""
    return path.name == CODEBOOK or (is_table(path) and "participant" in read_columns(path))


def count_at_work(participants: Participants) -> int:
    """Return how many may be taking part right now. Raises StudyError."""
    if participants.table is None:
        return 0
    columns = participants.table.c
    since = datetime.now(UTC).replace(tzinfo=None) - AT_WORK
    is_open = columns.status.not_in(FINISHED) & (columns.beginhit > since)
    if "ending" in columns:  # newer than the table
        is_open &= sa.func.coalesce(columns.ending, "") == ""
    with participants.snapshot() as connection:
        query = sa.select(sa.func.count()).select_from(participants.table)
        return connection.scalar(query.where(is_open))
