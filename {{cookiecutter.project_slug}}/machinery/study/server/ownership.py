"""Who may read and change a participant's record: the browser that /exp gave it to.

psiTurk asks for a uniqueId only, and ids are known to others. Here a browser also needs a
cookie with a token for that record. Each record has a cookie of its own: Flask's session is
one cookie for all, and of two participations begun at the same time one would be lost.
"""

import ipaddress
import time
from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from hmac import compare_digest

from flask import Response, current_app, request

from study import signing
from study.server.errors import NOT_KNOWN, NOT_YOURS, TOO_OFTEN, ParticipantError
from study.server.services import services

PREFIX = "record-"
A_MONTH = 30 * 24 * 3600
# A lab's computer sees many participants, and a request's headers have a limit of 8 kB.
COOKIES_KEPT = 12
FAILURES, SECONDS = 60, 60  # of one client, in each worker process
CLIENTS = 10_000  # remembered at most, about 1 MB


def claim(response: Response, uniqueid: str) -> Response:
    """Give the record to this browser, and take the oldest ones back if it has too many."""
    name = _cookie_name(uniqueid)
    # Browsers send the oldest cookie first (RFC 6265, section 5.4).
    others = [held for held in request.cookies if held.startswith(PREFIX) and held != name]
    for oldest in others[: max(0, len(others) - COOKIES_KEPT + 1)]:
        response.delete_cookie(oldest)
    return set_cookie(response, name, make_token("record", uniqueid), A_MONTH)


def set_cookie(response: Response, name: str, value: str, seconds: int) -> Response:
    """Set a cookie that scripts cannot read and other sites cannot use."""
    secure = request.is_secure
    response.set_cookie(name, value, seconds, secure=secure, httponly=True, samesite="Lax")
    return response


def is_owner(uniqueid: str) -> bool:
    return is_token(request.cookies.get(_cookie_name(uniqueid), ""), "record", uniqueid)


def require_owner(uniqueid: str) -> None:
    """Raise ParticipantError unless the record was given to this browser."""
    if is_owner(uniqueid):
        return
    if not _throttle.allow_failure(request.remote_addr):
        raise ParticipantError(TOO_OFTEN)
    services.count_event("no-proof")
    current_app.logger.warning("Refused: %s without proof", request.endpoint)
    raise ParticipantError(NOT_YOURS)


def require_owned_id(args: Mapping[str, str]) -> str:
    """The request's uniqueId. Raises ParticipantError unless this browser owns that record."""
    if not (uniqueid := args.get("uniqueId", "")):
        raise ParticipantError(NOT_KNOWN)
    require_owner(uniqueid)
    return uniqueid


def make_token(purpose: str, uniqueid: str) -> str:
    """A token for one record and one purpose.

    "record" is for the cookie. "submission" is for MTurk's frame, where cookies do not
    reach, to report the submitted HIT.
    """
    return signing.proof(services.key, purpose, uniqueid).hex()


def is_token(text: str, purpose: str, uniqueid: str) -> bool:
    return compare_digest(text.encode(), make_token(purpose, uniqueid).encode())


class Throttle:
    """Limits the failures of each client. Requests that succeed are never counted."""

    def __init__(self) -> None:
        self._minute, self._failures = 0.0, Counter[str]()

    def allow_failure(self, address: str | None) -> bool:
        """Count a failure of this client; False if it has had too many."""
        client, minute = _client(address), time.monotonic() // SECONDS
        if minute != self._minute or len(self._failures) >= CLIENTS:
            self._minute = minute
            self._failures.clear()
        self._failures[client] += 1
        return self._failures[client] <= FAILURES


_throttle = Throttle()


def _client(address: str | None) -> str:
    """The address, or the /64 network that an IPv6 provider gives to one customer."""
    try:
        parsed = ipaddress.IPv6Address(address or "")
    except ValueError:
        return address or ""
    return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))


def _cookie_name(uniqueid: str) -> str:
    # Nobody who looks at a computer's cookies shall find ids.
    return PREFIX + sha256(uniqueid.encode()).hexdigest()[:24]
