"""What one participant asks of the server, step by step, and what counts as an answer.

The requests are those of psiTurk's own client: three pages, the begin of the task, eight saves
of a record that grows to 16 KB, the end. A study of ours gets what its own client sends: since
version 0.2 each save has only the trials that are new, in 0.1 the number of the window too.
"""

import json
import re
from collections import defaultdict
from dataclasses import dataclass, field

from tests.bench.client import Answer, Browser

SAVES = 8
TRIALS_PER_SAVE = 12
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
AGENTS = [
    f"Mozilla/5.0 ({system}; rv:{version}.0) Gecko/20100101 Firefox/{version}.0"
    for version in range(138, 146)
    for system in ("Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10.15")
]
TRIAL = (
    '{{"uniqueid":"{uid}","current_trial":{n},"dateTime":17640000{n:05},"trialdata":{{"phase":'
    '"test","word":"green","colour":"blue","key":"g","correct":false,"rt":{rt}.25}}}}'
)
RECORD = (
    '{{"condition":{condition},"counterbalance":0,"assignmentId":"{assignment}",'
    '"workerId":"{worker}","hitId":"hit1","bonus":0,"currenttrial":{n},"data":[{trials}],'
    '"questiondata":{{"age":"30","language":"none of these"}},"eventdata":[{{"eventtype":'
    '"initialized","value":null,"timestamp":1764000000000,"interval":0}}],"mode":"live",'
    '"id":"{uid}"}}'
)
ENTRY = (
    '["trial",17640000{n:05},{{"phase":"test","word":"green","colour":"blue","key":"g",'
    '"correct":false,"rt":{rt}.25}}]'
)
WRITER = re.compile(rb'data-writer="(\d+)"')  # on the page of version 0.1
OURS = b"data-resumed="


class Failed(Exception):
    """A step that was not answered as it should be; it has been noted."""


@dataclass
class Log:
    """What a crowd has seen: the milliseconds of each answer, every failure, the bytes it sent."""

    latencies: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: list[str] = field(default_factory=list)
    sent: int = 0


class Visitor:
    """One participant with ids of their own."""

    def __init__(self, series: str, number: int, ports: list[int], log: Log) -> None:
        self.worker = f"w{series}{number:06}"
        self.assignment = f"a{series}{number:06}"
        self.uid = f"{self.worker}:{self.assignment}"
        self._query = f"hitId=hit1&assignmentId={self.assignment}&workerId={self.worker}&mode=live"
        address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        self._browser = Browser(ports, AGENTS[number % len(AGENTS)], address)
        self._log = log
        self._writer: bytes | None = None
        self._window = 0
        self._saves = self._held = 0

    async def ad(self) -> None:
        await self._page("ad", f"/pub?{self._query}")

    async def consent(self) -> None:
        await self._page("consent", f"/consent?{self._query}")

    async def exp(self) -> None:
        page = await self._page("exp", f"/exp?{self._query}")
        writer = WRITER.search(page.body)
        self._writer = writer and writer[1]
        if OURS in page.body and not writer:
            opened = await self._do("window", "POST", f"/sync/{self.uid}/windows")
            self._window = json.loads(opened.body)["window"]

    async def begin(self) -> None:
        await self._do("inexp", "POST", "/inexp", f"uniqueId={self.uid}".encode(), FORM)

    async def save(self, step: str = "save") -> None:
        """Save the record, which has grown since the last time until it has 16 KB."""
        new = TRIALS_PER_SAVE if self._window or self._saves < SAVES else 0
        await self.record_trials(new, step)

    async def record_trials(self, number: int, step: str = "save") -> None:
        """Save so many new trials: as entries, or with the whole record."""
        self._saves += 1
        path, first = f"/sync/{self.uid}", self._held + 1
        self._held += number
        if self._window:
            numbers = range(first, first + number)
            body = f"[{','.join(ENTRY.format(n=n, rt=400 + n) for n in numbers)}]".encode()
            path += f"/entries?window={self._window}&first={first}"
            answer = await self._do(step, "POST", path, body, JSON)
            if json.loads(answer.body)["held"] != self._held:
                self._fail(step, answer.body.decode())
            return
        if self._writer:
            path += f"?writer={self._writer.decode()}&save={self._saves}"
        await self._do(step, "PUT", path, self.record(self._held), JSON)

    async def take_trials(self, number: int) -> None:
        """Do so many trials, one a second, and save as often as the client in the browser does."""
        done = 0
        while done < number:
            new = min(number - done, self._pause())
            await self.record_trials(new)
            done += new

    def _pause(self) -> int:
        """The seconds between two saves: of version 0.1, the longer the larger the record."""
        if not self._writer:
            return 6
        return int(min(60, max(5, len(self.record(self._held)) / 10_000)))

    async def complete(self) -> None:
        if self._window:
            own = f"uniqueId={self.uid}".encode()
            await self._do("completed", "POST", "/complete", own, FORM)
        await self._do("complete", "GET", f"/complete?uniqueId={self.uid}&mode=live")

    async def submit(self) -> None:
        answer = await self._do("submitted", "GET", f"/worker_submitted?uniqueId={self.uid}")
        if b"success" not in answer.body:
            self._fail("submitted", answer.body[:80].decode())

    async def arrive(self) -> None:
        """From the invitation to the task."""
        for step in (self.ad, self.consent, self.exp, self.begin):
            await step()

    async def take_part(self) -> None:
        """Everything, without pauses."""
        await self.arrive()
        for _ in range(SAVES):
            await self.save()
        await self.complete()
        await self.submit()
        self.leave()

    def leave(self) -> None:
        self._browser.close()

    def record(self, number: int) -> bytes:
        """A record with so many trials, about 170 bytes for each."""
        trials = ",".join(TRIAL.format(uid=self.uid, n=n, rt=400 + n) for n in range(number))
        ids = {"uid": self.uid, "assignment": self.assignment, "worker": self.worker}
        return RECORD.format(**ids, condition=0, n=number, trials=trials).encode()

    async def _page(self, step: str, path: str) -> Answer:
        answer = await self._do(step, "GET", path)
        if self.worker.encode() not in answer.body:  # psiTurk's error pages have status 200
            self._fail(step, "not the page that was asked for")
        return answer

    async def _do(
        self, step: str, method: str, path: str, body: bytes = b"", kind: str = ""
    ) -> Answer:
        self._log.sent += len(body)
        try:
            answer = await self._browser.request(method, path, body, kind)
        except (OSError, EOFError, TimeoutError) as error:
            self._fail(step, type(error).__name__)
        if answer.status != 200:
            self._fail(step, f"{answer.status} {answer.body[:80].decode(errors='replace')}")
        self._log.latencies[step].append(answer.seconds * 1000)
        return answer

    def _fail(self, step: str, why: str) -> None:
        self._log.errors.append(f"{step}: {why}")
        raise Failed(step)
