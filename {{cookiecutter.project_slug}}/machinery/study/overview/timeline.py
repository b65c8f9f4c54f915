"""When people came, finished and were lost: numbers by stretches of equal length."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement

from study.config import Config
from study.database.reader import Participants
from study.overview import figures
from study.overview.counting import Columns, epoch
from study.overview.figures import Overview

STATES = ("arrived", figures.FINISHED, figures.GONE)  # the lists of a timeline
MOST = 96  # stretches
MINUTE = 60
LENGTHS = [MINUTE * minutes for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720)]
DAY = 24 * 60 * MINUTE


def collect_timeline(
    participants: Participants, settings: Config, overview: Overview
) -> dict[str, Any]:
    """Count those who are counted in the overview, from the first arrival until its moment.

    ``begin`` and ``seconds`` say when each stretch was; the lists of STATES have a number for each.
    ``gone`` counts people by when they were heard of last. Raises StudyError if the database cannot
    be read.
    """
    if participants.table is None or overview.first_arrival is None:
        return {"begin": None, "seconds": MINUTE} | dict.fromkeys(STATES, ())
    begin, end = map(to_seconds, (overview.first_arrival, overview.moment))
    length = choose_length(end - begin)
    begin -= begin % length
    numbers = {name: [0] * (max(0, end - begin) // length + 1) for name in STATES}
    columns = Columns(participants.table, settings.study, overview.moment)
    with participants.snapshot() as connection:
        groups = connection.execute(group_by_stretches(columns, begin, length))
        for arrived, ended, standing, number in groups:
            add(numbers["arrived"], arrived, number)
            if (state := figures.state_of(standing)) in numbers:
                add(numbers[state], ended, number)
    first = datetime.fromtimestamp(begin, UTC).replace(tzinfo=None)
    return {"begin": first, "seconds": length} | numbers


def group_by_stretches(columns: Columns, begin: int, length: int) -> sa.Select:
    """Count people by where they stand and when they came and were heard of last."""
    table = columns.table.c
    last_heard = sa.func.coalesce(table.endhit, columns.get("last_saved"), table.beginhit)

    def stretch(column: ColumnElement[datetime]) -> ColumnElement[int]:
        return sa.cast(sa.func.floor((epoch(column) - begin) / length), sa.Integer)

    keys = (stretch(table.beginhit), stretch(last_heard), columns.standing)
    query = sa.select(*keys, sa.func.count()).where(columns.is_real, columns.is_present)
    return query.group_by(*map(sa.literal_column, "123"))


def add(numbers: list[int], stretch: int | None, number: int) -> None:
    """Add to a stretch, if it is one: a clock may have been wrong."""
    if stretch is not None and 0 <= stretch < len(numbers):
        numbers[stretch] += number


def choose_length(span: int) -> int:
    """The seconds of a stretch, so that there are at most MOST of them (or whole days)."""
    needed = span / MOST
    fitting = (length for length in LENGTHS if length >= needed)
    return next(fitting, DAY * max(1, -int(-needed // DAY)))


def to_seconds(time: datetime) -> int:
    return int(time.replace(tzinfo=UTC).timestamp())
