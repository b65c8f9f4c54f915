"""When people came, finished and were lost: numbers by stretches of equal length."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection, func

from study.config import Config
from study.database.participants import utc_now
from study.database.reader import Participants
from study.overview import figures
from study.overview.counting import Columns

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


def collect_timeline(participants: Participants, settings: Config) -> Timeline:
    """Count those who are counted in the overview, from the first arrival until now.

    Raises StudyError if the database cannot be read.
    """
    if participants.table is None:
        return Timeline()
    now = utc_now()
    columns = Columns(participants.table, settings.study, now)
    table = participants.table.c
    counted = columns.is_real & columns.is_present
    last_heard = func.coalesce(table.endhit, columns.get("last_saved"), table.beginhit)
    with participants.snapshot() as connection:
        first = connection.scalar(sa.select(func.min(table.beginhit)).where(counted))
        if first is None:
            return Timeline()
        begin, end = to_seconds(first), to_seconds(now)
        length = choose_length(end - begin)
        begin -= begin % length
        numbers = {
            "arrived": (table.beginhit, counted),
            "finished": (table.endhit, counted & columns.is_finished),
            "gone": (last_heard, counted & (columns.state == figures.GONE)),
        }
        stretches = max(0, end - begin) // length + 1
        found = {
            name: count(connection, column, where, begin, length, stretches)
            for name, (column, where) in numbers.items()
        }
    return Timeline(datetime.fromtimestamp(begin, UTC).replace(tzinfo=None), length, **found)


def choose_length(span: int) -> int:
    """The seconds of a stretch, so that there are at most MOST of them (or whole days)."""
    needed = span / MOST
    fitting = (length for length in LENGTHS if length >= needed)
    return next(fitting, DAY * max(1, -int(-needed // DAY)))


def count(
    connection: Connection,
    column: ColumnElement[datetime],
    where: ColumnElement[bool],
    begin: int,
    length: int,
    stretches: int,
) -> list[int]:
    since = (sa.extract("epoch", column) - begin) / length
    stretch = sa.cast(func.floor(since), sa.Integer).label("stretch")
    query = sa.select(stretch, func.count()).where(where).group_by(sa.literal_column("1"))
    found = {stretch: number for stretch, number in connection.execute(query)}
    return [found.get(number, 0) for number in range(stretches)]


def to_seconds(time: datetime) -> int:
    return int(time.replace(tzinfo=UTC).timestamp())
