"""Who may read and change a participant's record: the browser that opened it at /exp.

psiTurk asks for a uniqueId only, and ids are known to others. Here every browser gets a random
id of its own, in a signed cookie, and a record's row names the browser that owns it. One cookie
for all records: no page of another site can push it out by opening others. It is set before
/exp, so that two participations begun at once in one browser have one owner.
"""

import secrets
from collections.abc import Mapping
from datetime import timedelta
from hmac import compare_digest

from flask import Response, current_app, g, request
from sqlalchemy import Row

from study import signing
from study.database.participants import OWNED, utc_now
from study.server.errors import ERASED, NOT_KNOWN, NOT_YOURS, TOO_OFTEN, ParticipantError
from study.server.services import services
from study.server.throttle import Throttle

COOKIE = "browser"
AFTERWARDS = timedelta(days=1)  # for which a proof is valid after the end
_throttle = Throttle(60)  # failures


def find_browser() -> str:
    """Return the id of the browser that sent the request; empty if it has none."""
    return read_cookie(COOKIE)


def greet_browser() -> None:
    """Give this browser an id, if it has none."""
    if not find_browser():
        name_browser()


def name_browser() -> str:
    """Return this browser's id. Its cookie comes, or is renewed, with the answer."""
    if "browser" not in g:
        g.browser = find_browser() or secrets.token_hex(16)
    return g.browser


def keep_browser(response: Response) -> Response:
    """Let the browser keep the id that was named in this request."""
    if "browser" in g:
        set_cookie(response, COOKIE, g.browser, int((OWNED + AFTERWARDS).total_seconds()))
    return response


def set_cookie(response: Response, name: str, value: str, seconds: int) -> Response:
    """Set a signed cookie that scripts cannot read and other sites cannot use."""
    signed = f"{value}.{make_token(name, value)}"
    secure = request.is_secure
    name = _full_name(name, secure)
    response.set_cookie(name, signed, seconds, secure=secure, httponly=True, samesite="Lax")
    return response


def read_cookie(name: str) -> str:
    """Return the value of a cookie that this study has set; empty if there is none."""
    return verify_cookie(name, request.cookies, request.is_secure)


def verify_cookie(name: str, cookies: Mapping[str, str], is_secure: bool) -> str:
    """Return the value of a signed cookie; empty if there is none."""
    value, _, token = cookies.get(_full_name(name, is_secure), "").rpartition(".")
    return value if is_token(token, name, value) else ""


def _full_name(name: str, is_secure: bool) -> str:
    # No other host of the same domain can set a cookie with this prefix (RFC 6265bis).
    return f"__Host-{name}" if is_secure else name


def is_owner(row: Row) -> bool:
    """Return whether this browser owns the record: for a month, and a day after its end."""
    if not row.owner or row.owner != find_browser():
        return False
    ends = row.beginhit + OWNED
    if row.has_ended and row.endhit:
        ends = min(ends, row.endhit + AFTERWARDS)
    return utc_now() < ends


def require_owner(uniqueid: str) -> Row:
    """Return the record's row. Raises ParticipantError unless this browser owns it.

    Nor may another site let this browser change the record.
    """
    is_read = request.method in ("GET", "HEAD")
    may_ask = find_browser() and (is_read or not comes_from_elsewhere())
    if may_ask and uniqueid.isprintable():  # as all ids are; PostgreSQL refuses NUL
        row = services.records.find(uniqueid)
        if row and is_owner(row):
            return row
    raise refuse(uniqueid)


def require_browser(uniqueid: str) -> str:
    """Return this browser's id, for a save, which looks itself whether it owns the record.

    Raises ParticipantError if it can own none of that id.
    """
    browser = find_browser()
    if browser and uniqueid.isprintable() and not comes_from_elsewhere():
        return browser
    raise refuse(uniqueid)


def comes_from_elsewhere() -> bool:
    """Return whether a page of another site or host sent the request, as far as browsers tell.

    Those before 2023 do not, nor any without https; there, SameSite keeps our cookies away from
    forms and scripts of other sites, but not from their links.
    """
    return request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site")


def comes_from_own_page() -> bool:
    """Return whether a page of this study sent the request, as far as browsers tell.

    Others name the page itself: ours let them do so within the study (security.py).
    """
    if site := request.headers.get("Sec-Fetch-Site"):
        return site == "same-origin"
    return (request.referrer or "").startswith(request.host_url)


def is_erased(uniqueid: str) -> bool:
    """Return whether this browser had that record, and it was erased within the last month."""
    browser = find_browser()
    mark = signing.erasure_mark(services.key, browser, uniqueid)
    return bool(browser) and services.records.is_erased(mark)


def refuse(uniqueid: str) -> ParticipantError:
    """Return the error for a browser without proof, and count it against the client.

    A record that is missing was not always erased: after a fault of the database, what browsers
    keep may be all that is left. So only a mark lets them delete it.
    """
    if is_erased(uniqueid):
        return ParticipantError(ERASED)
    if not _throttle.allow(request.remote_addr):
        return ParticipantError(TOO_OFTEN)
    services.count_event("no-proof")
    current_app.logger.warning("Refused: %s without proof", request.endpoint)
    return ParticipantError(NOT_YOURS)


def require_owned_id(args: Mapping[str, str]) -> str:
    """The request's uniqueId. Raises ParticipantError unless this browser owns that record."""
    return find_owned(args).uniqueid


def find_owned(args: Mapping[str, str]) -> Row:
    """The row of the request's uniqueId. Raises ParticipantError like ``require_owner``."""
    if not (uniqueid := args.get("uniqueId", "")):
        raise ParticipantError(NOT_KNOWN)
    return require_owner(uniqueid)


def make_token(purpose: str, text: str) -> str:
    """Return a token for one text and one purpose.

    "browser" and "visitor" are for cookies. "submission" is for MTurk's frame, where cookies
    do not reach, to report the submitted HIT.
    """
    return signing.proof(services.key, purpose, text).hex()


def is_token(token: str, purpose: str, text: str) -> bool:
    return compare_digest(token.encode(), make_token(purpose, text).encode())
