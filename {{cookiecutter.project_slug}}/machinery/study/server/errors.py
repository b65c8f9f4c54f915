"""Requests that fail: an error page or JSON, never a traceback, and log lines without ids."""

import logging
import re
import traceback
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from flask import Flask, Response, current_app, json, render_template, request
from gunicorn.http.errors import ParseException
from psiturk.experiment_errors import ExperimentError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, TimeoutError
from werkzeug.exceptions import HTTPException

from study.database.engine import REFUSES_WRITES
from study.database.enrolment import HasOtherAssignment
from study.database.participants import Vanished

# psiTurk's numbers (psiturk/experiment_errors.py), which error.html explains.
NO_IDS_IN_AD, NO_IDS_IN_CONSENT, NO_IDS_IN_EXP = 1001, 1002, 1003
TASK_BEGUN, BEGUN_BEFORE, TOOK_PART = 1008, 1009, 1010
NOT_KNOWN, WRONG_BROWSER, NOT_SAVED = 1013, 1014, 1017
# Ours: the record belongs to another browser; it was erased; too many requests; no room for
# somebody new; the link is not this study's; less was done than a completion code is for.
NOT_YOURS, ERASED, TOO_OFTEN, FULL, NOT_SIGNED, TOO_LITTLE = 403, 410, 429, 507, 1101, 1102
# psiTurk answers all of its errors with 200. Those that are missing here have 403.
STATUSES = {
    **dict.fromkeys((NO_IDS_IN_AD, NO_IDS_IN_CONSENT, NO_IDS_IN_EXP, NOT_KNOWN), 400),
    **{404: 404, 1016: 404},  # no such page, no such ad
    **{ERASED: 410, NOT_SAVED: 409, TOO_LITTLE: 409, TOO_OFTEN: 429, FULL: 503},
    **{1000: 500, 1020: 500, 9999: 500},  # mistakes in the study or in psiTurk
}
# The reason that a script is given with each status; others get the name of the status.
REASONS = {
    **{400: "malformed", 403: "no-proof", 404: "unknown", 409: "newer-window", 410: "erased"},
    **{413: "too-large", 415: "not-json", 429: "too-often", 500: "server", 503: "database"},
}
# Seconds after which a browser may try again: most restarts of a database are over by then.
RETRY_AFTER = {429: 60, 503: 5}
# Routes that only scripts request.
SCRIPT_ROUTES = (
    *("/sync/", "/inexp", "/quitter", "/worker_complete", "/worker_submitted"),
    *("/check_worker_status", "/api/"),
)
# Names of values in an address or form that identify nobody.
HARMLESS = {"mode", "path", "filename", "window", "of", "first", "reason"}


class ParticipantError(Exception):
    """Ends a request with the error page of psiTurk's number, and with variables for it."""

    def __init__(self, number: int, **variables: Any) -> None:
        super().__init__(number)
        self.number, self.variables = number, variables


def install(app: Flask) -> None:
    """Let this module answer and log all failures of the application."""
    app.logger.addFilter(hide_request)
    app.register_error_handler(Exception, answer_error)
    app.before_request(raise_noted)
    # psiTurk later registers a handler for its own errors, which routes in custom.py may raise
    # too, and that handler asks the error for its page.
    ExperimentError.error_page = lambda error, *_: answer_error(ParticipantError(error.errornum))


def raise_noted() -> None:
    """Fail with the error that has stopped an earlier attempt at this request (shortcut.py)."""
    if error := request.environ.get("study.error"):
        raise error


def answer_error(error: Exception) -> Response:
    """Answer with the error page, or JSON for scripts; log what is no participant's doing."""
    match error:
        case HasOtherAssignment():
            return answer_error(ParticipantError(TOOK_PART))
        case Vanished():
            return answer(ERASED)
        case ParticipantError(number=number, variables=variables):
            return answer(STATUSES.get(number, 403), number=number, variables=variables)
        case HTTPException():
            return answer(error.code, response=error.get_response())
        case ParseException():  # of the pieces in which a body is sent
            return answer(400)
        case DBAPIError() | TimeoutError() if is_away(error):
            current_app.logger.error("The database is away: %s", _first_line(error))
            return answer(503)
    current_app.logger.error("A mistake in %s", request.endpoint, exc_info=error)
    return answer(500)


def is_away(error: DBAPIError | TimeoutError) -> bool:
    """Whether the same request can succeed later. TimeoutError: no free connection in the pool."""
    if isinstance(error, TimeoutError) or error.connection_invalidated:
        return True
    if isinstance(error.orig, REFUSES_WRITES):
        return True
    # SQLite's name for a wrong statement, such as one about a missing table.
    is_wrong = getattr(error.orig, "sqlite_errorname", "") == "SQLITE_ERROR"
    return isinstance(error, OperationalError | InterfaceError) and not is_wrong


def answer(
    code: int,
    number: int | None = None,
    response: Response | None = None,
    reason: str | None = None,
    variables: Mapping[str, Any] = MappingProxyType({}),
) -> Response:
    """The error page or JSON for a status, put into ``response`` to keep its headers.

    ``number`` is psiTurk's for the page, if it has one, and ``variables`` are others that it shows;
    ``reason`` is the one for scripts, if the status does not say it.
    """
    status, response = HTTPStatus(code), response or Response()
    response.status_code = status
    if (number or code) in RETRY_AFTER:
        response.headers["Retry-After"] = RETRY_AFTER[number or code]
    if wants_json():
        reason = reason or REASONS.get(status, status.phrase.lower().replace(" ", "-"))
        response.data = json.dumps({"status": status.phrase, "reason": reason})
        response.mimetype = "application/json"
    else:
        response.data = _render_page(status, errornum=number or code, **variables)
        response.mimetype = "text/html"
    return response


def wants_json() -> bool:
    """Whether a script sent the request, which could not read a page."""
    is_form = "text/html" in request.headers.get("Accept", "")
    return (
        (request.method not in ("GET", "HEAD") and not is_form)
        or request.path.startswith(SCRIPT_ROUTES)
        or request.accept_mimetypes.best_match(["text/html", "application/json"])
        == "application/json"
    )


def hide_request(record: logging.LogRecord) -> bool:
    """Filter addresses, ids and stored values out of the logs of gunicorn, Flask and psiTurk.

    Of an exception the first line is kept: further lines of a database's hold the values that
    were sent to it.
    """
    text = record.getMessage()
    # Words of gunicorn (gunicorn/workers/base.py) and of Flask, before an address or path.
    for start in ("Invalid request", "Error handling request", "Exception on"):
        text = start if text.startswith(start) else text
    if record.exc_info:
        error = record.exc_info[1]
        where = "".join(traceback.format_tb(error.__traceback__))
        text = f"{text}\n{where}{type(error).__qualname__}: {_first_line(error)}"
    if request:
        sent = [*request.args.items(multi=True), *(request.view_args or {}).items()]
        # Only a form that is parsed already: parsing it here could fail, and log that.
        sent += vars(request._get_current_object()).get("form", {}).items()
        values = {str(value) for name, value in sent if name not in HARMLESS}
        values |= {part for value in values for part in value.split(":")}
        if words := sorted(map(re.escape, values - {""}), key=len, reverse=True):
            text = re.sub(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)", "…", text)
    record.msg, record.args, record.exc_info = text, None, None
    return True


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]


def _render_page(status: HTTPStatus, **variables: Any) -> str:
    try:
        return render_template("error.html", **variables)
    except Exception as error:  # a mistake in the page itself
        current_app.logger.error("templates/error.html cannot be shown", exc_info=error)
        return f"<!doctype html><title>{status.phrase}</title><h1>{status.phrase}</h1>"
