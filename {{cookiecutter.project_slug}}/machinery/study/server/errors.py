"""Answers to requests that fail: the study's error page, or JSON for scripts, and no traceback.

For what a route refuses, an address that does not exist, a mistake in the study's code, and a
database that is away.
"""

from http import HTTPStatus

from flask import Flask, Response, current_app, jsonify, render_template, request
from psiturk.experiment_errors import ExperimentError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, TimeoutError
from werkzeug.exceptions import HTTPException

from study.server import logs, throttle
from study.server.refusals import Refusal

# The routes that scripts ask; everything else that is opened with GET is a page.
SCRIPTS = (
    *("/sync/", "/inexp", "/quitter", "/worker_complete", "/worker_submitted"),
    *("/check_worker_status", "/api/"),
)
REASONS = {
    HTTPStatus.BAD_REQUEST: "malformed",
    HTTPStatus.FORBIDDEN: "no-proof",
    HTTPStatus.NOT_FOUND: "unknown",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too-large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "not-json",
    HTTPStatus.TOO_MANY_REQUESTS: "too-often",
    HTTPStatus.INTERNAL_SERVER_ERROR: "server",
    HTTPStatus.SERVICE_UNAVAILABLE: "database",
}
SECONDS_AWAY = 5  # after which a browser may try again; most restarts are over by then


def install(app: Flask) -> None:
    """Let Flask answer failures with these functions."""
    logs.keep_out_ids(app.logger)
    app.register_error_handler(Refusal, answer_refusal)
    app.register_error_handler(HTTPException, answer_refused_request)
    app.register_error_handler(DBAPIError, answer_database_error)
    app.register_error_handler(TimeoutError, answer_database_error)
    app.register_error_handler(Exception, answer_mistake)
    # psiTurk registers a handler of its own later, and that asks the error for its page.
    ExperimentError.error_page = answer_psiturks_error


def answer_refusal(refusal: Refusal) -> Response:
    """A route refuses: the page for psiTurk's number, with a status that psiTurk leaves out."""
    response = answer(HTTPStatus(refusal.status), number=refusal.number)
    if refusal.status == HTTPStatus.TOO_MANY_REQUESTS:
        response.headers["Retry-After"] = throttle.SECONDS
    return response


def answer_psiturks_error(error: ExperimentError, *_) -> Response:
    """Code written for psiTurk, such as a route in custom.py, refuses in its words."""
    return answer_refusal(Refusal(error.errornum))


def answer_refused_request(error: HTTPException) -> Response:
    """Flask or a route refuses: same status and headers, with a page that people can read."""
    return answer(HTTPStatus(error.code), error.get_response())


def answer_database_error(error: DBAPIError | TimeoutError) -> Response:
    """503 if the database is away, so that browsers try again."""
    if not is_away(error):
        return answer_mistake(error)
    current_app.logger.error("The database is away: %s", logs.first_line(error))
    response = answer(HTTPStatus.SERVICE_UNAVAILABLE)
    response.headers["Retry-After"] = SECONDS_AWAY
    return response


def is_away(error: DBAPIError | TimeoutError) -> bool:
    """Whether the same request can succeed later. TimeoutError: no free connection in the pool."""
    if isinstance(error, TimeoutError) or error.connection_invalidated:
        return True
    # SQLite's name for a wrong statement, such as one about a table that is not there.
    is_wrong = getattr(error.orig, "sqlite_errorname", "") == "SQLITE_ERROR"
    return isinstance(error, OperationalError | InterfaceError) and not is_wrong


def answer_mistake(error: Exception) -> Response:
    """A mistake in code, ours or the researcher's: the log says where."""
    current_app.logger.error("A mistake in %s", request.endpoint, exc_info=error)
    return answer(HTTPStatus.INTERNAL_SERVER_ERROR)


def answer(
    status: HTTPStatus, response: Response | None = None, number: int | None = None
) -> Response:
    """The error page or the JSON for a status, put into the response if there is one.

    ``number`` is psiTurk's for the page, if it has one.
    """
    response = response or Response()
    response.status_code = status
    if wants_json():
        reason = REASONS.get(status, status.phrase.lower().replace(" ", "-"))
        response.data = jsonify(status=status.phrase, reason=reason).data
        response.mimetype = "application/json"
    else:
        response.data = _page(status, number or status.value)
        response.mimetype = "text/html"
    return response


def wants_json() -> bool:
    """Whether a script asked, which could not read a page."""
    return (
        request.method not in ("GET", "HEAD")
        or request.path.startswith(SCRIPTS)
        or request.accept_mimetypes.best_match(["text/html", "application/json"])
        == "application/json"
    )


def _page(status: HTTPStatus, number: int) -> str:
    try:
        return render_template("error.html", errornum=number)
    except Exception as error:  # a mistake in the page itself
        current_app.logger.error("templates/error.html cannot be shown", exc_info=error)
        return f"<!doctype html><title>{status.phrase}</title><h1>{status.phrase}</h1>"
