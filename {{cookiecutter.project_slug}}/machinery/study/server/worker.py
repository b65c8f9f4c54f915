"""gunicorn's worker: how long it keeps idle connections, and what it prints if it cannot start."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import gevent
from gunicorn.arbiter import Arbiter
from gunicorn.http import wsgi
from gunicorn.workers.ggevent import GeventWorker

from study.server.__main__ import explain

# Heroku's router reuses an idle connection for up to 90 seconds (devcenter.heroku.com/articles/
# http-routing). If gunicorn closes it first, the request on its way is lost (H18). gunicorn's
# setting ``keepalive`` would do, but its shutdown waits as long for idle connections: with 100
# seconds until graceful_timeout ends it by force, after 25 seconds instead of 3.
SECONDS_IDLE = 100
SECONDS_IDLE_IN_SHUTDOWN = 2


class Piece(io.BytesIO):
    """What is sent at once: takes a connection's place meanwhile."""

    sendall = io.BytesIO.write


class Answer(wsgi.Response):
    """Sends headers and body in one packet, where gunicorn needs two system calls and packets."""

    def write(self, arg: bytes) -> None:
        """Send a piece of the body, the first one with the headers."""
        connection, self.sock = self.sock, Piece()
        try:
            super().write(arg)
            connection.sendall(self.sock.getvalue())
        finally:
            self.sock = connection


wsgi.Response = Answer  # gunicorn has no setting for it


class Worker(GeventWorker):
    """Keeps idle connections until it is asked to stop."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.log.atoms = self._describe
        self._idle: dict[gevent.Timeout, gevent.Greenlet] = {}

    @contextmanager
    def timeout_ctx(self) -> Iterator[None]:
        """Limit the wait for a connection's next request."""
        timeout = gevent.Timeout(SECONDS_IDLE, False)
        self._idle[timeout] = gevent.getcurrent()
        try:
            with timeout:
                yield
        finally:
            del self._idle[timeout]

    def handle_exit(self, sig, frame) -> None:
        """Stop accepting connections (SIGTERM), and soon close those that are idle."""
        super().handle_exit(sig, frame)
        self._shutdown = gevent.get_hub().loop.timer(SECONDS_IDLE_IN_SHUTDOWN)
        # Called by the event loop itself, so that no request begins while it runs.
        self._shutdown.start(self._close_idle)

    def _close_idle(self) -> None:
        for timeout, connection in list(self._idle.items()):
            if timeout in self._idle:
                connection.throw(timeout)

    def load_wsgi(self) -> None:
        """Import the application; a mistake in custom.py ends the server with a short message."""
        try:
            super().load_wsgi()
        except Exception as error:
            if (mistake := explain(error)) is None:
                raise
            print(mistake, file=sys.stderr, flush=True)
            sys.exit(Arbiter.APP_LOAD_ERROR)

    def _describe(self, response, request, environ: dict, duration: timedelta) -> dict:
        # What access_log_format in gunicorn.conf.py names. gunicorn itself also offers each header
        # of the request and the answer, in ten times the time.
        milliseconds = duration // timedelta(milliseconds=1)
        told = {"t": self.log.now(), "m": environ["REQUEST_METHOD"], "M": milliseconds}
        return told | {"s": response.status.split()[0], "B": response.sent}
