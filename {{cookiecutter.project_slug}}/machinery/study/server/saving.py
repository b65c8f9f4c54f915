"""Saves of entries, answered before Flask sees the request, which takes half of the time.

Nearly all that a study's server does is to store ordinary saves. Any other request goes on to the
route (routes/task.py), as does a save that is not stored: it is safe to try it there once more.
"""

import json
import re
from collections.abc import Iterable
from io import BytesIO

from sqlalchemy.exc import SQLAlchemyError
from werkzeug.http import parse_cookie

from study.database.entries import Save
from study.database.participants import Saved
from study.server.ownership import COOKIE, verify_cookie
from study.server.services import services
from study.server.throttle import Throttle

PATH = re.compile(r"/sync/([!-.0-~]+)/entries")
QUERY = re.compile(r"window=([1-9]\d{0,8})&first=([1-9]\d{0,8})")
LARGEST = 100_000  # bytes of an ordinary save
# Of saves, from one address in a minute to each worker process: no more than a class with mouse
# tracking sends, so that one client cannot fill a database before anybody sees it.
MOST_BYTES = 100_000_000
saved_bytes = Throttle(MOST_BYTES)


class Saves:
    """WSGI middleware that stores entries."""

    def __init__(self, application):
        self._application = application

    def __call__(self, environ: dict, start_response) -> Iterable[bytes]:
        """Answer an ordinary save that is stored, or pass the request on to the application."""
        path = PATH.fullmatch(environ["PATH_INFO"])
        if path and (answer := self._save(path[1], environ)):
            environ["study.saved"] = True  # not worth a line of the log (worker.py)
            headers = [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))]
            start_response("200 OK", headers)
            return [answer]
        return self._application(environ, start_response)

    def _save(self, uniqueid: str, environ: dict) -> bytes:
        query, size = QUERY.fullmatch(environ["QUERY_STRING"]), environ.get("CONTENT_LENGTH", "")
        is_ordinary = (
            query
            and environ["REQUEST_METHOD"] == "POST"
            and environ.get("CONTENT_TYPE") == "application/json"
            and environ.get("HTTP_SEC_FETCH_SITE") == "same-origin"
            and size.isdecimal()
            and int(size) <= LARGEST
        )
        if not is_ordinary or not (browser := _find_browser(environ)):
            return b""
        body = environ["wsgi.input"].read(int(size))
        environ["wsgi.input"] = BytesIO(body)
        if not saved_bytes.allow(environ.get("REMOTE_ADDR"), len(body)):
            return b""
        window, first = map(int, query.groups())
        try:
            save = Save(window, first, body.decode())
            outcome, held = services.records.add(uniqueid, browser, window, save)
        except SQLAlchemyError as error:
            environ["study.error"] = error  # the database is away: no second attempt
            return b""
        except (ValueError, RecursionError):
            return b""
        return describe(window, held) if outcome is Saved.STORED else b""


def _find_browser(environ: dict) -> str:
    is_secure = environ["wsgi.url_scheme"] == "https"
    return verify_cookie(COOKIE, parse_cookie(environ.get("HTTP_COOKIE")), is_secure)


def describe(window: int, held: int) -> bytes:
    """Return the answer to a save that is stored."""
    answer = {"status": "user data saved", "window": window, "held": held}
    return json.dumps(answer).encode()
