"""Static files and pages: the researcher's, the machinery's, and psiTurk's own script.

In the cloud a page names a static file by an address with the version of all of them,
``/static/0a1b2c3d4e5f/js/task.js``. The content of such an address never changes, so
browsers keep it, and modules that import each other by relative paths stay within one
version. A page from before a deploy gets today's file by its old address.

On a researcher's machine each file has its plain address and browsers ask for it anew, so
that edits show at once.
"""

import functools
import gzip
import hashlib
import os
import posixpath
import re
import tempfile
from pathlib import Path

from flask import Flask, Request, Response, abort, render_template, request
from jinja2 import FileSystemLoader
from werkzeug.security import safe_join
from whitenoise import WhiteNoise

from study.libraries import read_libraries
from study.server.files import FOLDERS, JINJA, PAGES, ROUTED, TEMPLATES

IMPORT = re.compile(r"""\b(?:import|from)\s*["'](\.{1,2}/[^"']+)["']""")
PAGE = re.compile(r"""["'`]([\w./-]+\.html)["'`]""")

TEXTS = {".css", ".csv", ".html", ".js", ".json", ".mjs", ".svg", ".txt", ".wasm", ".xml"}
LARGEST_TEXT = 8_000_000  # bytes that are compressed when the server starts
WORTH_COMPRESSING = 500  # bytes; less fits into one packet anyway


class StaticFiles(WhiteNoise):
    """Serves /static/ before Flask sees the request, which takes a tenth of the time."""

    def __init__(self, application, versioned: bool):
        self.root, folders = "/static/", FOLDERS
        if versioned:
            # WhiteNoise looks for a compressed file beside each file. None may lie in the
            # researcher's folder, so they lie in a folder of links to all files.
            self._links = tempfile.TemporaryDirectory(prefix="static-")
            version = link_and_compress(Path(self._links.name))
            self.root = f"/static/{version}/"
            folders = [(self._links.name, ""), (self._links.name, f"{version}/")]
        super().__init__(
            application,
            autorefresh=not versioned,
            max_age=60 if versioned else 0,
            allow_all_origins=False,
            immutable_file_test=lambda path, url: versioned and url.startswith(self.root),
        )
        for folder, place in folders:
            self.add_files(folder, f"/static/{place}")

    def __call__(self, environ, start_response):
        """Answer the request, or pass it on to the application if there is no such file."""
        path = environ["PATH_INFO"]
        if path.startswith("/static/"):
            if not path.startswith(self.root):  # of an earlier deploy
                environ["PATH_INFO"] = re.sub("^/static/[0-9a-f]{12}/", "/static/", path)
            if not Request(environ).accept_encodings.quality("gzip"):
                environ["HTTP_ACCEPT_ENCODING"] = ""  # WhiteNoise would overlook a q=0
        return super().__call__(environ, start_response)


def install(app: Flask, versioned: bool) -> None:
    """Serve static files and the task's pages, and tell templates their addresses.

    ``static("css/study.css")`` is the address of a file. ``modules("js/task.js")`` and
    ``pages("js/task.js")`` are everything that the script will need: named in the head of a
    page, the browser fetches all of it at once, not each piece after it has read another.
    ``libraries()`` are the scripts and styles of pyproject.toml's libraries.
    """
    app.wsgi_app = files = StaticFiles(app.wsgi_app, versioned)

    def modules(path: str) -> list[str]:
        return [files.root + name for name in read_modules(path)]

    def libraries() -> list[str]:
        found = [path for each in read_libraries(Path()) for path in each.static_files]
        return [files.root + path for path in found]

    app.add_template_global(lambda path: files.root + path, "static")
    for function, name in (modules, "modules"), (find_pages, "pages"), (libraries, "libraries"):
        app.add_template_global(functools.cache(function) if versioned else function, name)
    app.add_url_rule("/<path:path>", "page", send_page)
    app.after_request(compress_answer)


def add_pages_to_flask() -> None:
    """Let Flask find the machinery's pages where templates/ has no page of the same name.

    On the class, because psiTurk looks for pages that it needs as soon as it has made the
    application (psiturk/experiment.py, check_templates_exist).
    """
    Flask.jinja_loader = FileSystemLoader([TEMPLATES, PAGES])


def send_page(path: str) -> Response:
    """Send a page that a task fetches, such as instructions/1-colours.html.

    Like every other page, it may use Jinja: includes, conditions, ``study``, ``static(…)`` and all
    that ``install`` defines. Who takes part is known only to the pages that have routes of their
    own. (psiTurk 3 sends any file in templates/ unrendered, the source of its own pages included.)
    """
    if (page := read_page(path)) is None:
        abort(404)
    if JINJA.search(page):
        page = render_template(path)
    response = Response(page, mimetype="text/html", headers={"Cache-Control": "no-cache"})
    response.add_etag(weak=True)
    return response.make_conditional(request)


def read_page(path: str) -> bytes | None:
    """A page of templates/; None if there is none, or if it needs the variables of a route.

    By its plain path only: ``x/../exp.html`` is no other page than ``exp.html``.
    """
    file = safe_join(str(TEMPLATES), path)
    is_plain = path == posixpath.normpath(path) and path.endswith(".html")
    if file is None or not is_plain or not os.path.isfile(file):
        return None
    return None if path.lower() in ROUTED or (PAGES / path).exists() else Path(file).read_bytes()


def find_pages(path: str) -> list[str]:
    """The addresses of the pages that a script and its modules name."""
    named = dict.fromkeys(PAGE.findall("\n".join(read_modules(path).values())))
    return [f"/{name}" for name in named if read_page(name)]


def read_modules(path: str) -> dict[str, str]:
    """The texts of a script and of all modules that it imports, by their paths."""
    texts: dict[str, str] = {}
    waiting = [path]
    while waiting:
        name = posixpath.normpath(waiting.pop(0))
        files = [folder / name.removeprefix(place) for folder, place in FOLDERS]
        existing = [file for file in files if file.is_file()]
        if existing and name not in texts:
            texts[name] = existing[-1].read_text(encoding="utf-8", errors="replace")
            beside = posixpath.dirname(name)
            waiting += [posixpath.join(beside, other) for other in IMPORT.findall(texts[name])]
    return texts


def compress_answer(response: Response) -> Response:
    """Compress pages and JSON that are fetched; a save's short answer is not worth it.

    Compressing a secret together with what a stranger chose could reveal it (BREACH). The
    ids in these answers came from the browser itself, and the page with a recruiter's code
    repeats nothing of its address.
    """
    if (
        (request.method, response.status_code) == ("GET", 200)
        and response.mimetype in ("text/html", "application/json")
        and not response.is_streamed
        and (response.content_length or 0) >= WORTH_COMPRESSING
        and request.accept_encodings.quality("gzip") > 0
    ):
        # 4 kB of HTML become 1.75 kB in 0.09 ms; level 9 takes as long and makes 1.74 kB.
        response.data = gzip.compress(response.data, 4, mtime=0)
        response.headers["Content-Encoding"] = "gzip"
        response.vary.add("Accept-Encoding")
    return response


def link_and_compress(target: Path) -> str:
    """Fill a folder with links to all static files, and a .gz file beside each text.

    Returns 12 hexadecimal digits that name the present content of the files.
    """
    content = hashlib.sha256()
    for folder, place in FOLDERS:
        for file in sorted(filter(Path.is_file, folder.rglob("*"))):
            name = f"{place}{file.relative_to(folder).as_posix()}"
            link, packed = target / name, target / f"{name}.gz"
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(file.absolute())
            if file.suffix in TEXTS and WORTH_COMPRESSING <= file.stat().st_size <= LARGEST_TEXT:
                packed.unlink(missing_ok=True)
                packed.write_bytes(gzip.compress(file.read_bytes(), mtime=0))
            with file.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            content.update(f"{name}\0{digest}\0".encode())
    return content.hexdigest()[:12]
