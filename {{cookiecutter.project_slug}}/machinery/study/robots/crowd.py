"""Many robots at once: one for each condition first, then perhaps a crowd with its mishaps."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from study.messages import StudyError
from study.recruiters import make_test_ids
from study.robots.browser import open_browser
from study.robots.participant import Outcome, Plan, Robot
from study.statuses import SIMULATED

AT_ONCE = min(16, 6 * (os.cpu_count() or 1))  # most of the time, a robot waits for its page
# Of a crowd: every tenth drops out, every sixth reloads the page, every fifth has a slow line.
DROP_OUTS, RELOADS, SLOW_LINES = 10, 6, 5


@dataclass(frozen=True)
class Venue:
    """The running study: its address and secret key, and its folder."""

    address: str
    key: str
    folder: Path


def send_robots(venue: Venue, plans: list[Plan], tell: Callable[[], None]) -> list[Outcome]:
    """Let a robot take part for each plan; ``tell`` is called at the end of each.

    Raises StudyError if there is no browser.
    """
    return asyncio.run(_send(venue, plans, tell))


async def _send(venue: Venue, plans: list[Plan], tell: Callable[[], None]) -> list[Outcome]:
    places = asyncio.Semaphore(AT_ONCE)
    async with open_browser() as browser:

        async def take_part(plan: Plan) -> Outcome:
            ids = make_test_ids(SIMULATED)
            link = f"{venue.address}/pub?{ids.query(venue.key)}"
            async with places:
                outcome = await Robot(browser, link, ids.uniqueid, plan, venue.folder).take_part()
            tell()
            return outcome

        try:
            return list(await asyncio.gather(*map(take_part, plans)))
        except Exception as error:
            if type(error).__module__.startswith("playwright"):
                cause = f"The browser of the robots failed: {str(error).splitlines()[0]}"
                raise StudyError(cause, "Run the same command again.") from error
            raise


def plan_tour(number: int, speed: float, pictures: Path, first: int = 0) -> list[Plan]:
    """Return the plans of robots that photograph each page; their numbers begin with ``first``."""
    return [Plan(n, speed, pictures / f"{n + 1:03}") for n in range(first, first + number)]


def plan_crowd(number: int, speed: float, tour: Iterable[Outcome]) -> Iterator[Plan]:
    """Yield the plans of a crowd. A mishap comes at any time of the task, which the tour knows."""
    seconds = median([each.task_seconds for each in tour if each.ending == "finished"] or [60])
    chance = random.Random(number)
    for n in range(number):
        mishap = "drop-out" if n % DROP_OUTS == 3 else "reload" if n % RELOADS == 1 else ""
        when = int(chance.uniform(0.05, 0.95) * seconds * 1000) if mishap else 0
        is_slow = n % SLOW_LINES == 2
        yield Plan(1000 + n, speed, None, mishap, when, is_slow)
