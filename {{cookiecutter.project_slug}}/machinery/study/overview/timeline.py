"""When people came, finished and were lost: numbers by stretches of equal length."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

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


@dataclass(frozen=True)
class Timeline:
    """``begin`` and ``seconds`` say when each stretch was; all lists have one number for each.

    ``gone`` counts people by when they were heard of last.
    """

    begin: datetime | None = None
    seconds: int = MINUTE
    arrived: Sequence[int] = ()
    finished: Sequence[int] = ()
    gone: Sequence[int] = ()


def collect_timeline(participants: Participants, settings: Config, overview: Overview) -> Timeline:
    """Count those who are counted in the overview, from the first arrival until its moment.

    Raises StudyError if the database cannot be read.
    """
    if participants.table is None or overview.first_arrival is None:
        return Timeline()
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
    return Timeline(datetime.fromtimestamp(begin, UTC).replace(tzinfo=None), length, **numbers)


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
