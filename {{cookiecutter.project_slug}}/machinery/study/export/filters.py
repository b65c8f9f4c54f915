"""Which participants a download takes, and how many it leaves out for which reason."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from study.errors import StudyError
from study.statuses import FINISHED, STATUS_NAMES, TEST_MODES

ALL = "all"
COLUMNS = {"mode": "mode", "version": "codeversion", "status": "status"}


@dataclass(frozen=True)
class Choice:
    """Restrictions on participants; those that are empty allow everybody. Times are UTC.

    ``modes`` None allows all modes but those of test runs.
    """

    versions: tuple[str, ...] = ()
    modes: tuple[str, ...] | None = None
    statuses: tuple[int, ...] = ()
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self, table: sa.Table) -> dict[str, sa.ColumnElement]:
        """The condition for each restriction, under the restriction's name."""
        columns, conditions = table.c, {}
        if self.modes is None:
            conditions["mode"] = sa.not_(_is_one_of(columns.mode, TEST_MODES))
        elif self.modes:
            conditions["mode"] = _is_one_of(columns.mode, self.modes)
        if self.versions:
            conditions["version"] = _is_one_of(columns.codeversion, self.versions)
        if self.statuses:
            conditions["status"] = _is_one_of(columns.status, map(str, self.statuses))
        if self.since or self.until:
            begin, bounds = columns.beginhit, [columns.beginhit.is_not(None)]
            # Untyped literals: PostgreSQL reads them as times, and SQLite compares texts.
            if self.since:
                bounds.append(begin >= sa.literal_column(f"'{self.since}'"))
            if self.until:
                bounds.append(begin < sa.literal_column(f"'{self.until}'"))
            conditions["date"] = sa.and_(*bounds)
        return conditions

    def condition(self, table: sa.Table) -> sa.ColumnElement:
        """The condition for participants whom no restriction excludes."""
        return sa.and_(sa.true(), *self.conditions(table).values())

    def count(self, connection: sa.Connection, table: sa.Table) -> tuple[int, list[str]]:
        """How many participants are taken, and descriptions of those who are left out."""
        conditions = self.conditions(table)
        reasons = [(sa.not_(condition), name) for name, condition in conditions.items()]
        reason = sa.case(*reasons, else_="") if reasons else sa.literal("")
        values = [sa.cast(table.c[column], sa.Text).label(name) for name, column in COLUMNS.items()]
        everybody = sa.select(reason.label("reason"), *values).subquery()
        groups = sa.select(everybody, sa.func.count()).group_by(*everybody.c)
        counts: Counter = Counter()
        for reason, *values, count in connection.execute(groups):
            named = dict(zip(COLUMNS, values, strict=True))
            counts[reason, named.get(reason) or "none"] += count
        taken = sum(counts.pop(group) for group in list(counts) if not group[0])
        return taken, [self._describe(*group, count) for group, count in sorted(counts.items())]

    def _describe(self, reason: str, value: str, count: int) -> str:
        if reason == "date":
            return f"{count:,} who came before or after the dates"
        if reason == "status" and value.isdigit():
            value = f"{value}, {STATUS_NAMES.get(int(value), 'unknown')}"
        remedy = " (to take all: --mode all)" if reason == "mode" and self.modes is None else ""
        return f"{count:,} of {reason} {value}{remedy}"


EVERYBODY = Choice(modes=())


def read_choice(
    version: Iterable[str], mode: Iterable[str], status: Iterable[str], since: str, until: str
) -> Choice:
    """Read the options of `study data`. Some can be repeated, and each can hold commas.

    Raises StudyError.
    """
    modes, statuses = _words(mode), _words(status)
    return Choice(
        versions=_words(version),
        modes=(() if ALL in modes else modes) if modes else None,
        statuses=() if ALL in statuses else tuple(_numbers(statuses)),
        since=_time("--since", since),
        until=_time("--until", until, whole_day=True),
    )


def _is_one_of(column: sa.Column, values: Iterable[str]) -> sa.ColumnElement:
    return sa.func.coalesce(sa.cast(column, sa.Text), "").in_(list(values))


def _words(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(word for text in texts for word in map(str.strip, text.split(",")) if word)


def _numbers(statuses: Iterable[str]) -> Iterable[int]:
    for status in statuses:
        if status == "finished":
            yield from FINISHED
        elif status.isdigit() and int(status) in STATUS_NAMES:
            yield int(status)
        else:
            known = ", ".join(f"{number} {name}" for number, name in STATUS_NAMES.items())
            raise StudyError(
                f"There is no status {status}.", f"Use finished, all, or the numbers of: {known}"
            )


def _time(option: str, text: str, whole_day: bool = False) -> datetime | None:
    """A time in UTC without a zone. A day means its beginning or, if whole, its end."""
    if not text:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise StudyError(
            f"{option} {text} is not a date.", "Write it as 2026-11-24 or 2026-11-24T15:30 (UTC)."
        ) from error
    if whole_day and len(text) <= len("2026-11-24"):
        time += timedelta(days=1)
    return time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time
