"""How often a client may do something: a limit in the memory of each worker process.

The database is not asked, so that a refusal costs next to nothing. With more processes a client
may do more, but never less.
"""

import ipaddress
import time
from collections import Counter
from collections.abc import Callable

SECONDS = 60
CLIENTS = 10_000  # remembered at most, about 1 MB


class Throttle:
    """Limits what each client, and what all of them together, do in a minute.

    ``tell`` is called when a limit is first exceeded: once a minute for each client, and for all.
    """

    def __init__(
        self,
        of_client: int,
        in_all: float = float("inf"),
        tell: Callable[[], None] = lambda: None,
    ) -> None:
        self._of_client, self._in_all, self._tell = of_client, in_all, tell
        self._minute, self._clients, self._all = 0.0, Counter[str](), 0

    def allow(self, address: str | None, number: int = 1) -> bool:
        """Count so many more of this client; return whether that is within the limits."""
        client, minute = _client(address), time.monotonic() // SECONDS
        if minute != self._minute:
            self._minute, self._all = minute, 0
            self._clients.clear()
        if len(self._clients) >= CLIENTS:
            self._clients.clear()
        self._clients[client] += number
        excess = self._clients[client] - self._of_client
        if excess <= 0:  # who does too much uses nothing up that others share
            self._all += number
            excess = self._all - self._in_all
        if 0 < excess <= number:
            self._tell()
        return excess <= 0


def _client(address: str | None) -> str:
    """The address, or the /64 network that an IPv6 provider gives to one customer."""
    try:
        parsed = ipaddress.IPv6Address(address or "")
    except ValueError:
        return address or ""
    return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))
