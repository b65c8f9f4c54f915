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
import shutil
import tempfile
from pathlib import Path

import psiturk
from flask import Flask, Request, Response, abort, request
from jinja2 import BaseLoader, ChoiceLoader, FileSystemLoader
from werkzeug.security import safe_join
from whitenoise import WhiteNoise

CLIENT = Path(__file__).parent.parent / "client"
PAGES = Path(__file__).parent.parent / "pages"
# Each folder with its place under /static/; a later one wins.
FOLDERS = (
    (CLIENT, "js"),
    (Path("static"), ""),
    (Path(psiturk.__file__).parent / "psiturk_js", "js"),
)
IMPORT = re.compile(r"""\b(?:import|from)\s*["'](\.{1,2}/[^"']+)["']""")
PAGE = re.compile(r"""["'`]([\w./-]+\.html)["'`]""")
JINJA = re.compile(rb"\{[{%#]")

TEXTS = {".css", ".csv", ".html", ".js", ".json", ".mjs", ".svg", ".txt", ".wasm", ".xml"}
WORTH_PACKING = 500  # bytes; less fits into one packet anyway
LARGEST_PACKED = 8_000_000
# 4 kB of HTML become 1.75 kB in 0.09 ms; level 9 takes as long and makes 1.74 kB.
PAGE_LEVEL = 4


class StaticFiles(WhiteNoise):
    """Serves /static/ before Flask sees the request, which takes a tenth of the time."""

    def __init__(self, application, versioned: bool):
        self.version = ""
        super().__init__(
            application,
            autorefresh=not versioned,
            max_age=60 if versioned else 0,
            allow_all_origins=False,
            immutable_file_test=lambda path, url: url.startswith(f"/static/{self.version}/"),
        )
        if versioned:
            self._add_versioned()
            self.read_modules = functools.cache(self.read_modules)
        else:
            for folder, place in FOLDERS:
                self.add_files(folder, f"static/{place}")

    def __call__(self, environ, start_response):
        """Answer the request, or pass it on to the application if there is no such file."""
        path = environ["PATH_INFO"]
        if path.startswith("/static/"):
            if not path.startswith(f"/static/{self.version}/"):
                environ["PATH_INFO"] = re.sub("^/static/[0-9a-f]{12}/", "/static/", path)
            if not Request(environ).accept_encodings.quality("gzip"):
                environ["HTTP_ACCEPT_ENCODING"] = ""  # WhiteNoise would overlook a q=0
        return super().__call__(environ, start_response)

    def address(self, path: str) -> str:
        """The address by which a page names a file."""
        return f"/static/{self.version}/{path}" if self.version else f"/static/{path}"

    def modules(self, path: str) -> list[str]:
        """The addresses of a script and of all modules that it imports by relative paths."""
        return [self.address(name) for name in self.read_modules(path)]

    def pages(self, path: str) -> list[str]:
        """The addresses of the pages that a script and its modules name."""
        named = PAGE.findall("\n".join(self.read_modules(path).values()))
        return [f"/{name}" for name in dict.fromkeys(named) if read_page(name) is not None]

    def read_modules(self, path: str) -> dict[str, str]:
        """The text of a script and of all modules that it imports, by their paths."""
        texts: dict[str, str] = {}
        waiting = [path]
        while waiting:
            name = waiting.pop(0)
            file = _find_file(name)
            if name in texts or file is None:
                continue
            texts[name] = file.read_text(encoding="utf-8", errors="replace")
            imported = IMPORT.findall(texts[name])
            folder = posixpath.dirname(name)
            waiting += [posixpath.normpath(posixpath.join(folder, other)) for other in imported]
        return texts

    def _add_versioned(self) -> None:
        # WhiteNoise looks for a compressed file beside each file. These must not lie in the
        # researcher's folder, so links to all files are put beside them in a folder apart.
        self._links = tempfile.TemporaryDirectory(prefix="static-")
        links = Path(self._links.name)
        for folder, place in FOLDERS:
            shutil.copytree(
                folder.absolute(), links / place, copy_function=_link, dirs_exist_ok=True
            )
        self.version = compute_version(links)
        _compress(links)
        self.add_files(links, "static")
        self.add_files(links, f"static/{self.version}")


def install(app: Flask, versioned: bool) -> None:
    """Serve static files and the task's pages, and tell templates their addresses.

    ``static("css/study.css")`` is the address of a file. ``modules("js/task.js")`` and
    ``pages("js/task.js")`` are everything that the script will need: named in the head of a
    page, the browser fetches all of it at once, not each piece after it has read another.
    """
    app.wsgi_app = files = StaticFiles(app.wsgi_app, versioned)
    app.add_template_global(files.address, "static")
    app.add_template_global(files.modules, "modules")
    app.add_template_global(functools.cache(files.pages) if versioned else files.pages, "pages")
    app.add_url_rule("/<path:path>", "page", send_page)
    app.after_request(compress_page)


def add_pages_to_flask() -> None:
    """Let Flask find the machinery's pages where templates/ has no page of the same name.

    psiTurk looks for pages that it needs before it calls custom.py, so this changes Flask
    before there is an application (psiturk/experiment.py, check_templates_exist).
    """
    create_loader = Flask.create_global_jinja_loader

    def create_loader_with_pages(app: Flask) -> BaseLoader:
        return ChoiceLoader([create_loader(app), FileSystemLoader(PAGES)])

    Flask.create_global_jinja_loader = create_loader_with_pages


def send_page(path: str) -> Response:
    """Send a page that a task fetches, such as instructions/1-colours.html, as it is.

    psiTurk sends any file in templates/, the source of its own pages included.
    """
    if (page := read_page(path)) is None:
        abort(404)
    response = Response(page, mimetype="text/html")
    response.headers["Cache-Control"] = "no-cache"
    response.add_etag(weak=True)
    return response.make_conditional(request)


def read_page(path: str) -> bytes | None:
    """A page of templates/; None if there is none, or if it is a template with Jinja."""
    file = safe_join("templates", path)
    if file is None or not file.endswith(".html") or not os.path.isfile(file):
        return None
    page = Path(file).read_bytes()
    return None if JINJA.search(page) else page


def compress_page(response: Response) -> Response:
    """Compress pages and JSON that are fetched; a save's short answer is not worth it.

    Compressing a secret together with what a stranger chose could reveal it (BREACH). The
    ids in these answers came from the browser itself, and the page with a recruiter's code
    repeats nothing of its address.
    """
    if (
        request.method == "GET"
        and response.status_code == 200
        and response.mimetype in ("text/html", "application/json")
        and not response.is_streamed
        and "Content-Encoding" not in response.headers
        and (response.content_length or 0) >= WORTH_PACKING
        and request.accept_encodings.quality("gzip") > 0
    ):
        response.data = gzip.compress(response.data, PAGE_LEVEL, mtime=0)
        response.headers["Content-Encoding"] = "gzip"
        response.vary.add("Accept-Encoding")
    return response


def compute_version(folder: Path) -> str:
    """12 hexadecimal digits that name the present content of a folder."""
    content = hashlib.sha256()
    for file in sorted(file for file in folder.rglob("*") if file.is_file()):
        content.update(f"\0{file.relative_to(folder).as_posix()}\0".encode())
        with file.open("rb") as stream:
            content.update(hashlib.file_digest(stream, "sha256").digest())
    return content.hexdigest()[:12]


def _find_file(name: str) -> Path | None:
    files = [folder / posixpath.relpath(name, place or ".") for folder, place in FOLDERS]
    return next((file for file in reversed(files) if file.is_file()), None)


def _link(source: str, link: str) -> None:
    Path(link).unlink(missing_ok=True)
    os.symlink(source, link)


def _compress(folder: Path) -> None:
    """Put a .gz file beside each text that becomes smaller by it."""
    for file in [file for file in folder.rglob("*") if file.suffix.lower() in TEXTS]:
        packed = Path(f"{file}.gz")
        size = file.stat().st_size
        if WORTH_PACKING <= size <= LARGEST_PACKED and not packed.exists():
            packed.write_bytes(gzip.compress(file.read_bytes(), mtime=0))
