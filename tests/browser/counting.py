"""A task that numbers its trials, so that none can be lost or doubled unseen."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from arrival import open_experiment
from playwright.sync_api import Page

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


def until(page: Page, condition: Callable[[], object], seconds: float = 30) -> None:
    """Return when the condition holds, fail if it does not; the window goes on meanwhile."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        page.wait_for_timeout(100)
