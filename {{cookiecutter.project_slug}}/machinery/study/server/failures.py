"""Saves that fail, counted in the database as soon as that answers again."""

import time
from threading import Thread

from flask import Response, request

from study.server.services import services

KIND = "save-failed"
PAUSE = 2  # seconds between attempts to store the number
REFUSED = (413, 429)  # statuses below 500 with which a participant's data are not taken
NO_SAVES = ("task.begin", "task.quit", "task.load")


class Failures:
    """The number that the database does not have yet."""

    def __init__(self) -> None:
        self.pending = 0
        self._is_storing = False

    def add(self) -> None:
        """Count one more, without waiting for the database."""
        self.pending += 1
        if not self._is_storing:
            self._is_storing = True
            Thread(target=self._store, daemon=True).start()

    def _store(self) -> None:
        while number := self.pending:
            time.sleep(PAUSE)
            if services.count_event(KIND, number):
                self.pending -= number
        self._is_storing = False


failures = Failures()


def note_failure(response: Response) -> Response:
    """Count the answer to a save that is not taken, though its browser may send it."""
    is_failure = response.status_code >= 500 or response.status_code in REFUSED
    if is_failure and request.endpoint not in NO_SAVES:
        failures.add()
    return response
