"""A line to a study on which answers come in part, late, wrong or not at all."""

import contextlib
import http.client
import socket
import struct
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NOT_OURS = {"connection", "transfer-encoding", "content-length", "date", "server", "keep-alive"}
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing the socket resets the connection


class FaultyLine(ThreadingHTTPServer):
    """Passes requests on to a port of this machine.

    ``faults``: by the end of an address, what happens to the next GETs of it, first to last:
    "cut" (half of the body, then a reset), "stall" (half, then silence), "short" (half, and nobody
    says so), "503", "login" (somebody else's page). ``gate``: GETs of stimuli wait until it is set.
    """

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.study_port = port
        self.faults: dict[str, list[str]] = {}
        self.gate, self.over = threading.Event(), threading.Event()
        self.gate.set()
        self.asked: Counter[str] = Counter()
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()

    @property
    def address(self) -> str:
        return f"http://localhost:{self.server_address[1]}"

    def handle_error(self, request, client_address) -> None:
        """Say nothing: browsers hang up, which is what these tests are about."""

    @contextlib.contextmanager
    def counting(self, path: str):
        """Count how many files are on their way at once."""
        with self.lock:
            self.asked[path] += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            yield
        finally:
            with self.lock:
                self.at_once -= 1

    def next_fault(self, path: str) -> str:
        return next(
            (left.pop(0) for end, left in self.faults.items() if path.endswith(end) and left), ""
        )


class Answer(BaseHTTPRequestHandler):
    server: FaultyLine

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if "/stimuli/" not in path and path not in self.server.faults:
            return self.pass_on()
        with self.server.counting(path):
            self.server.gate.wait(60)
            self.pass_on(self.server.next_fault(path))

    def do_POST(self) -> None:
        self.pass_on()

    do_HEAD = do_PUT = do_POST

    def pass_on(self, fault: str = "") -> None:
        if fault in ("503", "login"):
            status, kind = (503, "text/plain") if fault == "503" else (200, "text/html")
            return self.send(status, [("Content-Type", kind)], b"<p>Room number?</p>")
        upstream = http.client.HTTPConnection("127.0.0.1", self.server.study_port)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))) or None
        upstream.request(self.command, self.path, body, dict(self.headers))
        answer = upstream.getresponse()
        headers = [
            (name, value) for name, value in answer.getheaders() if name.lower() not in NOT_OURS
        ]
        self.send(answer.status, headers, answer.read(), fault, answer.headers["Content-Length"])

    def send(self, status: int, headers: list, body: bytes, fault: str = "", length: str = ""):
        self.send_response(status)
        for name, value in [*headers, ("Connection", "close")]:
            self.send_header(name, value)
        if fault != "short":
            self.send_header("Content-Length", length or str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if fault else body)
        self.wfile.flush()
        if fault == "stall":
            self.server.over.wait(60)
        if fault == "cut":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.close_connection = True

    def log_message(self, *_) -> None:
        pass


@contextlib.contextmanager
def faulty_line(port: int):
    line = FaultyLine(port)
    thread = threading.Thread(target=line.serve_forever, daemon=True)
    thread.start()
    try:
        yield line
    finally:
        line.over.set()
        line.gate.set()
        line.shutdown()
        line.server_close()
