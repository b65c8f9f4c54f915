"""gunicorn's worker and logger: how long connections are kept, and what is logged of requests."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import gevent
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger
from gunicorn.workers.ggevent import GeventWorker

from study.server.__main__ import explain
from study.server.errors import rewrite

# Heroku's router reuses an idle connection for up to 90 seconds (devcenter.heroku.com/articles/
# http-routing). If gunicorn closes it first, the request on its way is lost (H18). gunicorn's
# setting ``keepalive`` would do for that, but it also delays a shutdown: at 100 seconds, idle
# connections use up graceful_timeout, and a restart takes 27 seconds instead of 3.
SECONDS_IDLE = 100
SECONDS_IDLE_IN_SHUTDOWN = 2


class Worker(GeventWorker):
    """Keeps idle connections until it is asked to stop."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
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


class PrivateLogger(Logger):
    """Keeps what participants send, ids and addresses above all, out of gunicorn's logs."""

    def setup(self, cfg) -> None:
        """Configure the logs, with a filter for errors."""
        super().setup(cfg)
        self.error_log.addFilter(_hide_request)

    def access(self, resp, req, environ, request_time) -> None:
        """Log a request's time, method, status, size and duration (psiTurk's setting accesslog).

        gunicorn's own format could be set to the same, but it first collects every value it
        knows, and with the log record that took a tenth of a request's time.
        """
        status = str(resp.status).partition(" ")[0]  # errors of gunicorn lack a status_code
        milliseconds = request_time.total_seconds() * 1000
        line = f"{self.now()} {req.method} {status} {resp.sent} bytes {milliseconds:.0f} ms\n"
        for handler in self.access_log.handlers:
            if isinstance(handler, logging.StreamHandler):
                handler.stream.write(line)
                handler.flush()


def _hide_request(record: logging.LogRecord) -> bool:
    for start in ("Invalid request", "Error handling request"):  # gunicorn/workers/base.py
        if record.getMessage().startswith(start):
            rewrite(record, start)
    return True
