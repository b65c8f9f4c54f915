"""Connections to PostgreSQL in a server of gevent, where one request's wait is another's turn.

What nearly every request runs, one prepared statement, goes straight to libpq: psycopg's cursor
would take twice the time.
"""

from collections import namedtuple
from collections.abc import Callable, Generator, Mapping, Sequence
from functools import cache
from typing import Any

import gevent
import psycopg
from gevent.lock import BoundedSemaphore
from psycopg import generators
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ExecStatus, PGresult, TransactionStatus
from psycopg.rows import namedtuple_row
from sqlalchemy import Executable
from sqlalchemy.exc import OperationalError, TimeoutError

from study.database.engine import PostgresDialect, Query

LARGE = 100_000  # characters that are sent as they are, not as a part of a longer text
READ = 1  # psycopg and gevent both have 1 for reading, 2 for writing and 3 for both
NAMED, NUMBERED = PostgresDialect(), PostgresDialect(paramstyle="numeric_dollar")


class Statement:
    """A statement as PostgreSQL prepares it, with the names of its values in their order."""

    def __init__(self, statement: Executable):
        compiled = statement.compile(dialect=NUMBERED)
        self.text, self.names = str(compiled).encode(), compiled.positiontup or []
        self.formats = [PyFormat.AUTO] * len(self.names)
        self._make_row: Callable[[Sequence], tuple] | None = None

    def row_maker(self, result: PGresult) -> Callable[[Sequence], tuple]:
        """Return what makes a named tuple of the values in a row of this result."""
        if self._make_row is None:
            names = [result.fname(column).decode() for column in range(result.nfields)]
            self._make_row = namedtuple("Row", names, rename=True)._make
        return self._make_row


prepare = cache(Statement)


class CooperativeConnection(psycopg.Connection):
    """Waits as gevent does. psycopg's own way there, a poll object, takes twice the time."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self._transformer = Transformer(self)
        self._statements: dict[tuple[bytes, tuple[int, ...]], bytes] = {}
        self._readable = gevent.get_hub().loop.io(self.pgconn.socket, READ)

    def wait(
        self, generator: Generator, interval: float = 0.1, timeout: float | None = None
    ) -> Any:
        """Run one of psycopg's generators, which yield what the connection must be ready for."""
        if timeout is not None:
            return super().wait(generator, interval, timeout)
        hub = gevent.get_hub()
        try:
            ready = next(generator)
            while True:
                is_read = ready == READ
                hub.wait(self._readable if is_read else hub.loop.io(self.pgconn.socket, ready))
                ready = generator.send(ready)
        except StopIteration as end:
            return end.value

    def run(self, queries: Sequence[Query]) -> list[list[tuple]]:
        """Run queries one after the other; return the rows of each."""
        if len(queries) == 1:
            [(statement, values)] = queries
            return [self._run_prepared(prepare(statement), values)]
        if any(len(str(value)) > LARGE for _, values in queries for value in values.values()):
            return [self._run_prepared(prepare(statement), values) for statement, values in queries]
        # In one message, because others wait while it is on its way. psycopg's pipeline mode ends
        # with a flush, after which PostgreSQL forgets idle_in_transaction_session_timeout.
        cursor = psycopg.ClientCursor(self, row_factory=namedtuple_row)
        cursor.execute(";".join(cursor.mogrify(_name(query), values) for query, values in queries))
        return [each.fetchall() if each.pgresult.nfields else [] for each in cursor.results()]

    def _run_prepared(self, statement: Statement, values: Mapping[str, Any]) -> list[tuple]:
        transformer = self._transformer
        ordered = [values[name] for name in statement.names]
        sent = transformer.dump_sequence(ordered, statement.formats)
        key = statement.text, transformer.types
        if key not in self._statements:
            name = b"study_%d" % len(self._statements)
            self.pgconn.send_prepare(name, *key)
            self._fetch()
            self._statements[key] = name
        self.pgconn.send_query_prepared(self._statements[key], sent, transformer.formats)
        result = self._fetch()
        if not result.ntuples:
            return []
        transformer.set_pgresult(result)
        try:
            return transformer.load_rows(0, result.ntuples, statement.row_maker(result))
        finally:
            transformer.set_pgresult(None)  # a record may have megabytes

    def _fetch(self) -> PGresult:
        """Return the result of what was sent. Raises psycopg.Error."""
        [result] = self.wait(generators.execute(self.pgconn))
        if result.status not in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
            raise psycopg.errors.error_from_result(result)
        return result


@cache
def _name(statement: Executable) -> str:
    return str(statement.compile(dialect=NAMED))


class Pool:
    """Up to so many connections, opened when they are needed and kept.

    SQLAlchemy's pool, with locks of Python, would take a tenth of a server's time.
    """

    def __init__(self, connect: Callable[[], psycopg.Connection], most: int, patience: float):
        self._connect, self._patience = connect, patience
        self._free: list[psycopg.Connection] = []
        self._room = BoundedSemaphore(most)

    def take(self) -> psycopg.Connection:
        """Return a connection, which must be given back.

        Raises SQLAlchemy's TimeoutError if none is free within ``patience`` seconds, and its
        OperationalError if the database is away.
        """
        if not (self._room.acquire(False) or self._room.acquire(timeout=self._patience)):
            raise TimeoutError(f"no connection is free within {self._patience} s")
        try:
            return self._free.pop() if self._free else self._connect()
        except BaseException as error:
            self._room.release()
            if isinstance(error, psycopg.Error):
                raise OperationalError("", None, error) from error
            raise

    def give_back(self, connection: psycopg.Connection) -> None:
        """Keep a connection for the next who takes one, unless something is left open on it."""
        if connection.pgconn.transaction_status == TransactionStatus.IDLE:
            self._free.append(connection)
        else:
            connection.close()
        self._room.release()

    def drop(self) -> None:
        """Close the connections that nobody has taken, as the database has hung up on another one.

        To look at each whenever it is taken would cost a fiftieth of a server's time.
        """
        while self._free:
            self._free.pop().close()
