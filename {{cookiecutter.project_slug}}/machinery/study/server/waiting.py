"""Clients that keep a worker waiting: how many at once, and for how long.

A worker has room for a number of connections (gunicorn's worker_connections), so whoever starts
requests and never ends them would shut everybody else out, and fill the memory. Heroku's router
passes on no half heads, but bodies as they come; elsewhere there may be no router.

Each kind of wait has a share of the connections. Above it, the connection that has waited longest
is closed: an honest request is complete within milliseconds, so under an attack it is never that
one. And each wait has a deadline, which moves on as bytes move.
"""

import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum

import gevent
from gunicorn.http.errors import LimitRequestHeaders, ParseException

LONGEST_HEAD = 32_768  # bytes; browsers send up to 4,000, and cookies
SLOWEST = 2_000  # bytes in a second; the slowest mobile plans have 4,000
PIECE = 65_536
SECONDS_TO_LET_GO = 0.001
# Bytes of an answer that the system keeps for a slow reader, in memory that counts as the dyno's.
# By itself it would keep 4 MB; this much is on its way at 40 Mbit/s and 50 ms.
MOST_UNREAD = 262_144
MOST_DROPPED = 64_000_000  # bytes of a body that nobody reads


@dataclass(frozen=True)
class Patience:
    """How much of a kind of wait a worker bears."""

    share: float  # of the worker's connections
    seconds: int  # until the end of the wait
    moves_on: bool = False  # the end moves on with what arrives; then it is seconds of silence


class Wait(Enum):
    """What a worker waits for."""

    # Heroku's router reuses an idle connection for up to 90 seconds (devcenter.heroku.com/
    # articles/http-routing). If the server closes it first, the request on its way is lost (H18).
    REQUEST = Patience(0.4, 100)
    HEAD = Patience(0.15, 10)
    BODY = Patience(0.2, 20, moves_on=True)
    # Of an answer. A class of 80 that loads stimuli has five each, in two workers.
    READER = Patience(0.2, 20, moves_on=True)


class Connections:
    """The connections of a worker that may keep it waiting, by the kind of wait.

    ``room`` is how many it has room for, ``most_held`` how many bytes of bodies it may hold.
    """

    def __init__(self, room: int, most_held: int):
        self._seconds = {wait: wait.value.seconds for wait in Wait}
        self._most = {wait: max(1, int(wait.value.share * room)) for wait in Wait}
        self._most_held, self._held = most_held, 0
        self._leaving = 0  # bytes held by connections that were closed and have not ended yet
        # In each the connections by the begin of their wait.
        self._waits: dict[Wait, dict[Connection, None]] = {wait: {} for wait in Wait}

    def begin(self, connection: "Connection", wait: Wait) -> None:
        """Let a connection wait, or close another that has waited longer."""
        self.end(connection)
        connection.wait = wait
        connection.deadline = time.monotonic() + self._seconds[wait]
        waits = self._waits[wait]
        waits[connection] = None
        if len(waits) > self._most[wait]:
            self._close_first(waits)

    def end(self, connection: "Connection") -> None:
        if connection.wait:
            self._waits[connection.wait].pop(connection, None)
            connection.wait = None

    def hold(self, connection: "Connection", size: int) -> None:
        """Count bytes that a connection's request keeps in memory until it ends.

        If there is no room for them, closes others and waits until these have let go of theirs.
        """
        connection.held += size
        self._held += size
        while self._held - self._leaving > self._most_held and self._close_first(self._holders()):
            pass
        while self._leaving and self._held > self._most_held:
            gevent.sleep(SECONDS_TO_LET_GO)

    def let_go(self, connection: "Connection") -> None:
        self._held -= connection.held
        if connection.is_over:
            self._leaving -= connection.held
        connection.held = 0

    def close_overdue(self) -> None:
        now = time.monotonic()
        for waits in self._waits.values():
            for connection in [each for each in waits if each.deadline < now]:
                self._close_first([connection])

    def hurry(self, seconds: float) -> None:
        """Wait no longer than that for requests that have not begun, now or later."""
        self._seconds[Wait.REQUEST] = seconds
        latest = time.monotonic() + seconds
        for connection in self._waits[Wait.REQUEST]:
            connection.deadline = min(connection.deadline, latest)

    def _holders(self) -> list["Connection"]:
        """Those whose bodies are not small beside the others', as closing these would not help."""
        bodies = self._waits[Wait.BODY]
        return [each for each in bodies if each.held * 2 * len(bodies) >= self._held]

    def _close_first(self, connections) -> bool:
        """Close the first that is waiting; return whether there is one."""
        first = next((each for each in connections if each.is_blocked), None)
        if first:
            how = socket.SHUT_RD if first.wait is Wait.REQUEST else socket.SHUT_RDWR
            self.end(first)
            first.hang_up(how)
            if first.is_over:
                self._leaving += first.held
        return bool(first)


class Connection:
    """A client's socket, as gunicorn uses it, that tells what the worker waits for."""

    def __init__(self, client: socket.socket, connections: Connections):
        self._client, self._connections = client, connections
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MOST_UNREAD)
        self.wait: Wait | None = None
        self.is_blocked = False  # in a system call
        self.is_over = False  # closed by us; what it holds goes when its request ends
        self.deadline, self.held, self._head = 0.0, 0, 0
        self.expect_request()

    def __getattr__(self, name: str):
        return getattr(self._client, name)

    def expect_request(self) -> None:
        """Wait for the next request, and count what the last one held as free."""
        self._head = 0
        self._connections.let_go(self)
        self._connections.begin(self, Wait.REQUEST)

    def stop_waiting(self) -> None:
        """Count as a connection that is being served."""
        self._connections.end(self)

    def end(self) -> None:
        self._connections.end(self)
        self._connections.let_go(self)

    def recv(self, size: int) -> bytes:
        """Receive a piece of a request's head or body; empty if the client or we hung up."""
        if self.wait is None:
            self._connections.begin(self, Wait.BODY)
        piece = self._block(self._client.recv, min(size, PIECE))
        if self.is_over:
            return b""  # the system may still have megabytes, which nobody would count
        if self.wait is Wait.BODY:
            self._connections.hold(self, len(piece))
        elif piece and self.wait:
            self._receive_head(len(piece))
        return piece

    def _receive_head(self, size: int) -> None:
        if self.wait is Wait.REQUEST:
            self._connections.begin(self, Wait.HEAD)
        self._head += size
        if self._head > LONGEST_HEAD:
            raise LimitRequestHeaders("head")

    def drop(self, body) -> bool:
        """Read the rest of a body and forget it; return whether it has ended.

        A browser that still sends reads no answer.
        """
        with suppress(OSError, ParseException):
            for _ in range(MOST_DROPPED // PIECE):
                if not body.read(PIECE):
                    return True
                self._connections.let_go(self)
        return False

    def sendall(self, data: bytes) -> None:
        """Send a piece of an answer."""
        self._connections.begin(self, Wait.READER)
        rest = memoryview(data)
        while rest:
            rest = rest[self._block(self._client.send, rest) :]
        self._connections.end(self)

    def sendfile(self, file, offset: int, count: int) -> None:
        """Send that many bytes of a file."""
        file.seek(offset)
        while count and (piece := file.read(min(count, PIECE))):
            self.sendall(piece)
            count -= len(piece)

    def _block(self, call, argument):
        """Receive or send, and move the deadline on by what came or went."""
        self.is_blocked = True
        try:
            moved = call(argument)
        finally:
            self.is_blocked = False
        if self.wait and self.wait.value.moves_on:
            size = moved if isinstance(moved, int) else len(moved)
            latest = time.monotonic() + self.wait.value.seconds
            self.deadline = min(self.deadline + size / SLOWEST, latest)
        return moved

    def hang_up(self, how: int) -> None:
        """End the system call that the connection is blocked in."""
        self.is_over = how is socket.SHUT_RDWR
        with suppress(OSError):
            # gevent's own shutdown would raise there, as if the server had made a mistake.
            self._client._sock.shutdown(how)
