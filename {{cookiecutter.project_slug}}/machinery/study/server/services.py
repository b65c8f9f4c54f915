"""What the routes share: settings, database, key and counters of the running study."""

from contextlib import suppress
from functools import cached_property
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from study import signing
from study.config import StudySettings
from study.database.capacity import Capacity
from study.database.engine import Database
from study.database.enrolment import Enrolment
from study.database.participants import Records, utc_now
from study.database.schema import SQL
from study.excluded import read_excluded
from study.provenance import Provenance


class Services:
    """One per process; ``start`` fills it before the first request."""

    def start(self, options: StudySettings, configured_key: str | None) -> None:
        """Serve a study with these settings from the current folder."""
        from psiturk.db import engine  # reads the settings when it is imported

        self.options, self.engine, database = options, engine, Database(engine.url)
        provenance = Provenance(Path())
        self.records = Records(database, options.max_record_bytes, provenance)
        self.enrolment = Enrolment(database, options, provenance)
        self.capacity = Capacity(database)
        self._configured_key = configured_key
        self._excluded = read_excluded(Path()).pseudonyms

    @cached_property
    def key(self) -> str:
        """The study's secret key: psiTurk's setting secret_key, or else the database's."""
        with self.engine.connect() as connection:
            return self._configured_key or connection.scalar(SQL["find_key"])

    def is_excluded(self, worker: str) -> bool:
        excluded = self._excluded
        return bool(excluded) and signing.worker_pseudonym(self.key, worker) in excluded

    def count_event(self, kind: str, number: int = 1) -> bool:
        """Add to today's (UTC) counter of a kind of event, which `study status` reports.

        Counters hold no ids, so they can say what the log must not. If the database is
        away, nothing is counted, and the answer is no.
        """
        values = {"kind": kind, "day": utc_now().date(), "number": number}
        with suppress(SQLAlchemyError), self.engine.begin() as connection:
            connection.execute(SQL["count_event"], values)
            return True
        return False


services = Services()
