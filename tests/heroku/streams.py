"""Answers that are not JSON: logs, the output of a release command, the file of a backup.

The CLI is sent to these addresses by an API answer. They carry their own permission, as on
Heroku: whoever has the address may read.
"""

from __future__ import annotations

import time
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

from .app import App
from .platform import Platform


def serve(handler: BaseHTTPRequestHandler, platform: Platform) -> None:
    parts = urlsplit(handler.path)
    _, _, kind, name = parts.path.split("/", 3)
    query = {key: values[0] for key, values in parse_qs(parts.query).items()}
    apps = list(platform.apps.values())
    if kind == "logs":
        for app in apps:
            if app.id == name:
                return _logs(handler, app, query)
    if kind == "releases":
        for release in (one for app in apps for one in app.releases):
            if release.id == name:
                return _send(handler, (release.output or "").encode(), "text/plain")
    if kind == "backups":
        for backup in (one for app in apps for one in app.backups):
            if backup.secret == name:
                return _send(handler, backup.path.read_bytes(), "application/octet-stream")
    handler.send_error(404)


def _send(handler: BaseHTTPRequestHandler, body: bytes, kind: str) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def _logs(handler: BaseHTTPRequestHandler, app: App, query: dict[str, str]) -> None:
    """Server-sent events: the last lines, then, for a tail, each new one."""
    handler.send_response(200)
    handler.send_header("Content-Type", "text/event-stream")
    handler.send_header("Connection", "close")
    handler.end_headers()
    seen = max(0, len(app.log_lines) - int(query.get("lines", 100)))
    quiet_since = time.monotonic()
    while True:
        for line in app.log_lines[seen:]:
            seen += 1
            if _wanted(line, query):
                handler.wfile.write(f"data: {line}\n\n".encode())
            quiet_since = time.monotonic()
        if query.get("tail") != "1" or app.name not in app.platform.apps:
            return
        if time.monotonic() - quiet_since > 5:  # so that a reader that left is noticed
            handler.wfile.write(b": still here\n\n")
            quiet_since = time.monotonic()
        time.sleep(0.1)


def _wanted(line: str, query: dict[str, str]) -> bool:
    _, _, rest = line.partition(" ")
    source, _, process = rest.partition("[")
    process = process.partition("]")[0]
    dyno = query.get("dyno", "")
    return (not query.get("source") or query["source"] == source) and (
        not dyno or dyno == process or process.startswith(f"{dyno}.")
    )
