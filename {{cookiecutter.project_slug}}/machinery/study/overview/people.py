"""The participants one by one: where each of them stands. Nothing that they sent is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Row, func

from study.config import Config
from study.database.conditions import Cell
from study.database.participants import utc_now
from study.database.reader import Participants
from study.overview import figures
from study.overview.counting import Columns
from study.overview.names import name_cells, name_unknown


@dataclass(frozen=True)
class Person:
    """A participation. ``worker`` is the recruiter's id.

    ``reason`` says why somebody is gone, ``place`` where the last save came from that is noted.
    ``minutes`` are those from the arrival to the end, until now of who is at work, or else to the
    last save.
    """

    uniqueid: str
    worker: str
    condition: str
    state: str
    reason: str | None
    place: str | None
    arrived: datetime | None
    minutes: float | None


@dataclass(frozen=True)
class Search:
    """Which of them: of a state, in a condition, with that text in the recruiter's id.

    ``condition`` is a name; empty texts take all. ``offset`` and ``limit`` cut a page out.
    """

    state: str = ""
    condition: str = ""
    worker: str = ""
    offset: int = 0
    limit: int = 25


def list_people(
    participants: Participants, settings: Config, search: Search
) -> tuple[list[Person], int]:
    """Return a page of those who are counted in the overview, the latest first, and their number.

    Raises StudyError if the database cannot be read.
    """
    if participants.table is None:
        return [], 0
    columns = Columns(participants.table, settings.study, now := utc_now())
    names = name_cells(settings.folder, settings.study)
    where = select_people(columns, search, names)
    table = participants.table.c
    last_saved = columns.get("last_saved")
    named = [table[name] for name in ("uniqueid", "workerid", "cond", "counterbalance")]
    named += [table.beginhit, table.endhit, sa.type_coerce(last_saved, sa.DateTime).label("saved")]
    named += [columns.standing.label("standing"), columns.place.label("place")]
    query = sa.select(*named).where(where).order_by(table.beginhit.desc(), table.uniqueid)
    with participants.snapshot() as connection:
        number = connection.scalar(sa.select(func.count()).select_from(columns.table).where(where))
        rows = list(connection.execute(query.limit(search.limit).offset(search.offset)))
    return [describe(row, names, now) for row in rows], number


def select_people(
    columns: Columns, search: Search, names: Mapping[Cell, str]
) -> ColumnElement[bool]:
    table = columns.table.c
    wanted = [columns.is_real, columns.is_present]
    if search.state in figures.STAYING:
        wanted.append(columns.standing == search.state)
    elif search.state == figures.GONE:
        wanted.append(columns.standing.not_in(figures.STAYING))
    if search.condition:
        cells = [cell for cell, name in names.items() if name == search.condition]
        wanted.append(sa.tuple_(table.cond, table.counterbalance).in_(cells))
    if search.worker:
        wanted.append(func.lower(table.workerid).contains(search.worker.lower(), autoescape=True))
    return sa.and_(*wanted)


def describe(row: Row, names: Mapping[Cell, str], now: datetime) -> Person:
    cell, state = (row.cond, row.counterbalance), figures.state_of(row.standing)
    end = row.endhit or (now if state == figures.IN_PROGRESS else row.saved)
    lasted = (end - row.beginhit).total_seconds() / 60 if end and row.beginhit else None
    return Person(
        uniqueid=row.uniqueid,
        worker=row.workerid,
        condition=names.get(cell) or name_unknown(cell),
        state=state,
        reason=row.standing if state == figures.GONE else None,
        place=row.place,
        arrived=row.beginhit,
        minutes=round(lasted, 1) if lasted is not None and lasted >= 0 else None,
    )
