"""The edges of the server: https, what browsers are told about each answer, which addresses exist.

The headers are made once and added outside of Flask, so that they stand on every answer
and cost 2 µs each time. (Flask-Talisman, which does some of this, makes them anew for
each answer, redirects with another status, and also where nothing says that the visitor
came by http.)
"""

import os
from collections.abc import Sequence
from pathlib import Path

from flask import Flask, Request, Response, abort, redirect
from werkzeug.middleware.proxy_fix import ProxyFix

from study.config import StudySettings, is_on_cloud
from study.server import assets, errors
from study.server.file_cache import Shelf

MTURK = "https://*.mturk.com"
A_YEAR = 365 * 24 * 3600
JINJA = (b"{{", b"{%", b"{#")

ALWAYS = [("X-Content-Type-Options", "nosniff")]
BY_HTTPS = [("Strict-Transport-Security", f"max-age={A_YEAR}")]
ON_PAGES = [
    ("Referrer-Policy", "same-origin"),  # a participant's ids are in the address
    ("Permissions-Policy", "geolocation=(), payment=()"),
]


def install(app: Flask, settings: StudySettings) -> None:
    """Wire everything in this module into psiTurk's application."""
    on_cloud = is_on_cloud()
    app.wsgi_app = Edge(app.wsgi_app, page_headers(settings), on_cloud)
    if on_cloud:
        # Heroku's router adds the visitor's address and scheme to what came in. It leaves
        # Host alone and does not set X-Forwarded-Host, so that one is the visitor's word.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1)
    errors.install(app)
    pages = Shelf(Path("templates"), allows=has_no_jinja)
    assets.install(app, pages, versioned=on_cloud)
    app.add_url_rule("/ppid", "no_ppid", lambda: abort(404))
    app.add_url_rule("/<path:path>", "raw_page", lambda path: send_raw_page(pages, path))


class Edge:
    """The layer around the application: leads from http to https and completes headers."""

    def __init__(self, app, on_pages: list[tuple[str, str]], on_cloud: bool):
        self._app, self._on_pages, self._on_cloud = app, on_pages, on_cloud

    def __call__(self, environ, start_response):
        def start(status, headers, exc_info=None):
            self._complete(headers, environ["wsgi.url_scheme"] == "https")
            return start_response(status, headers, exc_info)

        if self._on_cloud and environ.get("HTTP_X_FORWARDED_PROTO") == "http":
            secure = Request(environ).url.replace("http://", "https://", 1)
            return redirect(secure, 308)(environ, start)
        return self._app(environ, start)

    def _complete(self, headers: list[tuple[str, str]], by_https: bool) -> None:
        """Add what the route did not set itself."""
        there = {name.lower(): value for name, value in headers}
        add = ALWAYS + BY_HTTPS if by_https and self._on_cloud else ALWAYS
        if there.get("content-type", "").startswith("text/html"):
            add = add + self._on_pages
        headers += [header for header in add if header[0].lower() not in there]
        # psiTurk marks its pages with no-cache, with which a shared computer's disk keeps them.
        if "max-age" not in there.get("cache-control", "") and "etag" not in there:
            headers[:] = [header for header in headers if header[0] != "Cache-Control"]
            headers.append(("Cache-Control", "no-store"))


def page_headers(settings: StudySettings) -> list[tuple[str, str]]:
    """The headers of pages, by the settings recruitment, script_sources and media_sources."""
    by_mturk = settings.recruiter.name == "mturk"
    headers = [*ON_PAGES]
    if not by_mturk:  # MTurk's page must stay in reach of the window that it opened
        headers.append(("Cross-Origin-Opener-Policy", "same-origin"))
    if "STUDY_DASHBOARD" in os.environ:  # psiTurk's pages for researchers have scripts in them
        policy = "frame-ancestors 'none'"
    else:
        policy = content_security_policy(by_mturk, settings.script_sources, settings.media_sources)
    return [*headers, ("Content-Security-Policy", policy)]


def content_security_policy(by_mturk: bool, scripts: Sequence[str], media: Sequence[str]) -> str:
    """What a page may load, and who may show it in a frame.

    Styles may stand in a page: jsPsych's plugins and many tasks write them there, and
    they cannot carry anything away where images and requests may go nowhere else.
    """
    mturk = [MTURK] if by_mturk else []
    hosts = [source for source in scripts if not source.startswith("'")]
    directives = {
        "default-src": ["'self'"],
        "script-src": ["'self'", *scripts],
        "style-src": ["'self'", "'unsafe-inline'", *hosts],
        "font-src": ["'self'", "data:", *hosts, *media],
        "img-src": ["'self'", "data:", "blob:", *media],
        "media-src": ["'self'", "data:", "blob:", *media],
        "connect-src": ["'self'", "data:", "blob:", *media],
        "worker-src": ["'self'", "blob:"],
        "frame-src": ["'self'", *media],
        "frame-ancestors": mturk or ["'none'"],
        "form-action": ["'self'", *mturk],
        "base-uri": ["'none'"],
        "object-src": ["'none'"],
    }
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in directives.items())


def send_raw_page(pages: Shelf, path: str) -> Response:
    """A page that a task fetches, such as instructions/1-colours.html.

    psiTurk sends any file in templates/, the source of its own pages included.
    """
    if not path.endswith(".html"):
        abort(404)
    return pages.send(path, assets.ALWAYS_ASK)


def has_no_jinja(page: bytes) -> bool:
    """Whether this is a page as it stands, and no source to render one from."""
    return not any(mark in page for mark in JINJA)
