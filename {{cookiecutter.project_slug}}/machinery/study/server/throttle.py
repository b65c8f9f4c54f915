"""How often one client may fail to prove that a record is theirs.

Guessing ids gets slow, and nobody else notices: only failures count, and only requests
that fail are turned away. A whole lab behind one address goes on with its proofs.
"""

import ipaddress
import time
from collections import OrderedDict

FAILURES = 60  # from one client, in each worker process
SECONDS = 60
CLIENTS = 10_000  # remembered at most, about 2 MB


class Throttle:
    """Counts the failures of each client within fixed windows, in the memory of this process.

    The participants' server has one. When a proof is missing or wrong:

        status = 403 if throttle.allow_failure(request.remote_addr) else 429

    Answer 429 with ``Retry-After: 60``. A request with a valid proof never asks here.
    """

    def __init__(self, failures: int = FAILURES, seconds: float = SECONDS, clock=time.monotonic):
        self._failures, self._seconds, self._clock = failures, seconds, clock
        self._windows: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def allow_failure(self, address: str | None) -> bool:
        """Count one more failure of this client; False once there were too many."""
        client, now = _client(address), self._clock()
        began, failures = self._windows.pop(client, (now, 0))
        if now - began >= self._seconds:
            began, failures = now, 0
        self._windows[client] = began, failures + 1
        if len(self._windows) > CLIENTS:
            self._windows.popitem(last=False)  # who has been quiet for longest
        return failures < self._failures


def _client(address: str | None) -> str:
    """The address, or the network that an IPv6 provider gives to one customer."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return ""
    if parsed.version == 4:
        return parsed.compressed
    mapped = parsed.ipv4_mapped
    return str(mapped or ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))
