"""Counts a study in the database. A few queries, each of which reads every row once.

Records are not read: PostgreSQL keeps them apart from the rows, so 10,000 participants are 3 MB.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection, Row, Table, case, func

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
    def state(self) -> ColumnElement[str]:
        """Where somebody stands.

        Who has not finished ``cutoff_time`` minutes after the beginning is gone, and so is who
        has saved nothing for MINUTES_WITHOUT_SAVE: as the server balances conditions.
        """
        cutoff = self._options.cutoff_minutes
        is_working = self.has_saved & self.since(self.table.c.beginhit, cutoff)
        return case(
            (self.is_finished, figures.FINISHED),
            ((self.table.c.status == QUIT) | (self._ending != ""), figures.GONE),
            (is_working, figures.IN_PROGRESS),
            (self.since(self.table.c.beginhit, MINUTES_WITHOUT_SAVE), figures.IN_PROGRESS),
            else_=figures.GONE,
        )

    @property
    def reason(self) -> ColumnElement[str]:
        """Why somebody who is gone is gone; NULL for all others."""
        return case(
            (self.state != figures.GONE, sa.null()),
            (self._ending != "", self._ending),
            (self.table.c.status == QUIT, figures.CLOSED),
            (self.has_saved, figures.SILENT),
            else_=figures.NOTHING,
        )

    @property
    def place(self) -> ColumnElement[str]:
        """Where somebody who is gone stopped, if the server has noted it."""
        return case((self.state == figures.GONE, self.get("last_place")))

    @property
    def seconds(self) -> ColumnElement[float]:
        end, begin = self.table.c.endhit, self.table.c.beginhit
        return sa.extract("epoch", end) - sa.extract("epoch", begin)

    def since(self, column: ColumnElement[datetime], minutes: int) -> ColumnElement[bool]:
        return column > self._now - timedelta(minutes=minutes)

    @property
    def _ending(self) -> ColumnElement[str]:
        return func.coalesce(self.get("ending"), "")


def count_groups(connection: Connection, columns: Columns) -> list[Row]:
    """The participants by all that tells them apart, with their times."""
    table = columns.table.c
    keys = {name: table[name] for name in ("mode", "codeversion", "cond", "counterbalance")}
    keys |= {"is_present": columns.is_present, "is_real": columns.is_real}
    keys |= {"state": columns.state, "reason": columns.reason, "place": columns.place}
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
    others = [group for group in groups if group.is_real and not group.is_present]
    return {
        "gone": tally(real, "reason"),
        "places": tally(real, "place"),
        "apart": tally((group for group in groups if not group.is_real), "mode"),
        "other_versions": tally((g for g in others if g.state == figures.FINISHED), "codeversion"),
    }


def read_times(real: Sequence[Row]) -> dict[str, Any]:
    """When the first and the last came and finished, and how many just now."""
    return {
        "first_arrival": min((group.first for group in real if group.first), default=None),
        "last_arrival": latest(group.last for group in real),
        "last_finish": latest(group.ended for group in real if group.state == figures.FINISHED),
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
        found[group.cond, group.counterbalance, group.state] += group.number
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
        saved.append(connection.scalar(sa.select(func.max(entries.c.received))))
    return latest(saved)


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
