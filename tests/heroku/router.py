"""Heroku's router: requests for an app's address go to one of its web dynos, or to an error page.

Adds the headers that Heroku adds (X-Forwarded-For, -Proto, -Port, X-Request-Id, X-Request-Start,
Via), writes the router's log line for each request, and gives up after 30 s without an answer
(H12). WebSocket upgrades are not reproduced.
"""

from __future__ import annotations

import http.client
import time
import uuid
from http.server import BaseHTTPRequestHandler

from .dynos import DYNO_ADDRESS, Dyno
from .platform import Platform

ERRORS = {
    "H10": ("App crashed", 503),
    "H12": ("Request timeout", 503),
    "H13": ("Connection closed without response", 503),
    "H14": ("No web processes running", 503),
    "H20": ("App boot timeout", 503),
    "H80": ("Maintenance mode", 503),
    "H81": ("Blank app", 502),
}
HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
ROLLING_SECONDS = 55  # how long a response may fall silent once it has begun


def forward(
    handler: BaseHTTPRequestHandler, platform: Platform, host: str, secure: bool, body: bytes
) -> None:
    app = platform.app_at(host)
    if app is None:
        return _page(handler, 404, "No such app", "There is no app at this address.")
    started = time.monotonic()
    request_id = handler.headers.get("X-Request-ID") or str(uuid.uuid4())
    dyno = None
    if app.maintenance:
        code, status, size = "H80", *_error(handler, "H80")
    elif not app.current.slug:
        code, status, size = "H81", *_error(handler, "H81")
    else:
        dyno = app.dynos.pick()
        code, status, size = _ask(handler, platform, dyno, host, secure, body, request_id)
    milliseconds = int((time.monotonic() - started) * 1000)
    outcome = f'at=error code={code} desc="{ERRORS[code][0]}"' if code else "at=info"
    app.log(
        "heroku",
        "router",
        f'{outcome} method={handler.command} path="{handler.path}" '
        f'host={host} request_id={request_id} fwd="{handler.client_address[0]}" '
        f"dyno={dyno.name if dyno else ''} connect=0ms service={milliseconds}ms "
        f"status={status} bytes={size} protocol={'https' if secure else 'http'}",
    )


def _ask(
    handler: BaseHTTPRequestHandler,
    platform: Platform,
    dyno: Dyno | None,
    host: str,
    secure: bool,
    body: bytes,
    request_id: str,
) -> tuple[str, int, int]:
    """One exchange with a dyno: the error code if any, the status, the bytes of the body."""
    if dyno is None:
        return "H14", *_error(handler, "H14")
    if dyno.state == "starting":
        return "H20", *_error(handler, "H20")
    if dyno.state != "up":
        return "H10", *_error(handler, "H10")
    connection = http.client.HTTPConnection(
        DYNO_ADDRESS, dyno.port, timeout=platform.response_seconds
    )
    try:
        connection.putrequest(
            handler.command, handler.path, skip_host=True, skip_accept_encoding=True
        )
        for name, value in _headers_for_dyno(handler, host, secure, request_id, body):
            connection.putheader(name, value)
        connection.endheaders(body or None)
        response = connection.getresponse()
        connection.sock and connection.sock.settimeout(ROLLING_SECONDS)
        return "", response.status, _relay(handler, response)
    except TimeoutError:
        return "H12", *_error(handler, "H12")
    except (http.client.HTTPException, ConnectionError) as problem:
        if handler.wfile.closed or isinstance(problem, BrokenPipeError):
            raise
        return "H13", *_error(handler, "H13")
    finally:
        connection.close()


def _headers_for_dyno(
    handler: BaseHTTPRequestHandler, host: str, secure: bool, request_id: str, body: bytes
) -> list[tuple[str, str]]:
    ours = {
        "host",
        "content-length",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-forwarded-port",
        "x-request-id",
        "x-request-start",
        "via",
    }
    headers = [
        (name, value)
        for name, value in handler.headers.items()
        if name.lower() not in HOP_BY_HOP | ours
    ]
    before = handler.headers.get("X-Forwarded-For")
    client = handler.client_address[0]
    headers += [
        ("Host", host),
        ("Connection", "close"),
        ("Via", "1.1 heroku-router"),
        ("X-Forwarded-For", f"{before}, {client}" if before else client),
        ("X-Forwarded-Proto", "https" if secure else "http"),
        ("X-Forwarded-Port", "443" if secure else "80"),
        ("X-Request-Id", request_id),
        ("X-Request-Start", str(int(time.time() * 1000))),
    ]
    if body or "Content-Length" in handler.headers:
        headers.append(("Content-Length", str(len(body))))
    return headers


def _relay(handler: BaseHTTPRequestHandler, response: http.client.HTTPResponse) -> int:
    handler.send_response_only(response.status, response.reason)
    for name, value in response.getheaders():
        if name.lower() not in HOP_BY_HOP:
            handler.send_header(name, value)
    handler.send_header("Via", "1.1 heroku-router")
    bodiless = handler.command == "HEAD" or response.status in (204, 304) or response.status < 200
    chunked = response.getheader("Content-Length") is None and not bodiless
    if chunked:
        handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    size = 0
    while not bodiless and (piece := response.read1(65536)):
        size += len(piece)
        handler.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
    if chunked:
        handler.wfile.write(b"0\r\n\r\n")
    return size


def _error(handler: BaseHTTPRequestHandler, code: str) -> tuple[int, int]:
    reason, status = ERRORS[code]
    if code == "H80":
        title, text = "Offline for Maintenance", "This application is undergoing maintenance."
    else:
        title, text = (
            "Application error",
            ("An error occurred in the application and your page could not be served."),
        )
    return status, _page(handler, status, title, text)


def _page(handler: BaseHTTPRequestHandler, status: int, title: str, text: str) -> int:
    body = f"<!DOCTYPE html>\n<title>{title}</title>\n<h1>{title}</h1>\n<p>{text}</p>\n".encode()
    handler.send_response_only(status)
    handler.send_header("Content-Type", "text/html; charset=utf-8")
    handler.send_header("Content-Length", str(len(body)))
    handler.send_header("Cache-Control", "no-cache, no-store")
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)
    return len(body)
