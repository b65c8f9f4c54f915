"""Saves go first: of other requests, a worker answers a few at a time.

A worker's requests take turns at whatever they wait for. Of 200 who arrive at the same moment, each
would have its turn before a save goes on, and the page of somebody in the task would wait for all.
"""

from collections.abc import Iterable

from gevent.lock import BoundedSemaphore

AT_ONCE = 8
# One that is held up, by a slow client or by a database that is away, must not hold up the others.
LONGEST_WAIT = 0.2  # seconds


class Turns:
    """WSGI middleware around everything but static files and what shortcut.py answers."""

    def __init__(self, application):
        self._application, self._turns = application, BoundedSemaphore(AT_ONCE)

    def __call__(self, environ: dict, start_response) -> Iterable[bytes]:
        """Pass the request on when it is one of a few, or after a moment."""
        has_turn = self._turns.acquire(False) or self._turns.acquire(timeout=LONGEST_WAIT)
        try:
            return self._application(environ, start_response)
        finally:
            if has_turn:
                self._turns.release()
