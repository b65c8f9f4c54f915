"""How full the database is: its last tenth is for those who take part already.

Heroku ends the writing to a database that is larger than its plan allows (devcenter.heroku.com/
articles/heroku-postgres-over-plan-capacity), and every save would fail. The limit is in a config
var (study/config); without it there is none.
"""

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from threading import Thread

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from study import config
from study.database.engine import Database

FULL = 0.9  # of the limit
SECONDS = 60  # between two looks of one process
SIZE = text("SELECT pg_database_size(current_database())")


def find_share(size: int, environment: Mapping[str, str] = os.environ) -> float:
    """Return what share of its limit a database of so many bytes uses; 0 without a limit.

    Raises StudyError if the limit is no number.
    """
    limit = config.read_number("DATABASE_LIMIT_MB", environment) * 1_000_000
    return size / limit if limit else 0


class Capacity:
    """Whether the server's database has room for somebody new."""

    def __init__(self, database: Database):
        self._database, self._has_limit = database, find_share(1) > 0
        self._size, self._looked = 0, float("-inf")

    def is_full(self) -> bool:
        """Return whether it was full a minute ago or later; only the first call waits."""
        if self._has_limit and time.monotonic() - self._looked > SECONDS:
            self._looked = time.monotonic()
            look = Thread(target=self._look, daemon=True)
            look.start()
            if not self._size:
                look.join()
        return find_share(self._size) >= FULL

    def _look(self) -> None:
        with suppress(SQLAlchemyError):  # if it is away, what was known goes on holding
            self._size = self._database.one(SIZE)[0]
