"""How often a client may do something: a limit in the memory of each worker process.

The database is not asked, so that a refusal costs next to nothing. With more processes a client
may do more, but never less.
"""

import ipaddress
import time
from collections import Counter
from collections.abc import Callable
from functools import lru_cache

SECONDS = 60
FEW = 10
CLIENTS = 10_000  # remembered at most, about 1 MB


class Throttle:
    """Limits what each client, and what all of them together, do in a minute.

    Beyond ``in_all``, clients that have done little are let through until it is twice as much: a
    few that do much must not shut the others out. ``tell`` is called once a minute at most, if
    somebody was refused.
    """

    def __init__(
        self,
        of_client: int,
        in_all: float = float("inf"),
        tell: Callable[[], None] = lambda: None,
    ) -> None:
        self._of_client, self._in_all, self._tell = of_client, in_all, tell
        self._clients = Counter[str]()
        self._begin(0)

    def _begin(self, minute: float) -> None:
        self._minute, self._allowed, self._has_told = minute, 0, False
        self._clients.clear()

    def allow(self, address: str | None, number: int = 1) -> bool:
        """Count so many more of this client; return whether that is within the limits."""
        client, minute = _client(address), time.monotonic() // SECONDS
        if minute != self._minute:
            self._begin(minute)
        if len(self._clients) >= CLIENTS:
            self._clients.clear()
        self._clients[client] += number
        own = self._clients[client]
        in_all = self._in_all * (2 if own <= FEW else 1)
        if own <= self._of_client and self._allowed < in_all:
            self._allowed += number
            return True
        if not self._has_told:
            self._has_told = True
            self._tell()
        return False


@lru_cache(maxsize=CLIENTS)
def _client(address: str | None) -> str:
    """The address, or the /64 network that an IPv6 provider gives to one customer."""
    try:
        parsed = ipaddress.IPv6Address(address or "")
    except ValueError:
        return address or ""
    return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))
