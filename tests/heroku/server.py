"""The one door of the double: a loopback port that is the API, git, every app, and a proxy.

What a request is meant for is told by its host:

    localhost            the Platform API, the Postgres API and the streams they point to
    127.0.0.1            the payment lookup that the CLI adds to GET /account (always: no debts)
    git.heroku.com       git pushes
    *.herokuapp.com      the apps

A connection may begin in plain HTTP, in TLS, or as a proxy's CONNECT; with CONNECT to any other
host the door is an ordinary tunnel. So three kinds of client reach the apps under their real
addresses: programs that honour HTTPS_PROXY (git, Python), browsers that are told to resolve
*.herokuapp.com here, and anything that can set a Host header.
"""

from __future__ import annotations

import json
import selectors
import socket
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from . import api, api_addons, api_postgres, git, router, streams
from .certificate import Certificate
from .faults import Request
from .platform import Platform
from .refusals import Refusal, unauthorized
from .routes import Call, Reply, answer

APIS = (api, api_addons, api_postgres)  # each adds its routes when it is imported
OURS = ("git.heroku.com", "localhost", "127.0.0.1")


class Door(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, platform: Platform, certificate: Certificate):
        self.platform = platform
        self.tls = certificate.server_context()
        super().__init__(("127.0.0.1", 0), Visitor)
        platform.port = self.server_port
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def verify_request(self, request: object, client_address: object) -> bool:
        return not self.platform.offline  # False closes the connection

    def handle_error(self, request: object, client_address: object) -> None:
        # A client that leaves is no news; anything else is a bug of the double.
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class Visitor(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Door

    def setup(self) -> None:
        self.secure = False
        if self.request.recv(1, socket.MSG_PEEK) == b"\x16":  # how a TLS handshake begins
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
            self.secure = True
        super().setup()

    def finish(self) -> None:
        super().finish()
        if self.secure:  # the server itself only knows the socket beneath
            try:
                self.connection.settimeout(1)
                self.connection.unwrap()  # git calls an answer without this goodbye cut off
            except OSError:
                pass
            self.connection.close()

    def dispatch(self) -> None:
        platform = self.server.platform
        if self.path.startswith("http://"):  # asked as a proxy
            parts = urlsplit(self.path)
            host = parts.hostname or ""
            self.path = parts.path + (f"?{parts.query}" if parts.query else "")
        else:
            host = urlsplit(f"//{self.headers.get('Host', 'localhost')}").hostname or ""
        body = self.read_body()
        if host == "git.heroku.com":
            git.serve(self, platform, body)
        elif host.endswith(".herokuapp.com") or platform.app_at(host):
            router.forward(self, platform, host, self.secure, body)
        elif self.path.startswith("/streams/"):
            streams.serve(self, platform)
            self.close_connection = True
        elif self.path.startswith("/builds/"):
            git.serve_build(self, platform)
            self.close_connection = True
        elif host == "127.0.0.1":
            self.send_json(Reply({"id": "not_found", "message": "No payment is due."}, 404))
        else:
            self.serve_api(platform, body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = dispatch

    def read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(pieces)

    def serve_api(self, platform: Platform, body: bytes) -> None:
        path = urlsplit(self.path).path
        try:
            request = Request(self.command, path, json.loads(body) if body else None)
        except ValueError:
            return self.send_json(Reply({"id": "bad_request", "message": "Not JSON."}, 400))
        with platform.lock:
            platform.requests.append(request)
            fault = platform.fault_for(request)
        if fault and fault.seconds:
            time.sleep(fault.seconds)
        if fault and fault.status:
            reply = Reply(fault.body, fault.status)
        else:
            reply = self.do_the_work(platform, request, path)
        if fault and fault.then:
            fault.then(request)
        if fault and fault.cut_after:
            return self.cut()
        request.status = reply.status
        self.send_json(reply)

    def do_the_work(self, platform: Platform, request: Request, path: str) -> Reply:
        try:
            with platform.lock:
                scheme, _, key = self.headers.get("Authorization", "").partition(" ")
                if scheme != "Bearer":
                    raise unauthorized()
                account = platform.account_with_key(key)
                body = request.body if isinstance(request.body, dict) else {}
                return answer(Call(platform, account, body, self.headers), self.command, path)
        except Refusal as refusal:
            return Reply(refusal.body, refusal.status)

    def send_json(self, reply: Reply) -> None:
        page = isinstance(reply.body, str)
        content = reply.body.encode() if page else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        self.send_header("Content-Type", "text/html" if page else "application/json")
        self.send_header("Content-Length", str(len(content)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def cut(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def do_CONNECT(self) -> None:
        host, _, port = self.path.rpartition(":")
        ours = host in OURS or host.endswith(".herokuapp.com")
        if ours:
            self.send_response_only(200, "Connection established")
            self.end_headers()
            self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
            self.secure = True
            self.rfile = self.connection.makefile("rb", self.rbufsize)
            self.wfile = _Writer(self.connection)
            self.close_connection = False  # the requests inside follow on this connection
            return
        self.close_connection = True
        try:
            beyond = socket.create_connection((host, int(port)), timeout=30)
        except (OSError, ValueError, ssl.SSLError):
            return self.send_error(502)
        self.send_response_only(200, "Connection established")
        self.end_headers()
        with beyond:
            _tunnel(self.connection, beyond)

    def log_message(self, *args: object) -> None:
        """Requests are kept in Platform.requests and in the apps' logs, not on stderr."""


class _Writer:
    """A file that writes straight to a socket."""

    def __init__(self, connection: socket.socket):
        self.connection = connection
        self.closed = False

    def write(self, data: bytes) -> int:
        self.connection.sendall(data)
        return len(data)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


def _tunnel(one: socket.socket, other: socket.socket) -> None:
    with selectors.DefaultSelector() as ready:
        ready.register(one, selectors.EVENT_READ, other)
        ready.register(other, selectors.EVENT_READ, one)
        while True:
            for key, _ in ready.select():
                data = key.fileobj.recv(65536)
                if not data:
                    return
                key.data.sendall(data)
