"""Clients that keep a server waiting, and open anew what it closes.

with Siege(port, HALF_HEAD, connections=2100):
    ...                                            # ask something as a visitor
"""

import asyncio
import socket
import threading
from contextlib import suppress

SECOND = 1.0  # between two pieces of a connection
PAUSE = 10.0  # seconds until a closed one is opened anew
PIECE = 65_536

HALF_HEAD = b"GET /pub HTTP/1.1\r\nHost: study\r\nX-Slow: "
ENDLESS_LINE = b"GET /" + PIECE * b"a"


def half_body(path: str, cookie: str, length: int, sent: int) -> bytes:
    """A save whose body of that length stops after some bytes."""
    head = f"PUT {path} HTTP/1.1\r\nHost: study\r\nCookie: {cookie}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    return head.encode() + b'{"data":["' + (sent - 10) * b"a"


class Siege:
    """Connections that each send ``opening`` and then a ``drip`` every second, without an end.

    Without a drip they fall silent. With ``reads`` false they leave the answers where they are.
    """

    def __init__(
        self,
        port: int,
        opening: bytes,
        *,
        connections: int,
        drip: bytes = b"",
        reads: bool = True,
    ):
        self._port, self._opening, self._drip = port, opening, drip
        self._connections, self._reads = connections, reads
        self.opened = self.closed = 0  # connections, by us and by the server
        self._begun = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self) -> "Siege":
        self._thread.start()
        assert self._begun.wait(60), "the server takes no connections"
        return self

    def __exit__(self, *_) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join()

    async def _run(self) -> None:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        self._started = set()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*map(self._persist, range(self._connections)))

    async def _persist(self, number: int) -> None:
        while True:
            with suppress(OSError):
                await self._keep_waiting(number)
            self.closed += 1
            await asyncio.sleep(PAUSE)

    async def _keep_waiting(self, number: int) -> None:
        reader, writer = await asyncio.open_connection(sock=await self._connect())
        try:
            writer.write(self._opening)
            self.opened += 1
            self._started.add(number)
            if len(self._started) == self._connections:
                self._begun.set()
            if not self._reads:
                writer.transport.pause_reading()
            while not self._drip and await reader.read(PIECE):
                pass
            while self._drip and not writer.is_closing():
                writer.write(self._drip)
                await writer.drain()
                await asyncio.sleep(SECOND)
        finally:
            writer.transport.abort()  # close() would first send the rest

    async def _connect(self) -> socket.socket:
        client = socket.socket()
        client.setblocking(False)
        if not self._reads:  # nor may the system take much for us
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", self._port))
        return client
