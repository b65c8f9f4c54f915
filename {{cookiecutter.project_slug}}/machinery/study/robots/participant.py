"""One robot: a window of its own, from the invitation to the last page.

The page's time runs faster than real time (clock.js); robot.js decides what to do and asks for real
input here.
"""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from study.robots.problems import Problems, choose_place, read_places

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, CDPSession, Page

SCRIPTS = [Path(__file__).with_name(name) for name in ("clock.js", "offers.js", "robot.js")]
SECONDS = 600  # real ones, for one robot
ENDINGS = {"/complete": "finished", "/leave": "left early", "/declined": "declined"}
SECONDS_TO_CLOSE = 0.5  # for the last save of a window that is being closed
# A poor line: 400 kbit/s, and 0.3 s until an answer comes.
SLOW = {"offline": False, "latency": 300, "downloadThroughput": 50_000, "uploadThroughput": 25_000}
WINDOW = {"width": 1280, "height": 800}
QUALITY = 60  # of the pictures, JPEG
# Words that adults read in a minute (Brysbaert 2019, doi.org/10.1016/j.jml.2019.104047), and our
# guesses at the seconds for a question and for a text to write.
PACE = {"words": 238, "question": 4, "text": 15}


@dataclass(frozen=True)
class Plan:
    """What a robot is to do. ``mishap`` comes after so many ms of the task, on the page's clock."""

    seed: int
    speed: float
    pictures: Path | None = None  # the folder for them
    mishap: str = ""  # "reload" or "drop-out"
    mishap_after: int = 0
    has_slow_line: bool = False


@dataclass
class Outcome:
    """How far a robot came. What the study has stored of it is filled in later (data.py)."""

    uniqueid: str
    plan: Plan
    ending: str = ""  # finished, left early, declined, dropped out or stopped
    reason: str = ""  # why it stopped, and where
    place: str = ""
    problems: list[str] = field(default_factory=list)
    recorded: int = 0  # lines of data, counted in the page
    seconds: float = 0  # that a person would need
    task_seconds: float = 0  # of these, on the page's clock
    pictures: dict[str, Path] = field(default_factory=dict)
    stored: int = 0
    condition: int | None = None
    counterbalance: int | None = None

    @property
    def is_lost(self) -> bool:
        """Whether the study lacks something that was recorded."""
        return self.stored != self.recorded

    @property
    def is_fine(self) -> bool:
        wanted = "dropped out" if self.plan.mishap == "drop-out" else "finished"
        return self.ending in (wanted, "finished") and not self.is_lost


class Robot:
    """Takes part once. ``link`` is the whole address of the invitation."""

    def __init__(self, browser: Browser, link: str, uniqueid: str, plan: Plan, folder: Path):
        self._browser, self._link, self._plan, self._folder = browser, link, plan, folder
        self._outcome = Outcome(uniqueid, plan)
        self._problems = Problems(folder)
        self._over = asyncio.Event()
        self._tasks: set[asyncio.Task] = set()
        self._page: Page | None = None

    async def take_part(self) -> Outcome:
        """Go as far as possible, and tell how far that was."""
        agent = f"Mozilla/5.0 (X11; Linux x86_64) Chrome/{self._browser.version} Safari/537.36"
        context = await self._browser.new_context(
            viewport=WINDOW,
            user_agent=agent,
            reduced_motion="reduce",  # transitions keep real time, and each of their frames costs
        )
        try:
            await self._prepare(context)
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._visit(context), SECONDS)
            if not self._outcome.ending:
                self._stop(f"it did not come to an end within {SECONDS // 60} minutes")
            await self._look_back()
        finally:
            for task in self._tasks:
                task.cancel()
            await context.close()
        self._outcome.problems = list(self._problems.found)
        return self._outcome

    async def _prepare(self, context: BrowserContext) -> None:
        plan = {
            "seed": self._plan.seed,
            "speed": self._plan.speed,
            "pace": PACE,
            "photographs": bool(self._plan.pictures),
            "mishapAfter": self._plan.mishap_after if self._plan.mishap else 0,
        }
        scripts = [file.read_text(encoding="utf-8") for file in SCRIPTS]
        set_plan = f"globalThis.studyRobotPlan = {json.dumps(plan)};"
        await context.add_init_script("\n".join([set_plan, *scripts]))
        await context.expose_binding("studyRobotDriver", self._answer)
        context.on("page", lambda page: self._start(self._attach(page)))

    async def _visit(self, context: BrowserContext) -> None:
        page = await context.new_page()
        await self._attach(page)
        await page.goto(self._link)
        await self._over.wait()

    def _start(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _attach(self, page: Page) -> None:
        """Watch a window: the first, or one that a page has opened."""
        if page is self._page:
            return
        self._page = page
        page.on("domcontentloaded", self._note_page)
        page.on("crash", lambda _: self._stop("the page crashed: is the computer out of memory?"))
        page.on("dialog", lambda dialog: self._start(dialog.accept()))
        page.on("download", lambda download: self._start(download.cancel()))
        devtools = await page.context.new_cdp_session(page)
        await self._watch(devtools)

    async def _watch(self, devtools: CDPSession) -> None:
        devtools.on("Runtime.exceptionThrown", self._problems.add_exception)
        devtools.on("Runtime.consoleAPICalled", self._problems.add_console)
        devtools.on("Log.entryAdded", self._problems.add_entry)
        await devtools.send("Runtime.enable")
        await devtools.send("Log.enable")
        if self._plan.has_slow_line:
            await devtools.send("Network.enable")
            await devtools.send("Network.emulateNetworkConditions", SLOW)

    def _note_page(self, page: Page) -> None:
        if ending := ENDINGS.get(urlsplit(page.url).path):
            self._outcome.ending = self._outcome.ending or ending
            self._over.set()

    def _stop(self, reason: str, place: str = "") -> None:
        if not self._outcome.ending:
            self._outcome.ending, self._outcome.reason = "stopped", reason
            self._outcome.place = place
        self._over.set()

    async def _answer(self, source: dict, message: dict) -> None:
        """Do what robot.js asks for."""
        page: Page = source["page"]
        match message:
            case {"click": [x, y]}:
                await page.mouse.click(x, y)
            case {"type": text}:
                await page.keyboard.insert_text(text)
            case {"press": key}:
                await page.keyboard.press(key)
            case {"picture": name}:
                await self._photograph(page, name)
            case {"mishap": _}:
                self._start(
                    self._reload(page) if self._plan.mishap == "reload" else self._drop_out(page)
                )
            case {"refused": reason}:
                self._stop(reason)
            case {"stop": reason, "page": name, "stack": stack}:
                place = choose_place(self._folder, read_places(stack))
                on_page = f"templates/{name}" if name.endswith(".html") else f"the page “{name}”"
                self._stop(f"on {on_page}: {reason}", place)

    async def _photograph(self, page: Page, name: str) -> None:
        folder, number = self._plan.pictures, len(self._outcome.pictures) + 1
        if folder is None or name in self._outcome.pictures:
            return
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{number:02}-{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')}.jpg"
        await page.screenshot(path=file, full_page=True, type="jpeg", quality=QUALITY)
        self._outcome.pictures[name] = file

    async def _reload(self, page: Page) -> None:
        await page.evaluate("studyRobot.freeze()")
        await page.reload()

    async def _drop_out(self, page: Page) -> None:
        """Leave as somebody does who closes the window."""
        await page.evaluate("studyRobot.freeze()")
        await self._read_memory(page)
        self._outcome.ending = "dropped out"
        await page.goto("about:blank")
        await asyncio.sleep(SECONDS_TO_CLOSE)
        self._over.set()

    async def _look_back(self) -> None:
        """Read what the page knows of the participation, and photograph where it ended."""
        page = self._page
        if page is None or self._outcome.ending == "dropped out":
            return
        with suppress(Exception):  # a page that crashed says nothing
            await page.wait_for_load_state()
            await self._read_memory(page)
            where = "complete.html" if self._outcome.ending == "finished" else "where it stopped"
            await self._photograph(page, where)

    async def _read_memory(self, page: Page) -> None:
        memory = await page.evaluate("JSON.parse(sessionStorage.getItem('study-robot'))") or {}
        self._outcome.recorded = memory.get("recorded", 0)
        self._outcome.task_seconds = memory.get("elapsed", 0) / 1000
        self._outcome.seconds = memory.get("reading", 0) + self._outcome.task_seconds
