"""Who may read and change a participant's record: the browser that opened it at /exp.

psiTurk asks for a uniqueId only, and ids are known to others. Here every browser gets a random
id of its own, in a signed cookie, and a record's row names the browser that owns it. One cookie
for all records: no page of another site can push it out by opening others.
"""

import re
import secrets
from collections.abc import Mapping
from datetime import timedelta
from hmac import compare_digest

from flask import Response, current_app, g, request
from sqlalchemy import Row

from study import signing
from study.database.participants import utc_now
from study.server.errors import NOT_KNOWN, NOT_YOURS, TOO_OFTEN, ParticipantError
from study.server.services import services
from study.server.throttle import Throttle

COOKIE = "browser"
BROWSER = re.compile(r"([0-9a-f]{32})\.([0-9a-f]{64})")
LONGEST, AFTERWARDS = timedelta(days=30), timedelta(days=1)  # a proof is valid
_throttle = Throttle(60)  # failures


def find_browser() -> str:
    """Return the id of the browser that sent the request; empty if it has none."""
    match = BROWSER.fullmatch(request.cookies.get(COOKIE, ""))
    return match[1] if match and is_token(match[2], "browser", match[1]) else ""


def name_browser() -> str:
    """Return this browser's id. A new one gets its cookie with the answer (``keep_browser``)."""
    if "browser" not in g:
        g.browser = find_browser() or secrets.token_hex(16)
    return g.browser


def keep_browser(response: Response) -> Response:
    """Let the browser keep the id that it got in this request."""
    if "browser" in g:
        value = f"{g.browser}.{make_token('browser', g.browser)}"
        set_cookie(response, COOKIE, value, int((LONGEST + AFTERWARDS).total_seconds()))
    return response


def set_cookie(response: Response, name: str, value: str, seconds: int) -> Response:
    """Set a cookie that scripts cannot read and other sites cannot use."""
    secure = request.is_secure
    response.set_cookie(name, value, seconds, secure=secure, httponly=True, samesite="Lax")
    return response


def is_owner(row: Row) -> bool:
    """Return whether this browser owns the record: for a month, and a day after its end."""
    ends = row.beginhit + LONGEST
    if row.has_ended and row.endhit:
        ends = min(ends, row.endhit + AFTERWARDS)
    return bool(row.owner) and row.owner == find_browser() and utc_now() < ends


def require_owner(uniqueid: str) -> Row:
    """Return the record's row. Raises ParticipantError unless this browser owns it."""
    row = services.records.find(uniqueid)
    if row and is_owner(row):
        return row
    raise refuse()


def refuse() -> ParticipantError:
    """Return the error for a browser without proof, and count it against the client."""
    if not _throttle.allow(request.remote_addr):
        return ParticipantError(TOO_OFTEN)
    services.count_event("no-proof")
    current_app.logger.warning("Refused: %s without proof", request.endpoint)
    return ParticipantError(NOT_YOURS)


def require_owned_id(args: Mapping[str, str]) -> str:
    """The request's uniqueId. Raises ParticipantError unless this browser owns that record."""
    if not (uniqueid := args.get("uniqueId", "")):
        raise ParticipantError(NOT_KNOWN)
    require_owner(uniqueid)
    return uniqueid


def make_token(purpose: str, text: str) -> str:
    """Return a token for one text and one purpose.

    "browser" is for the cookie. "submission" is for MTurk's frame, where cookies do not
    reach, to report the submitted HIT.
    """
    return signing.proof(services.key, purpose, text).hex()


def is_token(token: str, purpose: str, text: str) -> bool:
    return compare_digest(token.encode(), make_token(purpose, text).encode())
