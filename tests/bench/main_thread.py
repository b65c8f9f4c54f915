"""What a trial and its share of the saves cost the thread that draws the stimuli.

    uv run python -m tests.bench.main_thread                 # beside psiTurk's own recipe
    uv run python -m tests.bench.main_thread --before DIR    # and an older study, installed there

Prints Markdown. Needs Chromium and a PostgreSQL server's programs. The browser's processor is
slowed four times (DevTools). A record grows to 10,000 trials; at each size, five trials a second
are recorded for a while, and the client saves at its own pace. Time is that of the tasks of the
page's main thread in Chromium's own trace, without what other processes take of it.
"""

import argparse
import signal
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from playwright.sync_api import CDPSession, Page, sync_playwright

from tests import chromium
from tests.bench.database import SETTINGS
from tests.bench.installation import (
    Installation,
    generated_study,
    installed_study,
    psiturks_own_recipe,
)
from tests.bench.load import database_server
from tests.bench.report import load, table
from tests.bench.servers import serving

SLOWED = 4
SIZES = (0, 1000, 10_000)
A_SECOND = 5  # trials
SECONDS = 66  # version 0.1 saves once a minute from 600 kB on
PAUSE = 6  # seconds between two saves of psiturk.js, which has no pace of its own
MODULE = 'import { PsiTurk } from "./participant.js";\nwindow.psiTurk = new PsiTurk();\n'
SCRIPT = "window.psiTurk = new PsiTurk(uniqueId, adServerLoc, mode);\n"
MARK_REQUESTS = """
const { fetch } = window;
window.fetch = (...request) => { performance.mark("request"); return fetch(...request); };
const { send } = XMLHttpRequest.prototype;
XMLHttpRequest.prototype.send = function (body) {
  performance.mark("request");
  send.call(this, body);
};
window.Worker = class extends Worker {
  constructor(...args) {
    super(...args);
    this.addEventListener("message", () => performance.mark("request")); // and what an answer takes
  }
  postMessage(...args) {
    performance.mark("request");
    super.postMessage(...args);
  }
};
"""
RECORD = """
window.record = (number) => {
  let kept;
  for (let n = 0; n < number; n++) {
    const noise = Math.random().toString(36).repeat(4).slice(0, 40);
    const row = { phase: "test", word: "green", colour: "blue", key: "g", rt: 512.25, noise };
    kept = psiTurk.recordTrialData(row);
  }
  return kept; // a promise, if the client keeps a journal
};
window.save = () => new Promise((success, error) => psiTurk.saveData({ success, error }));
window.drive = (seconds, perSecond, pause) => new Promise((resolve) => {
  let done = 0;
  performance.mark("began");
  const driving = setInterval(() => {
    record(1);
    done += 1;
    if (pause && done % (pause * perSecond) === 0) save();
    if (done < seconds * perSecond) return;
    clearInterval(driving);
    performance.mark("ended");
    resolve();
  }, 1000 / perSecond);
});
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.main_thread")
    parser.add_argument("--before", type=Path, help="an older installed study, to compare")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Ended."))
    rows = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, database_server() as cluster:
        study, _ = generated_study(Path(folder))
        installations = [psiturks_own_recipe(Path(tempfile.mkdtemp(dir=folder))), study]
        if options.before:
            installations.insert(1, replace(installed_study(options.before), name="earlier study"))
        for installation in installations:
            with (
                task_of(installation),
                serving(installation, cluster.create_database(), 1, **SETTINGS) as server,
            ):
                rows += measure(installation.name, server.wait(300).address)
    head = ("main thread", "trials before", "a trial, ms", "longest save, ms", "longest task, ms")
    print(table(head, *rows))
    print(f"\nProcessor slowed {SLOWED} times; {load()}.")


@contextmanager
def task_of(installation: Installation):
    """Let the study's task be one that records when it is told to."""
    file = installation.folder / "static/js/task.js"
    before = file.read_text("utf-8")
    file.write_text((MODULE if "participant.js" in before else SCRIPT) + RECORD, "utf-8")
    try:
        yield
    finally:
        file.write_text(before, "utf-8")


def measure(name: str, address: str) -> list[tuple[str, ...]]:
    rows, own = [], name == "psiTurk's recipe"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium.program(), args=chromium.OPTIONS
        )
        page = browser.new_page()
        page.add_init_script(MARK_REQUESTS)
        page.goto(f"{address}/exp?hitId=h&assignmentId=a&workerId=w&mode=live")
        page.wait_for_function("() => window.record")
        devtools = page.context.new_cdp_session(page)
        recorded = 0
        for size in SIZES:
            page.evaluate("(number) => record(number)", size - recorded)
            page.evaluate("() => save()")
            devtools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWED})
            driving = f"drive({SECONDS}, {A_SECOND}, {PAUSE if own else 0})"
            found, saves = trace(devtools, page, driving)
            devtools.send("Emulation.setCPUThrottlingRate", {"rate": 1})
            trials = SECONDS * A_SECOND
            recorded = size + trials
            longest = (f"{max(each):.1f}" for each in (saves, found))
            rows.append((name, f"{size:,}", f"{sum(found) / trials:.2f}", *longest))
        browser.close()
    return rows


def trace(devtools: CDPSession, page: Page, script: str) -> tuple[list[float], list[float]]:
    """The milliseconds of each task of the main thread while a script runs, and of the saves.

    It sets marks, as does the beginning of a request, and the answer to one that a worker makes.
    """
    events: list[dict] = []
    collected: list[bool] = []
    devtools.on("Tracing.dataCollected", lambda data: events.extend(data["value"]))
    devtools.once("Tracing.tracingComplete", lambda _: collected.append(True))
    devtools.send("Tracing.start", {"categories": "toplevel,devtools.timeline,blink.user_timing"})
    page.evaluate(f"() => {script}")
    devtools.send("Tracing.end")
    while not collected:
        page.wait_for_timeout(10)
    [began] = (event for event in events if event["name"] == "began")
    [ended] = (event for event in events if event["name"] == "ended")
    thread = {"tid": began["tid"], "pid": began["pid"]}
    tasks = [
        event
        for event in events
        if event["name"] in ("RunTask", "ThreadControllerImpl::RunTask")
        and "tdur" in event
        and thread.items() <= event.items()
        and began["ts"] < event["ts"] < ended["ts"]
    ]
    requests = [event["ts"] for event in events if event["name"] == "request"]
    saves = [
        task
        for task in tasks
        if any(task["ts"] <= moment < task["ts"] + task["dur"] for moment in requests)
    ]
    return tuple([task["tdur"] / 1000 for task in some] for some in (tasks, saves))


if __name__ == "__main__":
    main()
