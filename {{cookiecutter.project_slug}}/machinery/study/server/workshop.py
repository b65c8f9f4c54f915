"""The workshop: what a researcher's debug run has and a participant's pages have not.

The pages of a debug run, whose link is signed, get two scripts more: they tell what goes wrong and
show a small bar (client/workshop). In a preview, the researcher also reads there what went wrong in
this server. Nobody else gets a byte of it.
"""

import json
import os
import re
import time
from contextlib import suppress

from flask import Flask, Response, current_app, make_response, render_template, request
from markupsafe import escape
from psiturk.experiment_errors import ExperimentError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError, TimeoutError
from werkzeug.exceptions import HTTPException

from study.recruiters import TEST_ID, BadLink
from study.server import errors, files
from study.server.links import read_link
from study.server.ownership import is_owner
from study.server.problems import board, from_error
from study.server.services import services
from study.statuses import DEBUG

# Tags behind which a page's head begins: HTML lets authors leave them out.
TAGS = [re.compile(rb"<%s\b[^>]*>" % tag, re.IGNORECASE) for tag in (b"head", b"html", b"!doctype")]
PATH = "/workshop/"
FRONT_PAGE = "/"  # is for researchers
# Of these, the study's own error pages say what a participant can do.
NO_MISTAKES = (HTTPException, ExperimentError, errors.ParticipantError, BadLink)


def is_preview() -> bool:
    """Return whether this server is a preview on the researcher's own machine."""
    return "STUDY_PREVIEW" in os.environ


def install(app: Flask) -> None:
    """Add the workshop to the pages of debug runs."""
    app.after_request(add_workshop)
    if is_preview():
        app.register_error_handler(Exception, answer_error)


def find_run() -> str:
    """Return the uniqueId of the debug run that this request is about; empty if it is of none.

    Its page has the signed ids in its address, or the uniqueId of a record of this browser.
    """
    uniqueid, mode = (request.args.get(name, "") for name in ("uniqueId", "mode"))
    if not uniqueid.startswith(TEST_ID) and not mode.startswith(DEBUG):
        return ""
    with suppress(BadLink):
        ids = read_link()
        return ids.uniqueid if ids.mode == DEBUG else ""
    row = services.records.find(uniqueid)
    return uniqueid if row and row.mode == DEBUG and is_owner(row) else ""


def add_workshop(response: Response) -> Response:
    """Add the scripts to a whole page of a debug run."""
    is_page = (
        response.mimetype == "text/html" and not response.is_streamed and not response.location
    )
    if is_page and request.endpoint != "page" and not request.path.startswith(PATH):
        with suppress(SQLAlchemyError):
            if run := find_run():
                response.data = insert(response.data, write_scripts(run).encode())
    return response


def insert(page: bytes, scripts: bytes) -> bytes:
    """Put scripts before all others, so that they hear of the first mistake."""
    start = next((found.end() for tag in TAGS if (found := tag.search(page))), 0)
    return page[:start] + scripts + page[start:]


def write_scripts(uniqueid: str) -> str:
    """Return the elements that load the workshop, and tell it what it has to know."""
    static, options = current_app.jinja_env.globals["static"], services.options
    row = services.records.find(uniqueid)
    facts = {
        "run": uniqueid,
        "query": request.query_string.decode("ascii", "replace"),
        "condition": row and row.cond,
        "counterbalance": row and row.counterbalance,
        "conditions": options.num_conds,
        "counterbalances": options.num_counters,
        "isPreview": is_preview(),
        "seen": len(board),
        "made": time.time(),
        "machinery": [file.name for file in files.CLIENT.glob("*.js")],
    }
    folder = static("js/workshop")
    return (
        f'<script src="{folder}/early.js" data-facts="{escape(json.dumps(facts))}"></script>'
        f'<script type="module" src="{folder}/workshop.js"></script>'
    )


def answer_error(error: Exception) -> Response:
    """Answer a researcher with their mistake, and everybody else as ever; print it."""
    is_away = isinstance(error, DBAPIError | TimeoutError) and errors.is_away(error)
    problem = None if isinstance(error, NO_MISTAKES) or is_away else from_error(error)
    if problem is None:
        return errors.answer_error(error)
    board.add(problem)
    if errors.wants_json() or not (request.path == FRONT_PAGE or find_run()):
        return errors.answer(500)
    # Not of layout.html, in which the mistake may be.
    return make_response(render_template("workshop-mistake.html", problem=problem.describe()), 500)
