"""Connections to the database: the dialect and pool of psiTurk's engine, and the server's own.

Heroku's ``DATABASE_URL`` starts with ``postgres://``, a name that SQLAlchemy no longer knows
and psiTurk relies on (psiturk/models.py chooses the type of a column by it). pyproject.toml
registers the dialect below under that name, so the URL works unchanged in the server, in the
release phase and in psiTurk's shell.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import cache, partial
from threading import Lock
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row
from sqlalchemy import URL, Connection, Dialect, Executable, QueuePool, create_engine, text
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import OperationalError

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
# Any number will do as a lock that nothing else on this database uses as one.
BEGIN = {
    "postgresql": text("BEGIN; SELECT pg_advisory_xact_lock(7227140533)"),
    "sqlite": text("BEGIN IMMEDIATE"),
}
COMMIT, ROLLBACK = text("COMMIT"), text("ROLLBACK")

# The server is a standby, as after a failover, or the host has taken a full database's rights.
REFUSES_WRITES = (psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.InsufficientPrivilege)

Run = Callable[..., list[Any]]  # of a statement and values for its bindparams; returns rows


def connections_per_worker(environment: Mapping[str, str] = os.environ) -> int:
    """Return how many connections one worker process opens at most."""
    # The number of workers is decided likewise in gunicorn.conf.py.
    workers = environment.get("PSITURK_THREADS") or environment.get("WEB_CONCURRENCY") or "1"
    share = CONNECTIONS // int(workers) if workers.isdecimal() and int(workers) else 0
    configured = environment.get("CONNECTIONS_PER_WORKER") or max(4, share)
    return max(int(configured), ENGINE_CONNECTIONS + 1)


class SmallPool(QueuePool):
    """The pool of psiTurk's engine, which psiTurk leaves at its defaults (psiturk/db.py)."""

    def __init__(self, creator, **options):
        small = {"pool_size": ENGINE_CONNECTIONS, "max_overflow": 0, "timeout": SECONDS_TO_WAIT}
        super().__init__(creator, **small | {"pre_ping": True} | options)


class PostgresDialect(PGDialect_psycopg):
    """PostgreSQL through psycopg 3, under the name that Heroku uses."""

    supports_statement_cache = True  # SQLAlchemy wants each class to declare it

    @classmethod
    def get_pool_class(cls, url: URL) -> type[QueuePool]:
        return SmallPool

    def do_ping(self, dbapi_connection: psycopg.Connection) -> bool:
        """Look whether the server has hung up, as it does when Heroku restarts a database.

        It announces that, so nothing is sent to find out, which would take as long as a save.
        """
        for _ in range(2):  # the server's last message, and the end
            dbapi_connection.pgconn.consume_input()
        return True

    def create_connect_args(self, url: URL):
        """Add time limits, and UTC as the time zone of the session.

        psiTurk stores UTC in columns without a time zone, and PostgreSQL would convert it to
        the session's: in New York, everybody would have arrived five hours early.
        """
        arguments, options = super().create_connect_args(url)
        options["options"] = f"{options.get('options', '')} -c timezone=UTC".strip()
        return arguments, {"connect_timeout": SECONDS_TO_WAIT, **TCP, **options}


class Database:
    """The server's database, with a pool of its own for the requests of participants.

    Statements go straight to PostgreSQL's driver: SQLAlchemy's execution would add 0.07 ms of CPU
    to the 0.1 that a save needs.
    """

    def __init__(self, url: URL):
        self._engine = create_engine(
            url,
            isolation_level="AUTOCOMMIT",
            pool_size=connections_per_worker() - ENGINE_CONNECTIONS,
            pool_reset_on_return=None,  # nothing is left open
            hide_parameters=True,  # they hold ids and records, and errors are logged
        )
        self._dialect = self._engine.dialect
        self._turn = Lock()

    def run(self, statement: Executable, **values: Any) -> list[Any]:
        """Run a statement as a transaction of its own; return its rows, after the commit.

        It must be safe to repeat: if the connection turns out to be cut, it is sent again.
        Raises SQLAlchemy's OperationalError if the database is away.
        """
        for is_last in (False, True):
            try:
                with self._connect() as run:
                    return run(statement, **values)
            except OperationalError as error:
                if is_last or not error.connection_invalidated:
                    raise

    def one(self, statement: Executable, **values: Any) -> Any:
        return next(iter(self.run(statement, **values)), None)

    @contextmanager
    def serialized(self) -> Iterator[Run]:
        """Open a transaction, one at a time on all servers; yield what runs statements in it.

        Whatever is raised inside rolls it back. Raises like ``run``.
        """
        # Those who wait for their turn hold no connection that a save could use.
        with self._turn, self._connect() as run:
            run(BEGIN[self._dialect.name])
            try:
                yield run
            except BaseException:
                run(ROLLBACK)
                raise
            run(COMMIT)

    @contextmanager
    def _connect(self) -> Iterator[Run]:
        """Yield what runs statements on a connection."""
        if self._dialect.name == "sqlite":
            with self._engine.connect() as connection:
                yield partial(_execute, connection)
            return
        try:
            with closing(self._engine.raw_connection()) as pooled:
                try:
                    yield partial(_drive, pooled.dbapi_connection, self._dialect)
                except REFUSES_WRITES:
                    pooled.invalidate()  # the next connection may lead to another server
                    raise
        except (psycopg.OperationalError, *REFUSES_WRITES) as error:
            raise OperationalError("", None, error, connection_invalidated=True) from error


def _execute(connection: Connection, statement: Executable, **values: Any) -> list[Any]:
    result = connection.execute(statement, values)
    return result.all() if result.returns_rows else []


def _drive(driver: psycopg.Connection, dialect: Dialect, statement: Executable, **values) -> list:
    cursor = psycopg.Cursor(driver, row_factory=namedtuple_row)
    # BEGIN is two statements, and only one at a time can be prepared.
    cursor.execute(_compile(statement, dialect), values, prepare=bool(values))
    return cursor.fetchall() if cursor.description else []


@cache
def _compile(statement: Executable, dialect: Dialect) -> str:
    return str(statement.compile(dialect=dialect))
