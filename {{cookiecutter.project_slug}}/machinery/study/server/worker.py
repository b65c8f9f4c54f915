"""gunicorn's worker for a server behind a router that keeps connections.

Heroku's router keeps an idle connection for 90 seconds (devcenter.heroku.com/articles/
http-routing). gunicorn closes one after 2, and a request that was on its way then is lost. With
a longer patience, gunicorn would wait as long for idle connections when it is told to stop.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import gevent
from gunicorn.arbiter import Arbiter
from gunicorn.workers.ggevent import GeventWorker

from study.server.launch import explain

SECONDS_IDLE = 100
SECONDS_IDLE_AT_THE_END = 2


class Worker(GeventWorker):
    """Keeps idle connections until it is told to stop."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self._waiting: dict[gevent.Timeout, gevent.Greenlet] = {}

    @contextmanager
    def timeout_ctx(self) -> Iterator[None]:
        """Around the wait for a connection's next request, which ends without one."""
        patience = gevent.Timeout(SECONDS_IDLE, False)
        self._waiting[patience] = gevent.getcurrent()
        try:
            with patience:
                yield
        finally:
            del self._waiting[patience]

    def load_wsgi(self) -> None:
        """Import the application; a mistake in custom.py ends the server in a few lines."""
        try:
            super().load_wsgi()
        except Exception as error:
            if (mistake := explain(error)) is None:
                raise
            print(mistake, file=sys.stderr, flush=True)
            sys.exit(Arbiter.APP_LOAD_ERROR)

    def handle_exit(self, sig, frame) -> None:
        """Told to stop (SIGTERM)."""
        super().handle_exit(sig, frame)
        self._end = gevent.get_hub().loop.timer(SECONDS_IDLE_AT_THE_END)
        self._end.start(self._stop_waiting)

    def _stop_waiting(self) -> None:
        # In the event loop itself, so that no request can begin between the look and the end.
        for patience, connection in list(self._waiting.items()):
            if patience in self._waiting:
                connection.throw(patience)
