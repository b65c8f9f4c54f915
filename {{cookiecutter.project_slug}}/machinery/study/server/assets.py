"""The files of static/ under addresses that browsers may keep, and what a script will need.

In the cloud a page names a file by an address with the version of the whole folder,
``/static/0a1b2c3d4e5f/js/task.js``. What is at such an address never changes, so that
browsers keep it, and modules that import each other by relative paths stay within one
version. A page from before a deploy gets today's file by its old address.

On a researcher's machine each file has its plain address and the browser asks anew every
time, so that edits show.
"""

import functools
import gzip
import hashlib
import posixpath
import re
from pathlib import Path

import psiturk
from flask import Flask, Response, request
from psiturk.version import version_number
from werkzeug.routing import BaseConverter

from study.server.file_cache import Shelf

FOREVER = "public, max-age=31536000, immutable"
SHORTLY = "public, max-age=60"
ALWAYS_ASK = "no-cache"

IMPORT = re.compile(r"""\b(?:import|from)\s*["'](\.{1,2}/[^"']+)["']""")
PAGE = re.compile(r"""["'`]([\w./-]+\.html)["'`]""")

CLIENT = Path(__file__).parent.parent / "client"

PAGE_WORTH_PACKING = 1_000  # bytes
# 4 kB of HTML become 1.75 kB in 0.09 ms; level 9 takes as long and makes 1.74 kB.
PAGE_LEVEL = 4


class VersionConverter(BaseConverter):
    """The part of an address that is a version, and no folder within static/."""

    regex = "[0-9a-f]{12}"


class Statics:
    """The study's folder static/, with psiTurk's own psiturk.js in it.

    ``pages``: the templates that a task fetches as they stand.
    """

    def __init__(self, folder: Path, pages: Shelf, versioned: bool):
        self._folder, self._pages = folder, pages
        self._shelf, self._client = Shelf(folder), Shelf(CLIENT)
        self._psiturk = Shelf(Path(psiturk.__file__).parent / "psiturk_js")
        self._plain = SHORTLY if versioned else ALWAYS_ASK
        self.version = _version(folder, CLIENT) if versioned else ""
        if versioned:
            self._read_modules = functools.cache(self._read_modules)
            self.pages = functools.cache(self.pages)

    def address(self, path: str) -> str:
        """Where a page finds a file."""
        return f"/static/{self.version}/{path}" if self.version else f"/static/{path}"

    def modules(self, path: str) -> list[str]:
        """The addresses of a script and of all modules that it imports by relative paths."""
        return [self.address(name) for name in self._read_modules(path)]

    def pages(self, path: str) -> list[str]:
        """The addresses of the pages that a script and its modules name."""
        named = PAGE.findall("\n".join(self._read_modules(path).values()))
        return [f"/{name}" for name in dict.fromkeys(named) if self._pages.has(name)]

    def send(self, filename: str) -> Response:
        """A file by its plain address."""
        return self._send(filename, self._plain)

    def send_version(self, version: str, filename: str) -> Response:
        """A file by an address with a version, which may be of an earlier or later deploy."""
        return self._send(filename, FOREVER if version == self.version else self._plain)

    def _send(self, filename: str, cache_control: str) -> Response:
        if filename == "js/psiturk.js":  # psiTurk's route renders it anew for each request
            return self._psiturk.send("psiturk.js", cache_control)
        file = self._find(filename)
        if CLIENT in file.parents:
            return self._client.send(file.name, cache_control)
        return self._shelf.send(filename, cache_control)

    def _find(self, filename: str) -> Path:
        """The file of that name: the machinery's scripts are served beside the study's."""
        own, folder, name = self._folder / filename, *posixpath.split(filename)
        return CLIENT / name if folder == "js" and not own.exists() else own

    def _read_modules(self, path: str) -> dict[str, str]:
        texts: dict[str, str] = {}
        waiting = [path]
        while waiting:
            name = waiting.pop(0)
            file = self._find(name)
            if name in texts or not file.is_file():
                continue
            texts[name] = file.read_text(encoding="utf-8", errors="replace")
            beside = posixpath.dirname(name)
            found = IMPORT.findall(texts[name])
            waiting += [posixpath.normpath(posixpath.join(beside, other)) for other in found]
        return texts


def install(app: Flask, pages: Shelf, versioned: bool) -> None:
    """Serve static/, compress pages, and give templates the functions that find files.

    ``static("css/study.css")`` is the address of a file. ``modules("js/task.js")`` and
    ``pages("js/task.js")`` are what that script will need: named in the head of a page,
    the browser fetches all of it at once, not each piece when it has read another.
    """
    statics = Statics(Path("static"), pages, versioned)
    app.url_map.converters["version"] = VersionConverter
    app.add_url_rule("/static/<version:version>/<path:filename>", view_func=statics.send_version)
    app.add_url_rule(
        "/static/js/psiturk.js", "psiturk_script", lambda: statics.send("js/psiturk.js")
    )
    app.view_functions["static"] = statics.send
    app.add_template_global(statics.address, "static")
    app.add_template_global(statics.modules, "modules")
    app.add_template_global(statics.pages, "pages")
    app.after_request(pack_page)


def pack_page(response: Response) -> Response:
    """Compress pages and JSON that are fetched; a save's short answer is not worth it.

    Compressing a secret together with what a stranger chose could betray it (BREACH). The
    ids in these answers came from the browser itself, and the page with a recruiter's code
    repeats nothing of its address.
    """
    if (
        request.method == "GET"
        and response.status_code == 200
        and response.headers.get("Content-Type", "").startswith(("text/html", "application/json"))
        and not response.is_streamed
        and "Content-Encoding" not in response.headers
        and (response.content_length or 0) >= PAGE_WORTH_PACKING
        and request.accept_encodings.quality("gzip") > 0
    ):
        response.data = gzip.compress(response.data, PAGE_LEVEL, mtime=0)
        response.headers["Content-Encoding"] = "gzip"
        response.vary.add("Accept-Encoding")
    return response


def _version(*folders: Path) -> str:
    """A name for the present content of folders: 12 hexadecimal digits."""
    seen = hashlib.sha256(version_number.encode())
    for folder in folders:
        for file in sorted(file for file in folder.rglob("*") if file.is_file()):
            seen.update(f"\0{file.relative_to(folder).as_posix()}\0".encode())
            with file.open("rb") as content:
                seen.update(hashlib.file_digest(content, "sha256").digest())
    return seen.hexdigest()[:12]
