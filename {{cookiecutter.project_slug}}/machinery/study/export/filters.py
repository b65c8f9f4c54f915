"""Which participants a download takes, and how many it leaves out for which reason."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from study.messages import StudyError
from study.statuses import FINISHED, STATUS_NAMES, TEST_MODES

ALL = "all"
COLUMNS = {"mode": "mode", "version": "codeversion", "status": "status"}


@dataclass(frozen=True)
class Filter:
    """A condition on psiTurk's table, under the name of what it restricts."""

    name: str
    condition: sa.ColumnElement
    remedy: str = ""


def read_filters(
    version: Iterable[str], mode: Iterable[str], status: Iterable[str], since: str, until: str
) -> list[Filter]:
    """Read the options of `study data`. Some can be repeated, and each can hold commas.

    Raises StudyError.
    """
    filters, modes, statuses = [], _words(mode), _words(status)
    if not modes:
        condition = sa.not_(_is_one_of("mode", TEST_MODES))
        filters.append(Filter("mode", condition, " (to take all: --mode all)"))
    elif ALL not in modes:
        filters.append(Filter("mode", _is_one_of("mode", modes)))
    if versions := _words(version):
        filters.append(Filter("version", _is_one_of("codeversion", versions)))
    if statuses and ALL not in statuses:
        filters.append(Filter("status", _is_one_of("status", _numbers(statuses))))
    begin = sa.column("beginhit")
    # Untyped literals: PostgreSQL reads them as times, and SQLite compares texts.
    if since:
        earliest = sa.literal_column(f"'{_time('--since', since)}'")
        filters.append(Filter("date", sa.and_(begin.is_not(None), begin >= earliest)))
    if until:
        end = sa.literal_column(f"'{_time('--until', until, whole_day=True)}'")
        filters.append(Filter("date", sa.and_(begin.is_not(None), begin < end)))
    return filters


def count(
    connection: sa.Connection, table: sa.Table, filters: Iterable[Filter]
) -> tuple[int, list[str]]:
    """How many participants the filters take, and descriptions of those they leave out."""
    reasons = [(sa.not_(each.condition), each.name) for each in filters]
    reason = sa.case(*reasons, else_="") if reasons else sa.literal("")
    values = [sa.cast(table.c[column], sa.Text).label(name) for name, column in COLUMNS.items()]
    everybody = sa.select(reason.label("reason"), *values).select_from(table).subquery()
    groups = sa.select(everybody, sa.func.count()).group_by(*everybody.c)
    counts: Counter = Counter()
    for reason, *values, number in connection.execute(groups):
        named = dict(zip(COLUMNS, values, strict=True))
        counts[reason, named.get(reason) or "none"] += number
    taken = counts.pop(("", "none"), 0)
    remedies = {each.name: each.remedy for each in filters}
    left_out = [
        f"{number:,} {_describe(reason, value)}{remedies[reason]}"
        for (reason, value), number in sorted(counts.items())
    ]
    return taken, left_out


def _describe(reason: str, value: str) -> str:
    if reason == "date":
        return "who came before or after the dates"
    if reason == "status" and value.isdigit():
        value = f"{value}, {STATUS_NAMES.get(int(value), 'unknown')}"
    return f"of {reason} {value}"


def _is_one_of(column: str, values: Iterable[str]) -> sa.ColumnElement:
    return sa.func.coalesce(sa.cast(sa.column(column), sa.Text), "").in_(list(values))


def _words(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(word for text in texts for word in map(str.strip, text.split(",")) if word)


def _numbers(statuses: Iterable[str]) -> Iterable[str]:
    for status in statuses:
        if status == "finished":
            yield from map(str, FINISHED)
        elif status.isdigit() and int(status) in STATUS_NAMES:
            yield str(int(status))
        else:
            known = ", ".join(f"{number} {name}" for number, name in STATUS_NAMES.items())
            raise StudyError(
                f"There is no status {status}.", f"Use finished, all, or the numbers of: {known}"
            )


def _time(option: str, text: str, whole_day: bool = False) -> datetime:
    """A time in UTC without a zone. A day means its beginning or, if whole, its end."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise StudyError(
            f"{option} {text} is not a date.", "Write it as 2026-11-24 or 2026-11-24T15:30 (UTC)."
        ) from error
    if whole_day and len(text) <= len("2026-11-24"):
        time += timedelta(days=1)
    return time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time
