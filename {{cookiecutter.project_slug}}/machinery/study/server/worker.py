"""gunicorn's worker: who may keep it waiting, and what it prints if it cannot start."""

import ctypes
import io
import resource
import sys
import time
from contextlib import nullcontext, suppress
from datetime import timedelta
from email.utils import formatdate
from functools import lru_cache
from http import HTTPMethod

from gunicorn import util
from gunicorn.arbiter import Arbiter
from gunicorn.http import wsgi
from gunicorn.workers.ggevent import GeventWorker

from study.server.__main__ import explain
from study.server.waiting import Connection, Connections

SECONDS_IDLE_IN_SHUTDOWN = 2
# Of bodies, in each worker; two workers of 75 MB share the 512 MB of Heroku's small dynos.
MOST_HELD = 64_000_000
OTHER_FILES = 64  # that a worker has open besides its connections
M_MMAP_THRESHOLD = -3  # malloc.h of glibc


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


format_second = lru_cache(maxsize=1)(formatdate)


def http_date() -> str:
    """Return the present second for the header of an answer."""
    return format_second(int(time.time()), usegmt=True)


# gunicorn has no settings for them.
wsgi.Response = Answer
util.http_date = http_date


class Worker(GeventWorker):
    """Serves connections that do not keep it waiting for long."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.log.atoms = self._describe
        self._log_access, self.log.access = self.log.access, self._log_unless_ordinary

    def init_process(self) -> None:
        """Start to serve, with as many connections as the system allows up to the setting."""
        room = allow_files(self.worker_connections + OTHER_FILES) - OTHER_FILES
        self.worker_connections = min(self.worker_connections, room)
        self._connections = Connections(self.worker_connections, MOST_HELD)
        return_large_memory()
        # gunicorn would look up a dozen for each request, by functions in Python.
        vars(self.cfg).update({name: each.get() for name, each in self.cfg.settings.items()})
        super().init_process()

    def handle(self, listener, client, addr) -> None:
        """Serve a connection until its end."""
        connection = Connection(client, self._connections)
        try:
            super().handle(listener, connection, addr)
        finally:
            connection.end()

    def timeout_ctx(self) -> nullcontext:
        """Leave it to the connection how long it may take until its next request."""
        return nullcontext()

    def handle_request(self, listener_name, req, sock: Connection, addr) -> None:
        """Answer a request, and drop what the application has not read of its body."""
        sock.stop_waiting()
        is_last = False
        try:
            super().handle_request(listener_name, req, sock, addr)
        except StopIteration:
            is_last = True
        if not sock.drop(req.body) or is_last:
            raise StopIteration
        sock.expect_request()

    def notify(self) -> None:
        """Tell gunicorn once a second that the worker lives, and close who waits too long."""
        super().notify()
        self._connections.close_overdue()

    def handle_exit(self, sig, frame) -> None:
        """Stop accepting connections (SIGTERM), and soon close those that are idle."""
        super().handle_exit(sig, frame)
        self._connections.hurry(SECONDS_IDLE_IN_SHUTDOWN)

    def load_wsgi(self) -> None:
        """Import the application; a mistake in custom.py ends the server with a short message."""
        try:
            super().load_wsgi()
        except Exception as error:
            if (mistake := explain(error)) is None:
                raise
            print(mistake, file=sys.stderr, flush=True)
            sys.exit(Arbiter.APP_LOAD_ERROR)
        from study.server import alerts  # what it imports needs psiTurk's application

        alerts.start(is_new=self.age == 1 or self.age > self.cfg.workers)

    def _log_unless_ordinary(self, response, request, environ: dict, duration: timedelta) -> None:
        # Of 200 participants, what shortcut.py answers would push all else out of the 1,500 lines
        # that Heroku keeps.
        if not environ.get("study.answered"):
            self._log_access(response, request, environ, duration)

    def _describe(self, response, request, environ: dict, duration: timedelta) -> dict:
        # What access_log_format in gunicorn.conf.py names. gunicorn itself also offers each header
        # of the request and the answer, in ten times the time.
        milliseconds = duration // timedelta(milliseconds=1)
        method = environ["REQUEST_METHOD"]
        method = method if method in HTTPMethod.__members__ else "?"  # a visitor may write anything
        told = {"t": self.log.now(), "m": method, "M": milliseconds}
        return told | {"s": response.status.split()[0], "B": response.sent}


def allow_files(number: int) -> int:
    """Let this process open so many files; return how many the system allows, up to that."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = number if hard == resource.RLIM_INFINITY else min(number, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return allowed


def return_large_memory() -> None:
    """Let the memory of a large body go back to the system when it is freed.

    glibc's malloc by itself stops doing so for sizes that were freed before, up to 32 MB.
    """
    with suppress(AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 262_144)
