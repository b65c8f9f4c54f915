"""Which participants a download takes, and how many it leaves out for which reason."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from study.messages import StudyError
from study.statuses import FINISHED, STATUS_NAMES, TEST_MODES

ALL = "all"
STATUSES = {str(number): name for number, name in STATUS_NAMES.items()}


@dataclass(frozen=True)
class Filter:
    """A condition on psiTurk's table and, in SQL too, the words for those whom it leaves out."""

    condition: sa.ColumnElement
    words: sa.ColumnElement


def read_filters(
    version: Iterable[str] = (),
    mode: Iterable[str] = (),
    status: Iterable[str] = (),
    since: str = "",
    until: str = "",
) -> list[Filter]:
    """Read the options of `study data`. Some can be repeated, and each can hold commas.

    Raises StudyError.
    """
    versions, modes, statuses = map(split, (version, mode, status))
    by_mode, by_version, by_status = map(as_text, ("mode", "codeversion", "status"))
    numbered = {number: f"{number}, {name}" for number, name in STATUSES.items()}
    named = sa.case(numbered, value=by_status, else_=by_status)
    filters = []
    if not modes:
        words = "of mode " + by_mode + " (to take all: --mode all)"
        filters.append(Filter(by_mode.not_in(TEST_MODES), words))
    for column, values, words in (
        (by_mode, modes, "of mode " + by_mode),
        (by_version, versions, "of version " + by_version),
        (by_status, read_statuses(statuses), "of status " + named),
    ):
        if values and ALL not in values:
            filters.append(Filter(column.in_(values), words))
    # Untyped literals: PostgreSQL reads them as times, and SQLite compares texts.
    begin, limits = sa.column("beginhit"), []
    if since:
        limits.append(begin >= sa.literal_column(f"'{read_time('--since', since)}'"))
    if until:
        limits.append(begin < sa.literal_column(f"'{read_time('--until', until, True)}'"))
    if limits:
        words = sa.literal("who came before or after the dates")
        filters.append(Filter(sa.and_(begin.is_not(None), *limits), words))
    return filters


def count(
    connection: sa.Connection, table: sa.Table, filters: Iterable[Filter]
) -> tuple[int, list[str]]:
    """Return how many participants the filters take, and descriptions of those they leave out."""
    missed = ((sa.not_(each.condition), each.words) for each in filters)
    reason = sa.case((sa.false(), ""), *missed, else_="").label("reason")
    people = sa.select(reason).select_from(table).subquery()
    query = sa.select(people.c.reason, sa.func.count()).group_by(people.c.reason)
    numbers = dict(connection.execute(query).all())
    taken = numbers.pop("", 0)
    return taken, [f"{number:,} {words}" for words, number in sorted(numbers.items())]


def as_text(column: str) -> sa.ColumnElement:
    """Return a column of psiTurk's table as text, which is "none" where it has no value."""
    text = sa.cast(sa.column(column), sa.Text)
    return sa.func.coalesce(sa.func.nullif(text, "", type_=sa.Text), "none")


def split(options: Iterable[str]) -> list[str]:
    return [word for text in options for word in map(str.strip, text.split(",")) if word]


def read_statuses(words: Iterable[str]) -> list[str]:
    """Return the numbers of these statuses, and `all` as it is. Raises StudyError."""
    numbers = []
    for word in words:
        if word not in (*STATUSES, "finished", ALL):
            known = ", ".join(map(" ".join, STATUSES.items()))
            remedy = f"Use finished, all, or the numbers of: {known}"
            raise StudyError(f"There is no status {word}.", remedy)
        numbers += map(str, FINISHED) if word == "finished" else [word]
    return numbers


def read_time(option: str, text: str, whole_day: bool = False) -> datetime:
    """Return a time in UTC without a zone. A day means its beginning or, if whole, its end.

    Raises StudyError.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        remedy = "Write it as 2026-11-24 or 2026-11-24T15:30 (UTC)."
        raise StudyError(f"{option} {text} is not a date.", remedy) from error
    if whole_day and len(text) <= len("2026-11-24"):
        time += timedelta(days=1)
    return time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time
