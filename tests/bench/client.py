"""A browser as a server sees it behind Heroku's router, cheap enough to be many.

    browser = Browser([port, other_port], agent, address)
    answer = await browser.request("GET", "/pub?…")

HTTP/1.1 over asyncio: cookies, connections that are kept, the headers that the router adds.
With several ports each request goes to one of them by chance, as the router spreads requests
over dynos. Redirects are answers like others.
"""

import asyncio
import random
import re
import time
from dataclasses import dataclass

PATIENCE = 30  # seconds until Heroku's router gives a request up (H12)
# gunicorn closes a connection that has been idle for 2 s, and could do so as we send.
SECONDS_IDLE = 1.0
ROUTER = (
    "Host: study.example\r\nX-Forwarded-For: {}\r\nX-Forwarded-Proto: https\r\n"
    "X-Forwarded-Port: 443\r\nVia: 1.1 heroku-router\r\nAccept-Language: en\r\n"
    "Sec-Fetch-Site: same-origin\r\n"
)
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
CLOSES = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
COOKIE = re.compile(rb"\r\nset-cookie: *([^=;\r]+)=([^;\r]*)", re.IGNORECASE)


@dataclass
class Answer:
    """What came back, and how long after the request."""

    status: int
    body: bytes
    seconds: float


@dataclass
class Connection:
    """A connection to one server."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    used: float  # time.perf_counter


class Browser:
    """One person's cookies and connections. ``address`` is what the router sees."""

    def __init__(self, ports: list[int], agent: str, address: str) -> None:
        self._ports = ports
        self._headers = f"{ROUTER.format(address)}User-Agent: {agent}\r\n"
        self._cookies: dict[str, str] = {}
        self._connections: dict[int, Connection] = {}

    async def request(self, method: str, path: str, body: bytes = b"", kind: str = "") -> Answer:
        """Send a request, on a new connection where there is none.

        ``kind`` is the body's Content-Type. Raises OSError, EOFError or TimeoutError if there
        is no answer, and ValueError if it is not one that this client can read.
        """
        started = time.perf_counter()
        port = random.choice(self._ports)
        try:
            async with asyncio.timeout(PATIENCE):
                connection = await self._connection(port)
                connection.writer.write(self._head(method, path, body, kind) + body)
                head, content = await _read(connection.reader)
        except BaseException:
            self._drop(port)
            raise
        for name, value in COOKIE.findall(head):
            self._cookies[name.decode()] = value.decode()
        connection.used = time.perf_counter()
        if CLOSES.search(head):
            self._drop(port)
        return Answer(int(head[9:12]), content, connection.used - started)

    def close(self) -> None:
        for port in list(self._connections):
            self._drop(port)

    async def _connection(self, port: int) -> Connection:
        there = self._connections.get(port)
        if there and time.perf_counter() - there.used < SECONDS_IDLE:
            return there
        self._drop(port)
        made = Connection(*await asyncio.open_connection("127.0.0.1", port), 0)
        self._connections[port] = made
        return made

    def _drop(self, port: int) -> None:
        if connection := self._connections.pop(port, None):
            connection.writer.close()

    def _head(self, method: str, path: str, body: bytes, kind: str) -> bytes:
        lines = f"{method} {path} HTTP/1.1\r\n{self._headers}"
        if self._cookies:
            cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
            lines += f"Cookie: {cookies}\r\n"
        if kind:
            lines += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        return f"{lines}\r\n".encode()


async def _read(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = LENGTH.search(head)
    if not length:
        raise ValueError(f"an answer without a length: {head!r}")
    return head, await reader.readexactly(int(length[1]))
