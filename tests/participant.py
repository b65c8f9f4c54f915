"""A participant who takes part in a study as a browser would, without a browser."""

import html
import http.cookiejar
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
UNSIGNED = ("live", "sandbox")  # modes in the links of MTurk's HITs
ENTRIES = {
    "prolific": "/start?PROLIFIC_PID={worker}&STUDY_ID={hit}&SESSION_ID={assignment}",
    "sona": "/start?survey_code={worker}",
    "link": "/start?label={hit}",
    "preview": "/start?PROLIFIC_PID=%7B%7B%25PROLIFIC_PID%25%7D%7D",
}


@dataclass
class Answer:
    """What the server sent back."""

    status: int
    text: str
    url: str = ""
    location: str = ""  # to which it leads, if that was not followed

    @property
    def json(self):
        return json.loads(self.text)

    @property
    def error(self) -> int | None:
        """The number on psiTurk's error page."""
        found = re.search(r'id="errornum">(\d+)<', self.text)
        return int(found[1]) if found else None


class Browser:
    """Keeps cookies, follows redirects, and takes error pages as answers."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.seen: list[str] = []
        self.cookies = http.cookiejar.CookieJar()
        keep = urllib.request.HTTPCookieProcessor(self.cookies)
        self._opener = urllib.request.build_opener(keep)
        self._cautious = urllib.request.build_opener(keep, _Stay)

    def request(self, method: str, path: str, *, query=None, form=None, data=None) -> Answer:
        """Send a request; ``form`` as a form's fields, ``data`` as JSON."""
        path += "?" + urllib.parse.urlencode(query) if query else ""
        if form is not None:
            return self.send(method, path, urllib.parse.urlencode(form).encode())
        if data is not None:
            is_json = {"Content-Type": "application/json"}
            return self.send(method, path, json.dumps(data).encode(), is_json)
        return self.send(method, path)

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict | None = None,
        follow: bool = True,
    ) -> Answer:
        """Send a request as it is."""
        headers = {"User-Agent": BROWSER, "Accept-Language": "en"} | (headers or {})
        request = urllib.request.Request(self.address + path, body, headers, method=method)
        try:
            response = (self._opener if follow else self._cautious).open(request, timeout=30)
        except urllib.error.HTTPError as error:
            response = error
        with response:
            text = response.read().decode()
        self.seen.append(f"{response.headers}{text}")
        return Answer(response.status, text, response.url, response.headers.get("Location", ""))

    def get(self, path: str, **query: str) -> Answer:
        return self.request("GET", path, query=query)

    def get_page(self, link: str) -> Answer:
        """A page by its path and query, as they stand in a link."""
        return self.request("GET", link)

    def post(self, path: str, **form: str) -> Answer:
        return self.request("POST", path, form=form)


class _Stay(urllib.request.HTTPRedirectHandler):
    """Takes a redirect as the answer."""

    def redirect_request(self, *_) -> None:
        return None


@dataclass
class Participant:
    """One person with psiTurk's three ids, and the steps of a participation.

    They come by the link of their mode's recruiter. Of a debug run, the study's front page says
    the ids, and a plain link gives new ones.
    """

    address: str
    worker: str = "worker1"
    assignment: str = "assignment1"
    hit: str = "hit1"
    mode: str = "live"
    browser: Browser = field(init=False)
    record_saved: dict = field(init=False)
    _entered: dict[str, str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.browser = Browser(self.address)

    def enter(self, entry: str = "") -> "Participant":
        """Take the ids to which a recruiter's link leads, signed by the study."""
        if not entry and self.mode == "debug":
            page = html.unescape(self.browser.get("/").text)
            link = re.search(r'id="try" href="([^"]+)"', page)[1]
        else:
            ids = {"worker": self.worker, "assignment": self.assignment, "hit": self.hit}
            entry = entry or ENTRIES[self.mode].format_map(ids)
            answer = self.browser.send("GET", entry, follow=False)
            assert answer.status == 303, answer.text
            link = answer.location
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(link).query))
        self.worker, self.assignment = query["workerId"], query["assignmentId"]
        self.hit, self.mode = query["hitId"], query["mode"].partition(".")[0]
        self._entered = query
        return self

    @property
    def uniqueid(self) -> str:
        return f"{self.worker}:{self.assignment}"

    @property
    def ids(self) -> dict[str, str]:
        """The ids in the links of the study's pages."""
        ids = {"hitId": self.hit, "assignmentId": self.assignment, "workerId": self.worker}
        if self.mode in UNSIGNED:
            return ids | {"mode": self.mode}
        if ids.items() - self._entered.items() or not self._entered["mode"].startswith(self.mode):
            self.enter()
        return self._entered

    def open(self, page: str) -> Answer:
        """A page of the study, with the ids in its address."""
        return self.browser.get(page, **self.ids)

    def load(self) -> Answer:
        """What the server knows about this participant."""
        return self.browser.get(f"/sync/{self.uniqueid}")

    def save(self, record: dict) -> Answer:
        return self.browser.request("PUT", f"/sync/{self.uniqueid}", data=record)

    def start(self) -> Answer:
        """Leave the instructions: from here on, psiTurk takes no second attempt."""
        return self.browser.post("/inexp", uniqueId=self.uniqueid)

    def complete(self) -> Answer:
        """Go to the end, as a page made for psiturk.js does."""
        query = urllib.parse.urlencode({"uniqueId": self.uniqueid, "mode": self.mode})
        headers = {"Sec-Fetch-Site": "same-origin"}
        return self.browser.send("GET", f"/complete?{query}", headers=headers)

    def submit(self) -> Answer:
        """Hand the assignment in to the recruiter."""
        return self.browser.post("/worker_submitted", uniqueId=self.uniqueid)

    def status(self) -> int:
        known = {"workerId": self.worker, "assignmentId": self.assignment}
        return self.browser.get("/check_worker_status", **known).json["status"]

    def record(self, trials: int = 1) -> dict:
        """What psiTurk's client saves, with so many trials, an event and an answer."""
        server = self.load().json
        trial = {"phase": "test", "word": 'rød, "blå"', "rt": 512.25}
        return server | {
            "currenttrial": trials,
            "data": [
                {
                    "uniqueid": self.uniqueid,
                    "current_trial": number,
                    "dateTime": 1764000000000 + number,
                    "trialdata": trial,
                }
                for number in range(trials)
            ],
            "eventdata": [
                {"eventtype": "focus", "value": "off", "timestamp": 1764000000001, "interval": 12}
            ],
            "questiondata": {"strategy": "I read, 100% of the words"},
        }

    def take_part(self, trials: int = 1) -> None:
        """Everything from the invitation to the submitted assignment."""
        for page in ("/ad", "/pub", "/consent", "/exp"):
            answer = self.open(page)
            assert (answer.status, answer.error) == (200, None), answer.text
        self.record_saved = self.record(trials)
        assert self.save(self.record_saved).status == 200
        for answer in (self.start(), self.complete(), self.submit()):
            assert answer.status == 200, answer.text
