"""What the routes share: settings, database, key and counters of the running study."""

import contextlib
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from study import signing
from study.config import StudySettings
from study.database import schema
from study.database.participants import Records, utc_now
from study.excluded import read_excluded


class Services:
    """One per process; ``start`` fills it before the first request."""

    options: StudySettings
    engine: Engine
    environment: Mapping[str, str]  # with the recruiter's codes

    def start(self, options: StudySettings, configured_key: str | None) -> None:
        """Serve a study with these settings from the current folder."""
        from psiturk.db import engine  # reads the settings when it is imported

        self.options, self.engine, self.environment = options, engine, os.environ
        self._configured_key = configured_key or ""
        self._excluded = read_excluded(Path()).pseudonyms

    @cached_property
    def key(self) -> str:
        """The study's secret key."""
        with self.engine.connect() as connection:
            return schema.secret_key(connection, self._configured_key)

    @cached_property
    def records(self) -> Records:
        """The participants' rows."""
        return Records(self.engine, self.options)

    def is_excluded(self, worker: str) -> bool:
        """Whether this worker took part in an earlier study (excluded.txt)."""
        return bool(self._excluded) and (
            signing.worker_pseudonym(self.key, worker) in self._excluded
        )

    def count_event(self, kind: str) -> None:
        """Add 1 to today's (UTC) counter of a kind of event, which `study status` reports.

        Counters hold no ids, so they can say what the log must not. If the database is
        away, the event is not counted.
        """
        dialect = sqlite if self.engine.dialect.name == "sqlite" else postgresql
        counter = schema.incidents
        first = dialect.insert(counter).values(kind=kind, day=utc_now().date(), count=1)
        one_more = first.on_conflict_do_update(
            index_elements=["kind", "day"], set_={"count": counter.c.count + 1}
        )
        with contextlib.suppress(SQLAlchemyError), self.engine.begin() as connection:
            connection.execute(one_more)


services = Services()
