"""Requests that fail: an error page or JSON, never a traceback, and log lines without ids.

They fail because a route refuses a participant, an address does not exist, the study's code
has a mistake, or the database is away.
"""

import logging
import re
import traceback
from dataclasses import dataclass
from http import HTTPStatus

from flask import (
    Flask,
    Response,
    current_app,
    has_request_context,
    jsonify,
    render_template,
    request,
)
from psiturk.experiment_errors import ExperimentError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, TimeoutError
from werkzeug.exceptions import HTTPException

# psiTurk's numbers (psiturk/experiment_errors.py), which error.html explains.
NO_IDS_IN_AD, NO_IDS_IN_CONSENT, NO_IDS_IN_EXP = 1001, 1002, 1003
TASK_BEGUN, BEGUN_BEFORE, TOOK_PART = 1008, 1009, 1010
NOT_KNOWN, WRONG_BROWSER, NOT_SAVED = 1013, 1014, 1017
NO_PAGE, NO_AD = 404, 1016
WRONG_STATUS, NO_PLACE_FOR_MODE, UNKNOWN = 1000, 1020, 9999  # mistakes in code
# Ours: the record belongs to another browser; this client asked for others' records too often.
NOT_YOURS, TOO_OFTEN = 403, 429

# psiTurk answers all of them with 200. The others are FORBIDDEN.
STATUSES = {
    **dict.fromkeys((NO_IDS_IN_AD, NO_IDS_IN_CONSENT, NO_IDS_IN_EXP, NOT_KNOWN), 400),
    **dict.fromkeys((NO_PAGE, NO_AD), HTTPStatus.NOT_FOUND),
    NOT_SAVED: HTTPStatus.CONFLICT,
    TOO_OFTEN: HTTPStatus.TOO_MANY_REQUESTS,
    **dict.fromkeys((WRONG_STATUS, NO_PLACE_FOR_MODE, UNKNOWN), HTTPStatus.INTERNAL_SERVER_ERROR),
}
# The reason that a script is given with each status; others get the name of the status.
REASONS = {
    HTTPStatus.BAD_REQUEST: "malformed",
    HTTPStatus.FORBIDDEN: "no-proof",
    HTTPStatus.NOT_FOUND: "unknown",
    HTTPStatus.CONFLICT: "newer-window",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too-large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "not-json",
    HTTPStatus.TOO_MANY_REQUESTS: "too-often",
    HTTPStatus.INTERNAL_SERVER_ERROR: "server",
    HTTPStatus.SERVICE_UNAVAILABLE: "database",
}
# After so many seconds a browser may try again: most restarts of a database are over by then.
RETRY_AFTER = {HTTPStatus.TOO_MANY_REQUESTS: 60, HTTPStatus.SERVICE_UNAVAILABLE: 5}
# Routes that only scripts request.
SCRIPT_ROUTES = (
    *("/sync/", "/inexp", "/quitter", "/worker_complete", "/worker_submitted"),
    *("/check_worker_status", "/api/"),
)
# Names of values in an address or form that identify nobody.
HARMLESS = {"mode", "path", "filename", "writer", "save", "reason"}


@dataclass
class ParticipantError(Exception):
    """Ends a request with the error page of that number."""

    number: int


def install(app: Flask) -> None:
    """Let Flask answer and log failures with these functions."""
    app.logger.addFilter(_hide_ids)
    app.register_error_handler(ParticipantError, answer_participant)
    app.register_error_handler(HTTPException, answer_http_error)
    app.register_error_handler(DBAPIError, answer_database_error)
    app.register_error_handler(TimeoutError, answer_database_error)
    app.register_error_handler(Exception, answer_mistake)
    # psiTurk later registers a handler that asks its error for the page. Its errors are also
    # raised by routes in custom.py that were written for psiTurk.
    ExperimentError.error_page = lambda error, *_: answer_participant(
        ParticipantError(error.errornum)
    )


def answer_participant(error: ParticipantError) -> Response:
    """Answer with the page for psiTurk's number."""
    return answer(HTTPStatus(STATUSES.get(error.number, 403)), number=error.number)


def answer_http_error(error: HTTPException) -> Response:
    """Answer with the same status and headers, and a page that people can read."""
    return answer(HTTPStatus(error.code), error.get_response())


def answer_database_error(error: DBAPIError | TimeoutError) -> Response:
    """Answer with 503 if the database is away, so that browsers try again."""
    if not is_away(error):
        return answer_mistake(error)
    current_app.logger.error("The database is away: %s", _first_line(error))
    return answer(HTTPStatus.SERVICE_UNAVAILABLE)


def is_away(error: DBAPIError | TimeoutError) -> bool:
    """Whether the same request can succeed later. TimeoutError: no free connection in the pool."""
    if isinstance(error, TimeoutError) or error.connection_invalidated:
        return True
    # SQLite's name for a wrong statement, such as one about a missing table.
    is_wrong = getattr(error.orig, "sqlite_errorname", "") == "SQLITE_ERROR"
    return isinstance(error, OperationalError | InterfaceError) and not is_wrong


def answer_mistake(error: Exception) -> Response:
    """Answer a mistake in code, ours or the researcher's, and log where it is."""
    current_app.logger.error("A mistake in %s", request.endpoint, exc_info=error)
    return answer(HTTPStatus.INTERNAL_SERVER_ERROR)


def answer(
    status: HTTPStatus, response: Response | None = None, number: int | None = None
) -> Response:
    """The error page or JSON for a status, put into ``response`` to keep its headers.

    ``number`` is psiTurk's for the page, if it has one.
    """
    response = response or Response()
    response.status_code = status
    if status in RETRY_AFTER:
        response.headers["Retry-After"] = RETRY_AFTER[status]
    if wants_json():
        reason = REASONS.get(status, status.phrase.lower().replace(" ", "-"))
        response.data = jsonify(status=status.phrase, reason=reason).data
        response.mimetype = "application/json"
    else:
        response.data = _render_page(status, number or status.value)
        response.mimetype = "text/html"
    return response


def wants_json() -> bool:
    """Whether a script sent the request, which could not read a page."""
    return (
        request.method not in ("GET", "HEAD")
        or request.path.startswith(SCRIPT_ROUTES)
        or request.accept_mimetypes.best_match(["text/html", "application/json"])
        == "application/json"
    )


def rewrite(record: logging.LogRecord, text: str) -> None:
    """Replace a log line by a text, followed by the place and first line of its exception.

    Further lines of a database's exception hold the values that were sent to it.
    """
    if record.exc_info:
        error = record.exc_info[1]
        where = "".join(traceback.format_tb(error.__traceback__))
        text = f"{text}\n{where}{type(error).__qualname__}: {_first_line(error)}"
    record.msg, record.args, record.exc_info = text, None, None


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]


def _hide_ids(record: logging.LogRecord) -> bool:
    """Filter ids and stored values out of Flask's log, where psiTurk writes them too."""
    text = record.getMessage()
    if text.startswith("Exception on /"):  # Flask's own words; the path may be /sync/<uniqueid>
        text = f"Exception in {request.endpoint}"
    rewrite(record, text)
    if has_request_context():
        sent = [*request.args.items(multi=True), *(request.view_args or {}).items()]
        # Only a form that is parsed already: parsing it here could fail, and log that.
        sent += vars(request).get("form", {}).items()
        values = {str(value) for name, value in sent if name not in HARMLESS}
        values |= {part for value in values for part in value.split(":")}
        if words := sorted(map(re.escape, values - {""}), key=len, reverse=True):
            record.msg = re.sub(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)", "…", record.msg)
    return True


def _render_page(status: HTTPStatus, number: int) -> str:
    try:
        return render_template("error.html", errornum=number)
    except Exception as error:  # a mistake in the page itself
        current_app.logger.error("templates/error.html cannot be shown", exc_info=error)
        return f"<!doctype html><title>{status.phrase}</title><h1>{status.phrase}</h1>"
