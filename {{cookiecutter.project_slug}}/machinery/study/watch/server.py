"""The server of the page, for whoever has its address: only this computer, and only this browser.

It listens on 127.0.0.1. Any page in a browser may send requests there, so each address begins
with a random token, the Host must be this server's (a name that somebody points at 127.0.0.1 is
not), no other page may read an answer, and nothing but the page's own files is loaded.
"""

import json
import secrets
from importlib.util import find_spec
from pathlib import Path

from flask import Flask, Response, abort, request, send_file
from werkzeug.exceptions import HTTPException
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from study.messages import StudyError
from study.overview.people import Search
from study.watch.study import WatchedStudy, to_json

HOST = "127.0.0.1"
PAGE = Path(__file__).parent / "page"
FILES = {path.name: path for path in sorted(PAGE.iterdir()) if path.is_file()}
FILES["plotly.min.js"] = Path(find_spec("plotly").origin).parent / "package_data" / "plotly.min.js"
# Plotly makes an empty <style>, which has this hash, and fills it by the CSSOM. Its styles for maps
# stay out.
EMPTY = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
POLICY = (
    f"default-src 'none'; script-src 'self'; style-src 'self' {EMPTY}; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class Quiet(WSGIRequestHandler):
    """Writes no line for a request: its address has the token."""

    def log_request(self, *_: object) -> None:
        pass


def serve(study: WatchedStudy, port: int) -> tuple[BaseWSGIServer, str]:
    """Return a server that listens, and the address of the page. Raises StudyError."""
    token = secrets.token_urlsafe(24)
    try:
        server = make_server(HOST, port, make_app(study, token), True, request_handler=Quiet)
    except (OSError, SystemExit) as error:
        cause = f"Port {port} is busy: perhaps another window watches already."
        raise StudyError(cause, "Without --port, a free one is taken.") from error
    return server, f"http://{HOST}:{server.server_port}/{token}/"


def make_app(study: WatchedStudy, token: str) -> Flask:
    """The page of a study below a token, and what it asks for."""
    app = Flask(__name__, static_folder=None)

    @app.before_request
    def refuse_others() -> None:
        name, _, _ = request.host.partition(":")
        given = request.path.split("/")[1].encode()
        if name not in (HOST, "localhost") or not secrets.compare_digest(given, token.encode()):
            abort(404)
        if request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
            abort(403)

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers.update(HEADERS)
        return response

    @app.errorhandler(StudyError)
    def tell(error: StudyError) -> Response:
        told = {"problem": error.cause, "remedy": f"{error.remedy} {error.left}".strip()}
        return answer(told, 503)

    @app.errorhandler(Exception)
    def tell_of_others(error: Exception) -> Response:
        if isinstance(error, HTTPException):
            return error.get_response()
        first_line, _, _ = str(error).strip().partition("\n")
        told = f"{type(error).__name__}: {first_line}"
        return answer({"problem": f"That went wrong ({told}).", "remedy": "Please report it."}, 500)

    @app.get("/<token>/")
    @app.get("/<token>/<file>")
    def page(token: str, file: str = "index.html") -> Response:
        return send_file(FILES[file]) if file in FILES else abort(404)

    @app.get("/<token>/figures")
    def figures(token: str) -> Response:
        return answer(study.figures())

    @app.get("/<token>/people")
    def people(token: str) -> Response:
        wanted = {name: request.args.get(name, "") for name in ("state", "condition", "worker")}
        search = Search(**wanted, offset=max(0, request.args.get("offset", 0, int)))
        return answer(study.people(search, with_ids=request.args.get("ids") == "1"))

    @app.post("/<token>/<any(pause, resume):order>")
    def scale(token: str, order: str) -> Response:
        study.scale(1 if order == "resume" else 0)
        return answer(study.figures())

    return app


def answer(value: dict, status: int = 200) -> Response:
    return Response(json.dumps(value, default=to_json), status, mimetype="application/json")
