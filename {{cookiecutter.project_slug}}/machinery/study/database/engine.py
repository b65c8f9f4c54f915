"""Connections to the database: the dialect and pool of psiTurk's engine, and the server's own.

Heroku's ``DATABASE_URL`` starts with ``postgres://``, a name that SQLAlchemy no longer knows
and psiTurk relies on (psiturk/models.py chooses the type of a column by it). pyproject.toml
registers the dialect below under that name, so the URL works unchanged in the server, in the
release phase and in psiTurk's shell.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import psycopg
from sqlalchemy import URL, Connection, Executable, QueuePool, create_engine, text
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import IntegrityError, OperationalError

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
# For how long a process that hangs in a transaction delays the others that wait for their turn.
SECONDS_OF_SILENCE = 2.5
# Any number will do as a lock that nothing else on this database uses as one.
LOCK = text(
    "SELECT pg_advisory_xact_lock(7227140533), "
    "set_config('idle_in_transaction_session_timeout', :silence, true)"
)
BEGIN, BEGIN_IMMEDIATE = text("BEGIN"), text("BEGIN IMMEDIATE")  # the latter on SQLite
COMMIT, ROLLBACK = text("COMMIT"), text("ROLLBACK")

# The server is a standby, as after a failover, or the host has taken a full database's rights.
REFUSES_WRITES = (psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.InsufficientPrivilege)

Query = tuple[Executable, Mapping[str, Any]]  # a statement, and values for its bindparams
Result = TypeVar("Result")
Execute = Callable[[Sequence[Query]], list[list[Any]]]  # returns the rows of each query


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
        """Raise psycopg's OperationalError if the server has hung up, as when Heroku restarts it.

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
        # The parameters hold ids and records, and errors are logged.
        self._engine = create_engine(url, isolation_level="AUTOCOMMIT", hide_parameters=True)
        self._dialect = self._engine.dialect
        if self._dialect.name != "sqlite":
            from study.database.cooperation import CooperativeConnection, Pool

            arguments, options = self._dialect.create_connect_args(url)
            connect = partial(CooperativeConnection.connect, *arguments, autocommit=True, **options)
            most = connections_per_worker() - ENGINE_CONNECTIONS
            self._pool = Pool(connect, most, SECONDS_TO_WAIT)

    def run(self, statement: Executable, **values: Any) -> list[Any]:
        """Run a statement as a transaction of its own; return its rows, after the commit.

        It must be safe to repeat: if the connection turns out to be cut, it is sent again.
        Raises SQLAlchemy's OperationalError if the database is away, and its IntegrityError.
        """
        return self._repeat(lambda execute: execute([(statement, values)])[0])

    def one(self, statement: Executable, **values: Any) -> Any:
        return next(iter(self.run(statement, **values)), None)

    def run_together(
        self, read: Sequence[Query], decide: Callable[..., Sequence[Query]]
    ) -> list[list[Any]]:
        """Read, then run what ``decide`` makes of the rows; return the rows of all queries.

        That is one transaction, which is rolled back if ``decide`` raises anything. Like ``run``,
        it may be repeated and raises OperationalError.
        """
        begin = BEGIN_IMMEDIATE if self._dialect.name == "sqlite" else BEGIN
        return self._transact([(begin, {})], read, decide)

    def run_serialized(
        self,
        read: Sequence[Query],
        decide: Callable[..., Sequence[Query]],
        silence: float = SECONDS_OF_SILENCE,
    ) -> list[list[Any]]:
        """Do as ``run_together``, one such transaction at a time on all servers.

        One that sends nothing for ``silence`` seconds is rolled back.
        """
        if self._dialect.name == "sqlite":
            return self.run_together(read, decide)
        lock = (LOCK, {"silence": f"{silence * 1000:.0f}"})
        return self._transact([(BEGIN, {}), lock], read, decide)

    def _transact(
        self, first: Sequence[Query], read: Sequence[Query], decide: Callable[..., Sequence[Query]]
    ) -> list[list[Any]]:
        def act(execute: Execute) -> list[list[Any]]:
            try:
                rows = execute([*first, *read])[len(first) :]
                return [*rows, *execute([*decide(*rows), (COMMIT, {})])[:-1]]
            except BaseException:
                with suppress(Exception):  # of a connection that is cut
                    execute([(ROLLBACK, {})])
                raise

        return self._repeat(act)

    def _repeat(self, act: Callable[[Execute], Result]) -> Result:
        """Act on a connection, and once more on another one if it turns out to be cut."""
        for is_last in (False, True):
            try:
                return self._act(act)
            except OperationalError as error:
                if is_last or not error.connection_invalidated:
                    raise

    def _act(self, act: Callable[[Execute], Result]) -> Result:
        """Act with what runs queries on a connection."""
        if self._dialect.name == "sqlite":
            with self._engine.connect() as connection:
                return act(partial(_execute, connection))
        connection = self._pool.take()
        try:
            return act(connection.run)
        # InternalError: of a database that is read-only for now, or that has ended the session.
        except (psycopg.OperationalError, psycopg.InternalError, *REFUSES_WRITES) as error:
            connection.close()  # the next one may lead to another server
            self._pool.drop()
            raise OperationalError("", None, error, connection_invalidated=True) from error
        except psycopg.IntegrityError as error:
            raise IntegrityError("", None, error) from error
        finally:
            self._pool.give_back(connection)


def _execute(connection: Connection, queries: Sequence[Query]) -> list[list[Any]]:
    results = (connection.execute(statement, values) for statement, values in queries)
    return [result.all() if result.returns_rows else [] for result in results]
