"""git push to https://git.heroku.com/NAME.git, and the build that a push starts.

Pushes come over real TLS and are let in by the API key alone, which git gets from the CLI's own
credential helper. `git http-backend` does the work; a pre-receive hook takes the new commit out
of the quarantine that git keeps it in, hands it to the double to be built, prints what the build
says, and refuses the push if the build fails. Only main and master are built.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from .app import App
from .build import build
from .platform import Account, Platform
from .refusals import Refusal, unauthorized

HOOK = """#!{python}
import http.client, os, subprocess, sys, tempfile, urllib.parse
accepted = True
for line in sys.stdin:
    old, new, ref = line.split()
    if ref not in ("refs/heads/main", "refs/heads/master") or not new.strip("0"):
        print("Pushed to non-main branch, skipping build.")
        continue
    folder = tempfile.mkdtemp(prefix=new[:8] + "-", dir={builds!r})
    archive = subprocess.Popen(["git", "archive", new], stdout=subprocess.PIPE)
    subprocess.run(["tar", "-x", "-C", folder], stdin=archive.stdout, check=True)
    query = urllib.parse.urlencode(
        {{"commit": new, "folder": folder, "pusher": os.environ["REMOTE_USER"]}})
    connection = http.client.HTTPConnection("127.0.0.1", {port})
    connection.request("POST", "/builds/{secret}?" + query)
    status = "no answer"
    for raw in connection.getresponse():
        text = raw.decode().rstrip("\\n")
        if text.startswith("\\0"):
            status = text[1:]
        else:
            print(text, flush=True)
    accepted = accepted and status == "accepted"
sys.exit(not accepted)
"""


def serve(handler: BaseHTTPRequestHandler, platform: Platform, body: bytes) -> None:
    parts = urlsplit(handler.path)
    name = parts.path.strip("/").split("/")[0].removesuffix(".git")
    try:
        account = _account(handler, platform)
        app = platform.find_app(name, account)
    except Refusal as refusal:
        return _refuse(handler, refusal)
    repository = _repository(app)
    inside = parts.path.partition(".git")[2]
    _http_backend(handler, repository, inside, parts.query, account, body)


def _account(handler: BaseHTTPRequestHandler, platform: Platform) -> Account:
    scheme, _, value = handler.headers.get("Authorization", "").partition(" ")
    if scheme != "Basic":
        raise unauthorized()
    return platform.account_with_key(base64.b64decode(value).decode().partition(":")[2])


def _refuse(handler: BaseHTTPRequestHandler, refusal: Refusal) -> None:
    text = f" !   {refusal}\n".encode()
    handler.send_response(refusal.status)
    if refusal.status == 401:
        handler.send_header("WWW-Authenticate", 'Basic realm="heroku"')
    handler.send_header("Content-Type", "text/plain")
    handler.send_header("Content-Length", str(len(text)))
    handler.end_headers()
    handler.wfile.write(text)


def _repository(app: App) -> Path:
    repository = app.folder / "repository.git"
    if not repository.exists():
        builds = app.folder / "builds"
        builds.mkdir(parents=True, exist_ok=True)
        _git("init", "--bare", "--quiet", "--initial-branch=main", repository)
        _git("-C", repository, "config", "http.receivepack", "true")
        hook = repository / "hooks" / "pre-receive"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(
            HOOK.format(
                python=sys.executable,
                builds=str(builds),
                port=app.platform.port,
                secret=app.build_secret,
            )
        )
        hook.chmod(0o755)
    return repository


def _git(*args: object) -> None:
    subprocess.run(["git", *map(str, args)], check=True, capture_output=True, env=_plain())


def _plain() -> dict[str, str]:
    """An environment in which git reads nobody's configuration."""
    return {
        "PATH": os.environ["PATH"],
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "HOME": "/nonexistent",
    }


def _http_backend(
    handler: BaseHTTPRequestHandler,
    repository: Path,
    inside: str,
    query: str,
    account: Account,
    body: bytes,
) -> None:
    environment = _plain() | {
        "GIT_PROJECT_ROOT": str(repository),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": inside,
        "QUERY_STRING": query,
        "REQUEST_METHOD": handler.command,
        "REMOTE_USER": account.email,
        "REMOTE_ADDR": handler.client_address[0],
        "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": handler.headers.get("Content-Type", ""),
        "HTTP_CONTENT_ENCODING": handler.headers.get("Content-Encoding", ""),
        "GIT_PROTOCOL": handler.headers.get("Git-Protocol", ""),
    }
    with subprocess.Popen(
        ["git", "http-backend"], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as backend:
        backend.stdin.write(body)
        backend.stdin.close()
        status, headers = 200, []
        while line := backend.stdout.readline().strip().decode():
            name, _, value = line.partition(": ")
            if name == "Status":
                status = int(value.split()[0])
            else:
                headers.append((name, value))
        handler.send_response(status)
        for name, value in headers:
            handler.send_header(name, value)
        # What a build prints must be seen as it is printed, so there is no length to send.
        handler.send_header("Connection", "close")
        handler.end_headers()
        while piece := backend.stdout.read1(65536):
            handler.wfile.write(piece)


def serve_build(handler: BaseHTTPRequestHandler, platform: Platform) -> None:
    """The hook's side door: build a folder, line by line, and say how it ended."""
    parts = urlsplit(handler.path)
    secret = parts.path.rpartition("/")[2]
    app = next((one for one in platform.apps.values() if one.build_secret == secret), None)
    if app is None:
        return handler.send_error(404)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    handler.send_response(200)
    handler.send_header("Connection", "close")
    handler.end_headers()

    def show(line: str) -> None:
        handler.wfile.write(line.replace("\0", "").encode() + b"\n")

    accepted = build(
        app, Path(query["folder"]), query["commit"], platform.accounts[query["pusher"]], show
    )
    if not accepted:
        shutil.rmtree(query["folder"], ignore_errors=True)
    handler.wfile.write(b"\0accepted\n" if accepted else b"\0refused\n")
