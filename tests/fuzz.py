"""Random requests to every route of a study, made again from a seed.

Run by machinery/test_fuzz.py.
"""

import http.client
import json
import random
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from participant import BROWSER, Participant

GET = (
    "/", "/start", "/ad", "/pub", "/consent", "/exp", "/sync/{uid}", "/leave", "/complete",
    "/declined", "/worker_complete", "/worker_submitted", "/check_worker_status", "/ppid",
    "/static/js/psiturk.js", "/static/{text}", "/{text}", "/{text}.html", "/favicon.ico",
)  # fmt: skip
POST = ("/inexp", "/quitter", "/leave")
CALLS = [("GET", path) for path in GET] + [("POST", path) for path in POST] * 3
CALLS += [("PUT", "/sync/{uid}"), ("POST", "/sync/{uid}/entries")] * 8
METHODS = ("HEAD", "DELETE", "PATCH", "OPTIONS", "PUT", "POST")
NAMES = (
    "hitId", "assignmentId", "workerId", "mode", "uniqueId", "reason", "token", "writer", "save",
    "PROLIFIC_PID", "STUDY_ID", "SESSION_ID", "survey_code", "label", "turkSubmitTo", "errornum",
    "study", "contact_address", "self",
)  # fmt: skip
TEXTS = (
    "", "a", "victim", "victim:a", "debug", "debug1:debug2", "1", "-1", "0", "1e99", "9" * 40,
    "x" * 130, "x" * 5000, "a:b:c", "{{7*7}}", "{%PROLIFIC_PID%}", "%PROLIFIC_PID%", "NaN",
    "../../config.txt", "..%2f..%2fconfig.txt", "\0", "\n", "\r\nX-Injected: 1", "é", "漢字",
    "👍", "\u202e", "'; DROP TABLE", "<script>alert(1)</script>", '"><img src=x>', "live",
    "sandbox", "prolific", "preview", "screened-out", "true", "null", "/", "//evil.example",
    "http://evil.example", " ", "+", "%zz",
)  # fmt: skip
TYPES = ("application/json", "text/plain", "application/x-www-form-urlencoded",
         "multipart/form-data; boundary=x", "application/json; charset=utf-7", "")  # fmt: skip
COOKIE_NAMES = ("session", "visitor", "browser", "browser-")


@dataclass
class Findings:
    """What came back: how often each status, and what must not happen."""

    statuses: Counter = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


class Attacker:
    """Sends random requests, some with a proof of its own record, none with the victim's."""

    def __init__(self, address: str, seed: int):
        self.chance = random.Random(seed)
        self.host = urlsplit(address).netloc
        self.connection = http.client.HTTPConnection(self.host, timeout=60)
        self.own = Participant(address, f"attacker{seed}", "a", mode="prolific")
        self.own.open("/exp")
        self.cookie = "; ".join(f"{c.name}={c.value}" for c in self.own.browser.cookies)

    def run(self, count: int) -> Findings:
        findings = Findings()
        for _ in range(count):
            self.attack(findings)
        return findings

    def attack(self, findings: Findings) -> None:
        method, route = self.chance.choice(CALLS)
        if self.chance.random() < 0.1:
            method = self.chance.choice(METHODS)
        path = self.path(route)
        body, headers = self.body(), self.headers()
        try:
            self.connection.request(method, path, body, headers)
            answer = self.connection.getresponse()
            text = answer.read().decode(errors="replace")
        except (http.client.HTTPException, OSError):
            # The server closes a connection whose request it does not finish reading.
            self.connection.close()
            findings.statuses["closed"] += 1
            return
        findings.statuses[answer.status] += 1
        leads_to, kind = answer.headers.get("Location", ""), answer.headers["Content-Type"] or ""
        signs = (
            answer.status >= 500, "Traceback" in text, "X-Injected" in answer.headers,
            "html" in kind and "<script>alert(1)" in text,
            urlsplit(leads_to).netloc not in ("", self.host),
        )  # fmt: skip
        if any(signs):
            said = f"{method} {path[:200]} {headers} {(body or b'')[:80]}"
            findings.wrong.append(f"{answer.status} for {said}: {text[:200]}")

    def text(self) -> str:
        if self.chance.random() < 0.7:
            return self.chance.choice(TEXTS)
        return "".join(chr(self.chance.choice((self.chance.randrange(1, 128),
                                               self.chance.randrange(128, 0xD800))))
                       for _ in range(self.chance.randrange(40)))  # fmt: skip

    def path(self, route: str) -> str:
        uid = self.chance.choice((self.own.uniqueid, "victim:a", self.text()))
        text = quote(self.text(), safe="/%")
        route = route.format(uid=quote(uid), text=text)
        own = {"workerId": self.own.worker, "assignmentId": "a", "uniqueId": self.own.uniqueid,
               "writer": "1", "save": "1"} | self.own.ids  # fmt: skip
        query = "&".join(
            f"{name}={quote(own.get(name, '') if self.chance.random() < 0.4 else self.text())}"
            for name in self.chance.choices(NAMES, k=self.chance.randrange(7))
        )
        return route + ("?" + query if query else "")

    def body(self) -> bytes | None:
        kind = self.chance.randrange(8)
        if kind == 0:
            return json.dumps({"data": [self.text()], "writer": 1}).encode()
        if kind == 1:
            uniqueid = self.chance.choice((self.own.uniqueid, self.text()))
            return f"uniqueId={quote(uniqueid)}".encode()
        if kind == 2:
            return self.chance.randbytes(self.chance.randrange(300))
        if kind == 3:
            return b'{"a":' * self.chance.randrange(3000)
        if kind == 4:
            odd = (b"[]", b"null", b'"x"', b"NaN", b"{", b"", b'{"a":"\\ud800"}')
            return self.chance.choice(odd)
        return None

    def headers(self) -> dict[str, str]:
        headers = {"User-Agent": self.chance.choice((BROWSER, BROWSER, "", "x" * 2000))}
        if self.chance.random() < 0.5:
            headers["Content-Type"] = self.chance.choice(TYPES)
        if self.chance.random() < 0.5:
            headers["Cookie"] = self.cookie
        elif self.chance.random() < 0.3:
            headers["Cookie"] = f"{self.chance.choice(COOKIE_NAMES)}={quote(self.text())}"
        if self.chance.random() < 0.1:
            headers["X-Forwarded-For"] = quote(self.text())
        if self.chance.random() < 0.1:
            headers["Accept-Language"] = quote(self.text())
        return headers
