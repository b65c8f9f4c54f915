"""Counts a study in the database. A few queries, each of which reads every row once.

Records are not read: PostgreSQL keeps them apart from the rows, so 10,000 participants are 3 MB.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection, FromClause, Row, Table, case, func
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from study.config import Config, StudySettings
from study.database.capacity import SIZE, find_share
from study.database.conditions import MINUTES_WITHOUT_SAVE, Cell, Design
from study.database.participants import utc_now
from study.database.reader import Participants
from study.overview import figures
from study.overview.figures import BIN, Durations, Overview, Progress
from study.overview.incidents import count_incidents
from study.overview.names import name_cells, name_unknown
from study.statuses import FINISHED, QUIT, UNPAID_MODES

RECENT_MINUTES = 10
SAMPLE = 4_000_000


def collect(participants: Participants, settings: Config) -> Overview:
    """Count the study in a database, as of one moment.

    ``settings`` are those of the server: their environment says how large its database may be.
    Raises StudyError if the database cannot be read.
    """
    options, now = settings.study, utc_now()
    names = name_cells(settings.folder, options)
    fixed = {"moment": now, "minutes": options.minutes, "recent_minutes": RECENT_MINUTES}
    fixed["cutoff_minutes"] = options.cutoff_minutes
    if participants.table is None:
        return Overview(cells=count_cells([], options, names), **fixed)
    columns = Columns(participants.table, options, now)
    with participants.snapshot() as connection:
        groups = count_groups(connection, columns)
        real = [group for group in groups if group.is_present and group.is_real]
        counted = count_people(groups, real) | read_times(real)
        counted["cells"] = count_cells(real, options, names)
        counted["durations"] = count_durations(connection, columns)
        counted["last_save"] = find_last_save(participants, connection, real)
        counted["incidents"] = count_incidents(participants, connection)
        if connection.dialect.name == "postgresql":
            counted["size"] = connection.scalar(SIZE)
            counted["share"] = find_share(counted["size"], settings.environment)
    return Overview(**fixed, **counted)


class Columns:
    """Expressions over psiTurk's table, which an older study's has fewer columns for."""

    def __init__(self, table: Table, options: StudySettings, now: datetime):
        self.table, self._options, self._now = table, options, now

    def get(self, name: str) -> ColumnElement[Any]:
        return self.table.c[name] if name in self.table.c else sa.null()

    @property
    def is_present(self) -> ColumnElement[bool]:
        """Whether the participant has the version that is balanced now."""
        return func.coalesce(self.table.c.codeversion == self._options.code_version, sa.false())

    @property
    def is_real(self) -> ColumnElement[bool]:
        mode = self.table.c.mode
        return mode.is_(None) | mode.not_in(UNPAID_MODES)

    @property
    def has_saved(self) -> ColumnElement[bool]:
        return self.table.c.datastring.is_not(None) | self.get("first_saved").is_not(None)

    @property
    def is_finished(self) -> ColumnElement[bool]:
        return self.table.c.status.in_(FINISHED)

    @property
    def standing(self) -> ColumnElement[str]:
        """Where somebody stands: finished, in progress or, if they are gone, why (REASONS).

        Who has not finished ``cutoff_time`` minutes after the beginning is gone, and so is who
        has saved nothing for MINUTES_WITHOUT_SAVE: as the server balances conditions.
        """
        table, cutoff = self.table.c, self._options.cutoff_minutes
        ending = func.coalesce(self.get("ending"), "")
        return case(
            (self.is_finished, figures.FINISHED),
            (ending != "", ending),
            (table.status == QUIT, figures.CLOSED),
            (self.has_saved & self.since(table.beginhit, cutoff), figures.IN_PROGRESS),
            (self.since(table.beginhit, MINUTES_WITHOUT_SAVE), figures.IN_PROGRESS),
            (self.has_saved, figures.SILENT),
            else_=figures.NOTHING,
        )

    @property
    def place(self) -> ColumnElement[str]:
        """Where somebody was last, if it is noted; NULL of who has finished."""
        return case((self.is_finished, sa.null()), else_=self.get("last_place"))

    @property
    def seconds(self) -> ColumnElement[float]:
        return epoch(self.table.c.endhit) - epoch(self.table.c.beginhit)

    def since(self, column: ColumnElement[datetime], minutes: int) -> ColumnElement[bool]:
        return column > self._now - timedelta(minutes=minutes)


class epoch(FunctionElement):  # noqa: N801, as SQLAlchemy writes functions
    """The seconds since 1970 of a time. PostgreSQL's EXTRACT gives decimal numbers, slow ones."""

    type = sa.Float()
    inherit_cache = True


@compiles(epoch)
def _write_date_part(element: epoch, compiler: Any, **options: Any) -> str:
    return f"date_part('epoch', {compiler.process(element.clauses, **options)})"


@compiles(epoch, "sqlite")
def _write_strftime(element: epoch, compiler: Any, **options: Any) -> str:
    return f"CAST(strftime('%s', {compiler.process(element.clauses, **options)}) AS INTEGER)"


def count_groups(connection: Connection, columns: Columns) -> list[Row]:
    """The participants by all that tells them apart, with their times."""
    table = columns.table.c
    keys = {name: table[name] for name in ("mode", "codeversion", "cond", "counterbalance")}
    keys |= {"is_present": columns.is_present, "is_real": columns.is_real}
    keys |= {"standing": columns.standing, "place": columns.place}
    named = [expression.label(name) for name, expression in keys.items()]
    recently = columns.since(table.endhit, RECENT_MINUTES) & columns.is_finished
    counts = (
        func.count().label("number"),
        func.min(table.beginhit).label("first"),
        func.max(table.beginhit).label("last"),
        func.max(table.endhit).label("ended"),
        sa.type_coerce(func.max(columns.get("last_saved")), sa.DateTime).label("saved"),
        _count_if(columns.since(table.beginhit, RECENT_MINUTES)).label("recently_arrived"),
        _count_if(recently).label("recently_finished"),
    )
    numbers = map(sa.literal_column, map(str, range(1, len(named) + 1)))
    return list(connection.execute(sa.select(*named, *counts).group_by(*numbers)))


def count_people(groups: Sequence[Row], real: Sequence[Row]) -> dict[str, Any]:
    """Those who are gone by reason and place, and those who are not counted."""
    gone = [group for group in real if group.standing not in figures.STAYING]
    others = [group for group in groups if group.is_real and not group.is_present]
    finished = [group for group in others if group.standing == figures.FINISHED]
    return {
        "gone": tally(gone, "standing"),
        "places": tally(gone, "place"),
        "apart": tally((group for group in groups if not group.is_real), "mode"),
        "other_versions": tally(finished, "codeversion"),
    }


def read_times(real: Sequence[Row]) -> dict[str, Any]:
    """When the first and the last came and finished, and how many just now."""
    return {
        "first_arrival": min((group.first for group in real if group.first), default=None),
        "last_arrival": latest(group.last for group in real),
        "last_finish": latest(each.ended for each in real if each.standing == figures.FINISHED),
        "recently_arrived": sum(group.recently_arrived for group in real),
        "recently_finished": sum(group.recently_finished for group in real),
    }


def count_cells(
    groups: Iterable[Row], options: StudySettings, names: Mapping[Cell, str]
) -> tuple[Progress, ...]:
    """The participants of each condition: those of the design, then others that somebody has."""
    design = Design.of(options)
    targets = dict(zip(design.cells, design.targets, strict=False))
    states = {"finished": figures.FINISHED, "in_progress": figures.IN_PROGRESS}
    states |= {"gone": figures.GONE}
    found = Counter()
    for group in groups:
        state = figures.state_of(group.standing)
        found[group.cond, group.counterbalance, state] += group.number
    others = sorted({key[:2] for key in found} - set(design.cells), key=str)
    return tuple(
        Progress(
            names.get(cell) or name_unknown(cell),
            *cell,
            targets.get(cell),
            **{name: found[*cell, state] for name, state in states.items()},
        )
        for cell in (*design.cells, *others)
    )


def count_durations(connection: Connection, columns: Columns) -> Durations:
    tenth = sa.cast(func.floor(columns.seconds / BIN), sa.Integer).label("tenth")
    query = sa.select(tenth, func.count()).group_by(sa.literal_column("1"))
    found = connection.execute(
        query.where(columns.is_real, columns.is_present, columns.is_finished)
    )
    return Durations({t: number for t, number in found if t is not None and t >= 0})


def find_last_save(
    participants: Participants, connection: Connection, groups: Iterable[Row]
) -> datetime | None:
    """When something was saved last: what is in no record yet, or in one."""
    saved = [group.saved for group in groups]
    if (entries := participants.own_table("study_entries")) is not None:
        some = take_some(connection, entries)
        saved.append(connection.scalar(sa.select(func.max(some.c.received))))
    return latest(saved)


def take_some(connection: Connection, table: Table) -> FromClause:
    """Return a table or, of a large one of PostgreSQL's, a random part of about SAMPLE bytes.

    While thousands are at work, one of the last saves is in it.
    """
    if connection.dialect.name == "sqlite":
        return table
    size = connection.scalar(sa.select(func.pg_relation_size(table.name)))
    return sa.tablesample(table, func.system(min(100, 100 * SAMPLE / max(size, 1))))


def tally(groups: Iterable[Row], column: str) -> dict[str, int]:
    """The number of participants by the values of a column, the most frequent first."""
    counts = Counter()
    for group in groups:
        if (value := getattr(group, column)) is not None:
            counts[value] += group.number
    return dict(counts.most_common())


def latest(times: Iterable[datetime | None]) -> datetime | None:
    return max((time for time in times if time), default=None)


def _count_if(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((condition, 1), else_=0))
