"""Bytes that a server takes for HTTP, or nearly so, made up by Hypothesis.

requests()    strategies for whole requests that name an id in every place where one can stand
exchange()    sends bytes and returns what comes back until the server hangs up
"""

import re
import socket

from hypothesis import strategies as st

ID = "WORKERXYZ"
UID = f"{ID}:ASSIGNXYZ"
QUERY = f"hitId=h&assignmentId=ASSIGNXYZ&workerId={ID}&mode=prolific"
OWN_COOKIE = b"browser=OWN"  # stands for the cookie of whoever has these ids
NULS = "?workerId=%00&assignmentId=%00&uniqueId=%00&hitId=%00&mode=%00"
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")

PATHS = (
    *("/", "/start", "/pub", "/ad", "/consent", "/exp", "/complete", "/leave", "/declined"),
    *("/inexp", "/quitter", "/worker_complete", "/worker_submitted", "/check_worker_status"),
    *(f"/sync/{UID}", f"/sync/{UID}/entries", f"/sync/{UID}?writer=1&save=1", "/favicon.ico"),
    *("/static/js/participant.js", "/static/css/study.css", f"/static/{UID}", f"/{ID}.html"),
    *("//evil.example/", "/%2e%2e/config.txt", "/%00", "/%ff%fe", "/%zz", "/a;b", "/a//b", "*"),
    *(
        "http://evil.example/pub",
        "https://a..b/",
        "evil.example:443",
        "http://[::1/",
        "http://",
        "",
    ),
    *(f"/{ID}é", f"/pub#{ID}", "/" + 9000 * "a", f"/sync/{UID}" + 8000 * "b", "\\pub", "/[", "/]:"),
)
METHODS = (
    *("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"),
    *("get", "G", "PRI", f"{ID}", "GET\t", "PUT\0", "X" * 30, ""),
)
VERSIONS = (
    *("HTTP/1.1", "HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/1.10", "HTTP/1", "http/1.1", ID, ""),
)
HOSTS = (
    *(
        "study",
        "a..b",
        "..",
        ".",
        "",
        "[",
        "[::1",
        "[::1]:80",
        "study:99999",
        "study:x",
        "é",
        "a b",
    ),
    *(
        "evil.example",
        "study@evil.example",
        "study/evil",
        300 * "a",
        70 * "a" + ".b",
        "xn--",
        "a\\b",
    ),
    *(ID, "study, evil.example", "_", "-a", "a.-b", "%00", "127.0.0.1:", ":80", "*"),
)
ADDRESSES = (
    "192.0.2.1",
    "::1",
    ID,
    "",
    "a, b",
    "192.0.2.1, " + ID,
    "é",
    "1" * 5000,
    "unknown",
    "[",
)
TYPES = (
    *("application/json", "application/json; charset=utf-7", "application/x-www-form-urlencoded"),
    *("multipart/form-data", "multipart/form-data; boundary=x", "multipart/form-data; boundary=é"),
    *("text/plain", ";", "application/json;" + ID, "application/json; charset=" + ID, "x/" * 900),
)
HEADERS = {
    "Host": st.sampled_from(HOSTS),
    "SCRIPT_NAME": st.sampled_from(["/x", "/", "/pub", "/sync", f"/sync/{UID}", ID, ""]),
    "SCRIPT-NAME": st.sampled_from(["/x", "/pub"]),
    "PATH_INFO": st.sampled_from(["/x", ID]),
    "X-Forwarded-Proto": st.sampled_from(["http", "https", "https, http", "", "x", ID]),
    "X_Forwarded_Proto": st.sampled_from(["http", "https"]),
    "X-Forwarded-Protocol": st.sampled_from(["ssl", "x"]),
    "X-Forwarded-Ssl": st.sampled_from(["on", "off"]),
    "X-Forwarded-For": st.sampled_from(ADDRESSES),
    "X-Forwarded-Host": st.sampled_from(HOSTS),
    "X-Forwarded-Port": st.sampled_from(["443", "x", "99999", ""]),
    "X-Forwarded-Prefix": st.sampled_from(["/x", f"/{ID}", "é"]),
    "Forwarded": st.sampled_from([f"for={ID};proto=http", "for=", "é"]),
    "Content-Type": st.sampled_from(TYPES),
    "Content-Length": st.sampled_from(
        ["0", "5", "99", "-1", "+5", "5, 5", "5x", "9" * 30, "²", "", ID, "0x5", "8100000"]
    ),
    "Transfer-Encoding": st.sampled_from(
        ["chunked", "Chunked", "gzip, chunked", "chunked, chunked", "identity", "x", ID, "", "\x0b"]
    ),
    "Content-Encoding": st.sampled_from(["gzip", "br", ID]),
    "Trailer": st.just("X-Id"),
    "Expect": st.sampled_from(["100-continue", "100-Continue", "x", ID, ""]),
    "Connection": st.sampled_from(
        ["close", "keep-alive", "upgrade", "Upgrade, HTTP2-Settings", ""]
    ),
    "Upgrade": st.sampled_from(["h2c", "websocket", ID]),
    "HTTP2-Settings": st.just("AAMAAABkAAQCAAAAAAIAAAAA"),
    "Cookie": st.sampled_from(
        [
            f"browser={ID}",
            "browser=" + 32 * "a" + "." + 64 * "b",
            "=",
            ";;",
            "é=é",
            f"visitor={ID}",
            "browser=" + 32 * "a" + "." + 64 * "é",
            "session=x.y.z",
            "a=" + 8200 * "b",
        ]
    ),
    "Accept": st.sampled_from(["text/html", "application/json", "*/*;q=x", ";", ID, "é", ","]),
    "Accept-Language": st.sampled_from(["en", "", ";q=", ID, "é", "x" * 200, "en;q=9e999"]),
    "Accept-Encoding": st.sampled_from(["gzip", "br;q=é", "", ID]),
    "User-Agent": st.sampled_from(["", "x", 3000 * "x", ID, "\xff", "Mozilla/5.0 (" * 99]),
    "Referer": st.sampled_from([f"https://study/exp?{QUERY}", "é"]),
    "Range": st.sampled_from(["bytes=0-1", "bytes=9-1", "bytes=-", "x", "bytes=0-99999999", ID]),
    "If-None-Match": st.sampled_from(["*", '"x"', "W/", ID]),
    "If-Modified-Since": st.sampled_from(
        ["Thu, 01 Jan 1970 00:00:00 GMT", "x", "Thu, 99 Jan 99999 00:00:00 GMT", ID, "é"]
    ),
    "Authorization": st.sampled_from(["Basic é", "Basic " + ID, "Bearer " + ID, "x"]),
    "X-HTTP-Method-Override": st.just("DELETE"),
    ID: st.just(ID),
    f"X {ID}": st.just("x"),
    "X-Id": st.sampled_from([ID, f"a\r\n {ID}", f"\0{ID}", f"a\n{ID}", "b" * 8300]),
    "": st.just(ID),
}
BODIES = st.one_of(
    st.sampled_from(
        [
            "",
            "{}",
            '{"data":[]}',
            "[]",
            f'{{"workerId":"{ID}"}}',
            f"uniqueId={UID}",
            "[" * 9999,
            f"uniqueId={UID}&reason=left-early",
            "uniqueId=%ff%00",
            2000 * "a=b&",
            "reason=" + ID,
            f'--x\r\nContent-Disposition: form-data; name="uniqueId"\r\n\r\n{UID}\r\n--x--\r\n',
            "--x\r\n",
            f'--x\r\nContent-Disposition: form-data; name="{ID}"; filename="\0',
        ]
    ),
    st.text(max_size=40),
)
CHUNKS = st.lists(
    st.sampled_from(
        [
            "0\r\n\r\n",
            "2\r\n{}\r\n",
            "1\r\n[\r\n",
            "2\r\n{}",
            f"{ID}\r\n",
            "-1\r\n",
            "ffffffffffff\r\n",
            f"2;{ID}=1\r\n{{}}\r\n",
            "2 ;\x0b\r\n{}\r\n",
            f"0\r\nX-Id: {ID}\r\n\r\n",
            "0\r\nHost: x\r\n\r\n",
            f"0\r\n{ID}\r\n\r\n",
            "0\n\n",
            "2\n{}\n",
            "0x2\r\n{}\r\n",
            "\r\n",
            "f" * 9000,
            f"0\r\nX: {ID}\n\r\n\r\n",
            "FFFFF\r\n" + 9000 * "a",
        ]
    ),
    max_size=5,
).map("".join)
ENDS = ("\r\n",) * 20 + ("\n", "\r", "\r\n\r\n", "", "\0")


@st.composite
def requests(draw) -> bytes:
    """A request, well formed but for some parts, and sometimes with bytes changed."""
    often = draw(st.integers(0, 5)) < 5
    method = draw(st.sampled_from(METHODS[:6] if often else METHODS))
    path = draw(st.sampled_from(PATHS[:20] if often else PATHS)) + draw(
        st.sampled_from(["", f"?{QUERY}", "?%ff=%00&=&&", NULS])
    )
    version = draw(st.sampled_from(VERSIONS[:2] if often else VERSIONS))
    end = "\r\n" if often else draw(st.sampled_from(ENDS))
    names = draw(st.lists(st.sampled_from(sorted(HEADERS)), max_size=2 if often else 8))
    lines = [f"{name}: {draw(HEADERS[name])}" for name in names]
    if draw(st.booleans()):
        lines.append(f"Cookie: {OWN_COOKIE.decode()}")
    if "Host" not in names and draw(st.booleans()):
        lines.append("Host: study")
    body = draw(st.one_of(BODIES, CHUNKS))
    if often and draw(st.booleans()):
        lines.append(f"Content-Length: {len(body.encode())}")
    elif draw(st.booleans()):
        lines.append("Transfer-Encoding: chunked")
    text = end.join([f"{method} {path} {version}", *lines, "", body])
    return draw(st.sampled_from(["latin-1", "utf-8"]).map(lambda code: encode(text, code)))


def encode(text: str, code: str) -> bytes:
    return text.encode(code, errors="replace")


@st.composite
def conversations(draw) -> bytes:
    """Requests one after the other, of which the last may be cut or have changed bytes."""
    sent = b"".join(draw(st.lists(requests(), min_size=1, max_size=3)))
    match draw(st.integers(0, 20)):
        case 20:
            return sent[: draw(st.integers(0, len(sent)))]
        case 17 | 18 | 19:
            place = draw(st.integers(0, len(sent)))
            return sent[:place] + draw(st.binary(max_size=4)) + sent[place + 1 :]
    return sent


def exchange(port: int, sent: bytes) -> bytes:
    """Send bytes, say that no more will come, and return the answers."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        try:
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)
            while piece := client.recv(65536):
                received += piece
        except TimeoutError:
            raise
        except OSError:
            pass  # the server has closed without reading all
    return received
