"""What one participant asks of the server, step by step, and what counts as an answer.

The requests are those of psiTurk's own client: three pages, the begin of the task, eight saves
of a record that grows to 16 KB, the end. Our study gets two things more, where its page asks
for them: the proof that it handed out as a cookie, and the number of the window with each save.
"""

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
WRITER = re.compile(rb'data-writer="(\d+)"')


class Failed(Exception):
    """A step that was not answered as it should be; it has been noted."""


@dataclass
class Log:
    """What a crowd has seen: the milliseconds of each answer, and every failure."""

    latencies: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: list[str] = field(default_factory=list)


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
        self._saves = 0

    async def ad(self) -> None:
        await self._page("ad", f"/pub?{self._query}")

    async def consent(self) -> None:
        await self._page("consent", f"/consent?{self._query}")

    async def exp(self) -> None:
        page = await self._page("exp", f"/exp?{self._query}")
        writer = WRITER.search(page.body)
        self._writer = writer and writer[1]

    async def begin(self) -> None:
        await self._do("inexp", "POST", "/inexp", f"uniqueId={self.uid}".encode(), FORM)

    async def save(self, step: str = "save") -> None:
        """Save the record, which has grown since the last time until it has 16 KB."""
        self._saves += 1
        path = f"/sync/{self.uid}"
        if self._writer:
            path += f"?writer={self._writer.decode()}&save={self._saves}"
        await self._do(step, "PUT", path, self.record(min(self._saves, SAVES)), JSON)

    async def complete(self) -> None:
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

    def record(self, saves: int) -> bytes:
        """A record with the trials of so many saves, about 2 KB for each."""
        number = saves * TRIALS_PER_SAVE
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
