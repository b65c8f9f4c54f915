"""https, the headers of every answer, also of static files, and the Content-Security-Policy."""

import os
from functools import cache
from wsgiref.util import request_uri

from flask import Flask, abort
from werkzeug.middleware.proxy_fix import ProxyFix

from study.config import StudySettings, is_on_cloud
from study.server import assets, errors
from study.server.policy import make_policy
from study.server.shortcut import Shortcut
from study.server.turns import Turns

ALWAYS = [("X-Content-Type-Options", "nosniff")]
BY_HTTPS = [*ALWAYS, ("Strict-Transport-Security", f"max-age={365 * 24 * 3600}")]


def install(app: Flask, settings: StudySettings) -> None:
    """Wire errors, files and headers into psiTurk's application."""
    on_cloud = is_on_cloud()
    errors.install(app)
    # Flask would derive the key of its sessions anew for each request.
    sessions = app.session_interface
    sessions.get_signing_serializer = cache(sessions.get_signing_serializer)
    app.wsgi_app = Turns(app.wsgi_app)
    assets.install(app, versioned=on_cloud)
    app.add_url_rule("/ppid", "no_ppid", lambda: abort(404))
    if on_cloud:  # a preview tells of each request that Flask sees
        app.wsgi_app = Shortcut(app.wsgi_app)
    app.wsgi_app = SecureHeaders(app.wsgi_app, page_headers(settings), on_cloud)
    if on_cloud:
        # Heroku's router adds the visitor's address and scheme to the headers it received. It
        # does not set X-Forwarded-Host, so that one would be the visitor's word.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1)


class SecureHeaders:
    """WSGI middleware that redirects http to https in the cloud and completes headers."""

    def __init__(self, app, on_pages: list[tuple[str, str]], on_cloud: bool):
        self._app, self._on_pages, self._on_cloud = app, on_pages, on_cloud

    def __call__(self, environ, start_response):
        def start(status, headers, exc_info=None):
            by_https = self._on_cloud and environ["wsgi.url_scheme"] == "https"
            self._complete(headers, BY_HTTPS if by_https else ALWAYS)
            return start_response(status, headers, exc_info)

        if self._on_cloud and environ.get("HTTP_X_FORWARDED_PROTO") == "http":
            secure = request_uri(environ).replace("http://", "https://", 1)
            start("308 Permanent Redirect", [("Location", secure), ("Content-Length", "0")])
            return []
        return self._app(environ, start)

    def _complete(self, headers: list[tuple[str, str]], add: list[tuple[str, str]]) -> None:
        """Add those that the route did not set itself."""
        existing = {name.lower(): value for name, value in headers}
        if existing.get("content-type", "").startswith("text/html"):
            add = add + self._on_pages
        headers += [header for header in add if header[0].lower() not in existing]
        # psiTurk marks its pages with no-cache, with which a shared computer's disk keeps them.
        if "max-age" not in existing.get("cache-control", "") and "etag" not in existing:
            headers[:] = [header for header in headers if header[0] != "Cache-Control"]
            headers.append(("Cache-Control", "no-store"))


def page_headers(settings: StudySettings) -> list[tuple[str, str]]:
    """The headers of pages, with what a page may load, and who may show it in a frame."""
    headers = [("Permissions-Policy", "geolocation=(), payment=()")]
    headers.append(("Referrer-Policy", "same-origin"))  # a participant's ids are in the address
    # A page with the ad in a frame must stay in reach of the window that it opened.
    if not settings.recruiter.frame_origin:
        headers.append(("Cross-Origin-Opener-Policy", "same-origin"))
    directives = make_policy(settings)
    if "STUDY_DASHBOARD" in os.environ:  # psiTurk's pages for researchers have scripts in them
        directives = {"frame-ancestors": ["'none'"]}
    policy = "; ".join(f"{name} {' '.join(sources)}" for name, sources in directives.items())
    return [*headers, ("Content-Security-Policy", policy)]
