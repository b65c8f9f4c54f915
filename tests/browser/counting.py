"""A task that numbers its trials, so that none can be lost or doubled unseen."""

import json
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from arrival import open_experiment
from playwright.sync_api import Page

SYNC = re.compile("/sync/")
# A trial counts as shown when the browser has kept it, and before the next one is shown.
TASK = """
import { PsiTurk } from "./participant.js";

const psiTurk = (window.psiTurk = new PsiTurk());
const tab = Math.random().toString(36).slice(2, 8);
let number = 0;

window.nextTrial = async () => {
  const trial = `${tab}-${++number}`;
  if (await psiTurk.recordTrialData({ phase: "COUNT", trial })) await window.noteTrial?.(trial);
};
let running;
let isRunning;
window.runTrials = (pause) => {
  isRunning = true;
  running = (async () => {
    for (; isRunning; await new Promise((wake) => setTimeout(wake, pause))) await nextTrial();
  })();
};
window.stopTrials = () => {
  isRunning = false;
  return running;
};
document.querySelector("#task").innerHTML = "<h1>Counting</h1>";
"""


@dataclass
class Count:
    """The trials that were shown, in one window or several, against those in a record."""

    shown: list[str] = field(default_factory=list)
    stored: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Note what is shown in this window, from the next page on."""
        page.expose_function("noteTrial", lambda trial: self.shown.append(trial))

    def read(self, record: dict) -> None:
        """Look at the trials in a record."""
        rows = [row["trialdata"] for row in record.get("data", [])]
        self.stored = [row["trial"] for row in rows if row.get("phase") == "COUNT"]

    @property
    def lost(self) -> list[str]:
        return sorted(set(self.shown) - set(self.stored))

    @property
    def doubled(self) -> list[str]:
        return sorted(trial for trial, times in Counter(self.stored).items() if times > 1)


def open_task(page: Page, address: str, worker: str, mode: str = "prolific") -> str:
    """Open the experiment as this worker and wait for the task; gives the unique id."""
    unique_id = open_experiment(page, address, worker, mode)
    page.get_by_role("heading", name="Counting").wait_for()
    return unique_id


def until(page: Page, condition: Callable[[], object], seconds: float = 60) -> None:
    """Return when the condition holds, fail if it does not; the window goes on meanwhile."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        page.wait_for_timeout(100)


def stored(preview, unique_id: str) -> tuple[int, dict]:
    """Status and stored record."""
    with sqlite3.connect(preview.database) as database:
        query = "select status, datastring from assignments where uniqueid = ?"
        status, text = database.execute(query, [unique_id]).fetchone()
    return status, json.loads(text or "{}")


def all_arrived(preview, unique_id: str, count: Count) -> bool:
    """Whether the record has each trial that was shown, once."""
    count.read(stored(preview, unique_id)[1])
    return not count.lost and not count.doubled


def run_trials(page, number: int) -> None:
    page.evaluate("async (n) => { while (n--) await nextTrial(); }", number)


def is_save(request) -> bool:
    return urlsplit(request.url).path.endswith("/entries")


def lose_saves(page):
    """From now on, no save of this window arrives; returns the list of those that were sent."""
    sent = []

    def lose(route):
        if is_save(route.request):
            sent.append(route.request.url)
            return route.abort()
        return route.continue_()

    page.route(SYNC, lose)
    return sent


def kept_entries(page) -> list[str]:
    """What the journals of this browser hold."""
    return page.evaluate(
        """async () => {
            const { listUnsent } = await import('/static/js/journal.js');
            const left = (await listUnsent()).flatMap((journal) => journal.left);
            return left.flatMap(({ entries }) => entries);
        }"""
    )
