"""Errors in participants' browsers: the script that tells of them, and what is kept of a report."""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from flask import Response, current_app, request
from werkzeug.security import safe_join

from study import config
from study.database.browser_errors import Kind
from study.messages import printable
from study.recruiters import TEST_ID
from study.server import files
from study.server.problems import WRITTEN_IN, files_in, read
from study.server.wording import GAP, Wording
from study.server.workshop import insert
from study.statuses import UNPAID_MODES

LONGEST_FILE, LONGEST_PAGE, LONGEST_BROWSER = 200, 100, 50  # characters, as in tables.sql
# Says nothing of the study: any page whose size changes while it is drawn may raise it.
HARMLESS = "ResizeObserver loop"
VERSION = re.compile(r"^/static/[0-9a-f]{12}/")
# A part of a path that looks like an id.
ID = re.compile(r"[0-9a-f]{12,}|\d{6,}|(?=[A-Z]*\d)[A-Z\d]{10,}")
LARGEST_LINE = 10**6
# Of what a page tells: characters of a message and of an address, and places.
MOST_READ, PLACES = 500, 5
RESEARCHERS = [(Path("static"), "")]


def add_script(response: Response) -> Response:
    """Add the script to a participant's page.

    A debug run's page has the workshop instead, and of other test runs nothing is counted.
    """
    is_page = response.mimetype == "text/html" and not response.is_streamed
    if is_page and not response.location and not _is_unpaid():
        address = current_app.jinja_env.globals["static"]("js/mistakes.js")
        response.data = insert(response.data, f'<script src="{address}"></script>'.encode())
    return response


def _is_unpaid() -> bool:
    mode = request.args.get("mode", "").partition(".")[0]
    uniqueid = request.args.get("uniqueId", "")
    return mode in UNPAID_MODES or uniqueid.startswith(TEST_ID)


def read_report(report: dict, browser: str) -> Kind | None:
    """Return the error that a page tells of; None if it is not the study's.

    Raises TypeError, LookupError, ValueError or OverflowError if the report is malformed.
    """
    message, page = str(report["message"])[:MOST_READ], clean_path(str(report["page"])[:MOST_READ])
    told = report["places"][:PLACES]
    places = [(find_file(str(url)[:MOST_READ]), int(line)) for url, line in told]
    if HARMLESS in message or (places and not places[0][0]):  # of a browser's extension
        return None
    own = [place for place in places if is_file(place[0], RESEARCHERS)]
    file, line = next(iter(own or places), ("", 0))
    words = find_wording().clean(message) if message else describe_load(file)
    if not 0 < line < LARGEST_LINE:
        line, file = 0, "" if file == page else file
    where = file[:LONGEST_FILE], line, page[:LONGEST_PAGE]
    return Kind(words, *where, browser[:LONGEST_BROWSER])


def find_file(url: str) -> str:
    """Return a file's path in the study, a page's path, or the address at another host.

    Returns an empty text for what is neither, such as a script of a browser's extension.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        return ""
    path = clean_path(VERSION.sub("/static/", unquote(parts.path)))
    is_own = parts.netloc == request.host
    path = path.removeprefix("/") if path.startswith("/static/") else path
    return path if is_own else f"{parts.hostname}{path}"


def clean_path(path: str) -> str:
    """Return a path with gaps for what looks like an id, unless the study has that file."""
    if is_file(path.lstrip("/")):
        return path
    parts = (GAP if "@" in part or ":" in part else ID.sub(GAP, part) for part in path.split("/"))
    return printable("/".join(parts))


def is_file(path: str, folders: Iterable[tuple[Path, str]] = files.FOLDERS) -> bool:
    """Return whether one of the folders that are served has that file."""
    return any(
        path.startswith(root := f"static/{place}")
        and (found := safe_join(str(folder), path.removeprefix(root)))
        and Path(found).is_file()
        for folder, place in folders
    )


def describe_load(path: str) -> str:
    if not is_file(path):
        return "There is no such file."
    is_script = path.endswith((".js", ".mjs"))
    return f"It{' or a script that it imports' if is_script else ''} could not be loaded."


def find_wording() -> Wording:
    """Return what knows the words of this study's scripts and pages."""
    return _wording() if config.is_on_cloud() else _wording.__wrapped__()  # files may change


@cache
def _wording() -> Wording:
    folders = (files.CLIENT, Path("static"), files.TEMPLATES)
    written = (file for folder in folders for file in files_in(folder))
    return Wording(read(file) for file in written if file.suffix in WRITTEN_IN)
