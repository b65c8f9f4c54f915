"""Completes the records of those who have stopped saving, while the server runs."""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from threading import Thread

from sqlalchemy.exc import SQLAlchemyError

IDLE = timedelta(minutes=2)
SECONDS_BETWEEN = 10
SECONDS_BETWEEN_SWEEPS = 600  # for what servers have left that are gone


class IdleRecords:
    """Who saved through this process, and when (UTC).

    ``gather`` completes the records of those who have sent nothing since a time, or only that of
    ``uid``.
    """

    def __init__(self, gather: Callable[..., None], now: Callable[[], datetime]):
        self._gather, self._now = gather, now
        self._saved: dict[str, datetime] = {}
        self._thread: Thread | None = None

    def note(self, uniqueid: str) -> None:
        """Note a save. The first one starts the thread: before, the process may be forked."""
        self._saved[uniqueid] = self._now()
        if self._thread is None:
            self._thread = Thread(target=self._watch, daemon=True)
            self._thread.start()

    def _watch(self) -> None:
        swept = float("-inf")
        while True:
            since = self._now() - IDLE
            with suppress(SQLAlchemyError):  # the database is away: the next time
                if time.monotonic() - swept > SECONDS_BETWEEN_SWEEPS:
                    self._gather(since)
                    swept = time.monotonic()
                for uniqueid in [name for name, saved in self._saved.items() if saved < since]:
                    self._gather(since, uid=uniqueid)
                    if self._saved[uniqueid] < since:
                        del self._saved[uniqueid]
            time.sleep(SECONDS_BETWEEN)
