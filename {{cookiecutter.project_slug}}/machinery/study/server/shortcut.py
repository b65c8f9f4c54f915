"""What the script of a task asks, answered before Flask sees it, which takes half of the time.

Nearly all that a study's server does is to store ordinary saves; the begin of a task, its window
and its end make most of the rest. Any other request goes on to its route (routes/task.py and
endings.py), as does one that changes nothing: it is safe to try it there once more.
"""

import re
from collections.abc import Iterable
from io import BytesIO
from urllib.parse import unquote_plus

from sqlalchemy.exc import SQLAlchemyError
from werkzeug.http import parse_cookie

from study.database.entries import Save
from study.database.participants import Saved, Vanished
from study.server.ownership import COOKIE, verify_cookie
from study.server.services import services
from study.server.throttle import Throttle

PATH = re.compile(r"/sync/([!-.0-~]+)/(entries|windows)|/(inexp|complete)")
QUERY = re.compile(r"window=([1-9]\d{0,8})&first=([1-9]\d{0,8})")
FORM = re.compile(r"uniqueId=([^&]+)")
SUCCESS = b'{"status":"success"}'
LARGEST = 100_000  # bytes of an ordinary save
# Of saves, from one address in a minute to each worker process: no more than a class with mouse
# tracking sends, so that one client cannot fill a database before anybody sees it.
MOST_BYTES = 100_000_000
saved_bytes = Throttle(MOST_BYTES)


class Shortcut:
    """WSGI middleware that answers a task's script."""

    def __init__(self, application):
        self._application = application

    def __call__(self, environ: dict, start_response) -> Iterable[bytes]:
        """Answer an ordinary request that changes something, or pass it on to the application."""
        path = PATH.fullmatch(environ["PATH_INFO"])
        if path and (answer := self._answer(path, environ)):
            environ["study.answered"] = True  # not worth a line of the log (worker.py)
            headers = [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))]
            start_response("200 OK", headers)
            return [answer]
        return self._application(environ, start_response)

    def _answer(self, path: re.Match, environ: dict) -> bytes:
        """Return the answer, or nothing if the request is for its route."""
        is_ordinary = (
            environ["REQUEST_METHOD"] == "POST"
            and environ.get("HTTP_SEC_FETCH_SITE") == "same-origin"
            and "text/html" not in environ.get("HTTP_ACCEPT", "")  # of a form, which gets a page
        )
        if not is_ordinary or not (browser := _find_browser(environ)):
            return b""
        uniqueid, sync, step = path.groups()
        try:
            if sync == "windows":
                opened = services.records.open_window(uniqueid, browser)
                return describe_window(*opened) if opened else b""
            body = _read_body(environ)
            if sync:
                return _save(uniqueid, browser, body, environ)
            return _take(step, browser, body)
        except SQLAlchemyError as error:
            environ["study.error"] = error  # the database is away: no second attempt
        except (ValueError, RecursionError, Vanished):
            pass
        return b""


def _find_browser(environ: dict) -> str:
    is_secure = environ["wsgi.url_scheme"] == "https"
    return verify_cookie(COOKIE, parse_cookie(environ.get("HTTP_COOKIE")), is_secure)


def _read_body(environ: dict) -> str:
    """Return the body, which can be read again; empty if it has no size, or is too large."""
    size = environ.get("CONTENT_LENGTH", "")
    if not size.isdecimal() or int(size) > LARGEST:
        return ""
    body = environ["wsgi.input"].read(int(size))
    environ["wsgi.input"] = BytesIO(body)
    return body.decode()


def _save(uniqueid: str, browser: str, body: str, environ: dict) -> bytes:
    query = QUERY.fullmatch(environ["QUERY_STRING"])
    is_json = environ.get("CONTENT_TYPE") == "application/json"
    if not (query and is_json and saved_bytes.allow(environ.get("REMOTE_ADDR"), len(body))):
        return b""
    window, first = map(int, query.groups())
    save = Save(window, first, body)
    outcome, held = services.records.add(uniqueid, browser, window, save)
    if outcome is not Saved.STORED:
        return b""
    return describe_save(window, held)


def _take(step: str, browser: str, body: str) -> bytes:
    form = FORM.fullmatch(body)
    if not form or not (uniqueid := unquote_plus(form[1])).isprintable():  # as all ids are
        return b""
    if step == "inexp":
        is_taken = services.records.begin(uniqueid, browser)
    else:
        is_taken = services.records.complete(uniqueid, browser, services.options.minimum_trials)
    return SUCCESS if is_taken else b""


def describe_save(window: int, held: int) -> bytes:
    """Return the answer to a save that is stored."""
    return b'{"status":"user data saved","window":%d,"held":%d}' % (window, held)


def describe_window(window: int, record: str) -> bytes:
    """Return the answer to a window that is opened: its number and the record, which is JSON."""
    return f'{{"window":{window},"record":{record}}}'.encode()
