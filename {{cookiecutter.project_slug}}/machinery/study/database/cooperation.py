"""Connections to PostgreSQL in a server of gevent, where one request's wait is another's turn."""

from collections.abc import Callable, Generator
from typing import Any

import gevent
import psycopg
from gevent.lock import BoundedSemaphore
from psycopg.pq import TransactionStatus
from sqlalchemy.exc import OperationalError, TimeoutError

from study.database.engine import ping


class CooperativeConnection(psycopg.Connection):
    """Waits as gevent does. psycopg's own way there, a poll object, takes twice the time."""

    def wait(
        self, generator: Generator, interval: float = 0.1, timeout: float | None = None
    ) -> Any:
        """Run one of psycopg's generators, which yield what the connection must be ready for."""
        if timeout is not None:
            return super().wait(generator, interval, timeout)
        hub = gevent.get_hub()
        try:
            ready = next(generator)
            while True:  # both libraries have 1 for reading, 2 for writing and 3 for both
                hub.wait(hub.loop.io(self.pgconn.socket, ready))
                ready = generator.send(ready)
        except StopIteration as end:
            return end.value


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
        if not self._room.acquire(timeout=self._patience):
            raise TimeoutError(f"no connection is free within {self._patience} s")
        try:
            return self._find_open() or self._connect()
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

    def _find_open(self) -> psycopg.Connection | None:
        while self._free:
            connection = self._free.pop()
            try:
                ping(connection)
                return connection
            except psycopg.OperationalError:
                connection.close()
        return None
