"""Takes a snapshot of the study for the rules: few and short queries, the long one less often."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache, cached_property

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, Table
from sqlalchemy.exc import SQLAlchemyError

from study.alerts.rules import HOUR, LATELY, MOMENT, SLACK, Cohort, Snapshot
from study.config import Config
from study.database.alerts import RELEASE, AlertStore, limit_time
from study.database.browser_errors import BrowserError, read_browser_errors
from study.database.reader import Participants, reflect
from study.messages import StudyError
from study.overview import Overview, collect
from study.overview.counting import Columns

SECONDS_OF_OVERVIEW = timedelta(seconds=30)  # for which the study is not counted anew
AFTER_RELEASE = timedelta(minutes=10)  # in which each server starts anew
FAILED_SAVE = "save-failed"  # a kind of incident (server/failures.py)


class Patient(Participants):
    """psiTurk's table, read by statements that may not take long."""

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Open a connection as ``Participants`` does."""
        with super().snapshot() as connection:
            limit_time(connection)
            yield connection

    def own_table(self, name: str) -> Table | None:
        """Return one of the study's own tables, which the server has made when it started."""
        return reflect_once(self.engine, name)


reflect_once = cache(reflect)  # as that takes 10 ms of a server's time


class History:
    """Counters as they were at earlier looks, for their increase within a time."""

    def __init__(self, span: timedelta):
        self._span = span
        self._seen: deque[tuple[datetime, Mapping[str, int]]] = deque()

    def add(self, now: datetime, counts: Mapping[str, int]) -> dict[str, int]:
        """Return the increase of each counter; those without one only after the whole time."""
        self._seen.append((now, counts))
        while len(self._seen) > 1 and self._seen[1][0] <= now - self._span:
            self._seen.popleft()
        begin, before = self._seen[0]
        grown = {name: number - before.get(name, 0) for name, number in counts.items()}
        is_long = begin <= now - self._span
        return {name: max(0, more) for name, more in grown.items() if more > 0 or is_long}


class Observer:
    """Sees the study. ``count_pending`` tells of failed saves that the database has not counted."""

    def __init__(
        self,
        engine: Engine,
        store: AlertStore,
        settings: Config,
        count_pending: Callable[[], int],
        now: Callable[[], datetime],
    ):
        self._engine, self._store, self._settings = engine, store, settings
        self._count_pending, self._now = count_pending, now
        self._errors, self._failed = History(LATELY), History(MOMENT)
        self._overview: Overview | None = None
        self._cohort: Cohort | None = None

    def look(self, looks_away: int) -> Snapshot:
        """Return what is known now, after so many looks at which the database was away."""
        pending, limit = self._count_pending(), self._settings.study.alert_drop_out / 100
        if not looks_away:
            try:
                return self._look(self._now(), limit, pending)
            except (SQLAlchemyError, StudyError):
                looks_away = 1
        return Snapshot(self._now(), limit, looks_away, pending)

    @cached_property
    def _participants(self) -> Participants:
        name = self._settings.value("Database Parameters", "table_name")
        return Patient(self._engine, reflect(self._engine, name))

    def _look(self, now: datetime, limit: float, pending: int) -> Snapshot:
        failed = self._store.count_incidents(FAILED_SAVE) + pending
        errors = count_errors(read_browser_errors(self._participants))
        restarts = count_restarts(self._store.read_starts(), now)
        if self._overview is None or now - self._overview.moment >= SECONDS_OF_OVERVIEW:
            self._overview = collect(self._participants, self._settings)
            self._cohort = self._count_cohort(self._overview)
        return Snapshot(
            now,
            limit,
            failed_saves=self._failed.add(now, {FAILED_SAVE: failed}).get(FAILED_SAVE),
            errors=self._errors.add(now, errors),
            restarts=restarts,
            cohort=self._cohort,
            overview=self._overview,
        )

    def _count_cohort(self, seen: Overview) -> Cohort | None:
        """Count those who came early enough to have finished, and not long before that."""
        needed = max(seen.minutes, round(seen.durations.median or 0)) or seen.cutoff_minutes
        if self._participants.table is None:
            return None
        columns = Columns(self._participants.table, self._settings.study, seen.moment)
        begun = self._participants.table.c.beginhit
        early = begun <= seen.moment - timedelta(minutes=SLACK * needed)
        is_of_cohort = early & columns.since(begun, round(2 * SLACK * needed))
        counts = sa.func.count(), sa.func.sum(sa.case((columns.is_finished, 1), else_=0))
        query = sa.select(*counts).where(is_of_cohort, columns.is_real, columns.is_present)
        with self._participants.snapshot() as connection:
            arrived, finished = connection.execute(query).one()
        return Cohort(needed, arrived, finished or 0)


def count_errors(errors: Iterable[BrowserError]) -> Counter[str]:
    """Return the number of participants by the error and its place, in whatever browser."""
    counts = Counter()
    for error in errors:
        counts[f"{error.kind.message}{describe_place(error)}"] += error.participants
    return counts


def describe_place(error: BrowserError) -> str:
    place = error.kind.file or error.kind.page
    return f" ({place}, line {error.kind.line})" if error.kind.line else f" ({place})"


def count_restarts(starts: Iterable[tuple[str, datetime]], now: datetime) -> Counter[str]:
    """Return how often each server was started again within an hour, if not for a release.

    ``starts`` are the oldest first; a server's first start is none.
    """
    known, releases, counts = set(), [], Counter()
    for server, started in starts:
        if server == RELEASE:
            releases.append(started)
        elif server not in known:
            known.add(server)
        elif started > now - HOUR and not any(
            timedelta() <= started - release < AFTER_RELEASE for release in releases
        ):
            counts[server] += 1
    return counts
