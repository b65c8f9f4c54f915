"""The files of a folder as answers: texts from memory, compressed; everything else from disk."""

import gzip
import hashlib
import mimetypes
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flask import Response, abort, request, send_from_directory
from werkzeug.security import safe_join

WORTH_PACKING = 500  # bytes; less fits into one packet anyway
LARGEST_KEPT = 4_000_000
ROOM = 16_000_000  # bytes in the memory of each worker

# Windows keeps these in its registry, where other programs have been known to spoil them,
# and with nosniff a browser runs no script of a wrong type.
TYPES = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".html": "text/html",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
}
TEXTS = re.compile(r"text/|application/(json|xml)$|image/svg")
for _suffix, _type in TYPES.items():
    mimetypes.add_type(_type, _suffix)


@dataclass(frozen=True)
class Text:
    """A file in memory. ``changed``: its time and size, by which a change is noticed."""

    changed: tuple[int, int]
    allowed: bool
    body: bytes
    packed: bool
    etag: str
    mimetype: str


class Shelf:
    """A folder. ``allows`` says of the content of a text whether it may be sent."""

    def __init__(self, folder: Path, allows: Callable[[bytes], bool] = lambda body: True):
        self._folder, self._allows = folder.absolute(), allows
        self._kept: dict[str, Text] = {}

    def send(self, path: str, cache_control: str) -> Response:
        """The answer to a request for a file; 404 if it is not there or not allowed."""
        if is_text(path):
            text = self._find(path)
            response = _answer(text) if text and text.allowed else abort(404)
        else:
            response = send_from_directory(self._folder, path)  # in parts, if asked for parts
        response.headers["Cache-Control"] = cache_control
        return response

    def has(self, path: str) -> bool:
        """Whether there is such a text and it may be sent."""
        text = self._find(path) if is_text(path) else None
        return bool(text and text.allowed)

    def _find(self, path: str) -> Text | None:
        full = safe_join(str(self._folder), path)
        try:
            found = os.stat(full or "")
            changed = found.st_mtime_ns, found.st_size
            text = self._kept.get(full)
            if text is None or text.changed != changed:
                text = self._read(full, changed)
        except (OSError, ValueError):  # not there, a folder, or a name with a NUL
            return None
        return text

    def _read(self, full: str, changed: tuple[int, int]) -> Text:
        body = Path(full).read_bytes()
        self._kept.pop(full, None)
        used = sum(len(text.body) for text in self._kept.values())
        keep = len(body) <= min(LARGEST_KEPT, ROOM - used)
        packed = keep and len(body) >= WORTH_PACKING
        text = Text(
            changed,
            self._allows(body),
            gzip.compress(body, 9, mtime=0) if packed else body,
            packed,
            hashlib.sha256(body).hexdigest()[:16],
            mimetypes.guess_type(full)[0],
        )
        if keep:
            self._kept[full] = text
        return text


def is_text(path: str) -> bool:
    """Whether a file of that name is worth compressing."""
    return bool(TEXTS.match(mimetypes.guess_type(path)[0] or ""))


def _answer(text: Text) -> Response:
    accepted = request.accept_encodings.quality("gzip") > 0
    body = gzip.decompress(text.body) if text.packed and not accepted else text.body
    response = Response(body, mimetype=text.mimetype)
    response.set_etag(text.etag, weak=True)  # one for both forms
    if text.packed:
        response.headers["Vary"] = "Accept-Encoding"
        if accepted:
            response.headers["Content-Encoding"] = "gzip"
    return response.make_conditional(request)
