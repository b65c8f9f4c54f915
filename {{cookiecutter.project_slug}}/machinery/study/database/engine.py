"""Connections to the database: the dialect and pool of psiTurk's engine, and the server's own.

Heroku's ``DATABASE_URL`` starts with ``postgres://``, a name that SQLAlchemy no longer knows
and psiTurk relies on (psiturk/models.py chooses the type of a column by it). pyproject.toml
registers the dialect below under that name, so the URL works unchanged in the server, in the
release phase and in psiTurk's shell.
"""

import os
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, Executable, QueuePool, Row, create_engine
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DBAPIError

# Heroku's small plans allow 20 connections in all (devcenter.heroku.com/articles/
# heroku-postgres-plans); 4 are left for the release phase and for downloads. One dyno may use
# the rest; with more dynos, set the config var (`study check` says to what).
CONNECTIONS = 16
# Connections of psiTurk's engine, for event counters and the researcher's own code. The
# requests of participants share the others.
ENGINE_CONNECTIONS = 2
SECONDS_TO_WAIT = 10  # for a free connection, or for the database server
# How long a broken network can go unnoticed; a participant's browser tries again.
TCP = {"keepalives_idle": 20, "keepalives_interval": 5, "keepalives_count": 3,
       "tcp_user_timeout": 20_000}  # fmt: skip
# Any number will do that nothing else on this database uses as an advisory lock.
LOCK = {"postgresql": "SELECT pg_advisory_xact_lock(7227140533)", "sqlite": "BEGIN IMMEDIATE"}
TRANSACTIONAL = {"postgresql": "READ COMMITTED", "sqlite": "SERIALIZABLE"}

T = TypeVar("T")


def connections_per_worker(environment: Mapping[str, str] = os.environ) -> int:
    """Return how many connections one worker process opens at most."""
    # The number of workers is decided likewise in gunicorn.conf.py.
    workers = environment.get("PSITURK_THREADS") or environment.get("WEB_CONCURRENCY") or "1"
    share = CONNECTIONS // int(workers) if workers.isdecimal() and int(workers) else 0
    configured = environment.get("CONNECTIONS_PER_WORKER") or max(4, share)
    return max(int(configured), ENGINE_CONNECTIONS + 1)


class EnginePool(QueuePool):
    """A small pool that tests connections before use, as Heroku restarts databases."""

    def __init__(self, creator, **options):
        small = {"pool_size": ENGINE_CONNECTIONS, "max_overflow": 0, "timeout": SECONDS_TO_WAIT}
        super().__init__(creator, **small | {"pre_ping": True} | options)


class PostgresDialect(PGDialect_psycopg):
    """PostgreSQL through psycopg 3, under the name that Heroku uses."""

    supports_statement_cache = True  # SQLAlchemy wants each class to declare it

    @classmethod
    def get_pool_class(cls, url: URL) -> type[QueuePool]:
        """Return the pool of psiTurk's engine, which cannot be configured (psiturk/db.py)."""
        return EnginePool

    def create_connect_args(self, url: URL):
        """Add time limits, and UTC as the time zone of the session.

        psiTurk stores UTC in columns without a time zone, and PostgreSQL would convert it to
        the session's: in New York, everybody would have arrived five hours early.
        """
        arguments, options = super().create_connect_args(url)
        existing = options.get("options", "")
        options["options"] = f"{existing} -c timezone=UTC".strip()
        return arguments, {"connect_timeout": SECONDS_TO_WAIT, **TCP, **options}


class Database:
    """The server's database, with a pool of its own for the requests of participants.

    Each statement is a transaction of its own, which saves two round trips. If a connection
    turns out to be cut, the work is done again on a new one, so it must be safe to repeat.
    All methods raise SQLAlchemy's DBAPIError if the database cannot be reached.
    """

    def __init__(self, url: URL):
        self._engine = create_engine(
            url,
            isolation_level="AUTOCOMMIT",
            poolclass=QueuePool,
            pool_size=connections_per_worker() - ENGINE_CONNECTIONS,
            max_overflow=0,
            pool_timeout=SECONDS_TO_WAIT,
            hide_parameters=True,  # they hold ids and records, and errors are logged
        )
        self.dialect = self._engine.dialect.name
        level = TRANSACTIONAL[self.dialect]
        self._transactional = self._engine.execution_options(isolation_level=level)
        self._turn = Lock()

    def fetch(self, statement: Executable, **values: Any) -> list[Row]:
        """Run a statement; return its rows."""
        return _run(self._engine, lambda connection: connection.execute(statement, values).all())

    def fetch_one(self, statement: Executable, **values: Any) -> Row | None:
        """Run a statement; return its only row, or None."""
        rows = self.fetch(statement, **values)
        return rows[0] if rows else None

    def change(self, statement: Executable, **values: Any) -> int:
        """Run a statement; return how many rows it changed, after the commit."""
        return _run(self._engine, lambda connection: connection.execute(statement, values).rowcount)

    def serialize(self, work: Callable[[Connection], T]) -> T:
        """Do the work in a transaction, one at a time on all servers; return its result."""

        def locked(connection: Connection) -> T:
            connection.exec_driver_sql(LOCK[self.dialect])
            return work(connection)

        with self._turn:  # so that those who wait for the lock hold no connection
            return _run(self._transactional, locked)


def _run(engine: Engine, work: Callable[[Connection], T]) -> T:
    """Do the work on a connection, and do it again if that turned out to be cut."""
    try:
        with engine.begin() as connection:
            return work(connection)
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
    with engine.begin() as connection:
        return work(connection)
