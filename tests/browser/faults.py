"""A study online whose parts can be taken away, and somebody who takes part meanwhile."""

import contextlib
import json
import os
import signal
import subprocess
import time
import zlib
from pathlib import Path
from urllib.parse import urlsplit

import chromium
from counting import Count, open_task, until
from generated import Study
from heroku.postgres import Cluster
from playwright.sync_api import Browser, Page
from server import cloud_server, free_port

OUTAGE = float(os.environ.get("OUTAGE", "6"))  # seconds for which something is away
LATENCY = 5000 if OUTAGE >= 60 else 1500  # ms that each request takes on a slow network
PATIENCE = 60 + OUTAGE  # seconds until the end is reached after all is well again


class Site:
    """A study online: its server can be killed and started again at the same address."""

    def __init__(self, study: Study, cluster: Cluster) -> None:
        self.study, self.cluster = study, cluster
        self.url = cluster.create_database()
        self.port = free_port()
        self.address = f"http://localhost:{self.port}"
        self._open = contextlib.ExitStack()
        self.start()

    def start(self, **settings: str) -> None:
        """Start the server and wait until it serves."""
        settings["PSITURK_ALLOW_RESUME"] = "true"
        study = self.study
        server = cloud_server(study.path, study.python, self.url, self.port, **settings)
        self.server = self._open.enter_context(server).wait()

    def kill(self) -> None:
        """End every process of the server at once, with kill -9."""
        os.killpg(self.server.process.pid, signal.SIGKILL)
        self._open.close()

    def stop(self) -> None:
        """End the server as Heroku does, and wait until it has."""
        self.server.process.terminate()
        self.server.process.wait(30)
        self._open.close()

    def query(self, sql: str) -> str:
        return self.cluster.run(sql, database=urlsplit(self.url).path[1:])

    def record(self, unique_id: str) -> dict:
        """A participant's trials in the database: in the record, or on their way to it."""
        sql = f"SELECT datastring FROM assignments WHERE uniqueid = '{unique_id}'"
        rows = json.loads(self.query(sql).strip() or "{}").get("data", [])
        sql = f"SELECT entries FROM study_entries WHERE uniqueid = '{unique_id}' ORDER BY 1"
        entries = [entry for row in self.query(sql).splitlines() for entry in unpack(row)]
        trials = [{"trialdata": entry[2]} for entry in entries if entry[0] == "trial"]
        return {"data": rows + trials}


def unpack(row: str) -> list[list]:
    """The entries of a row of study_entries, as psql prints it."""
    return json.loads(zlib.decompress(bytes.fromhex(row.removeprefix("\\x")), -zlib.MAX_WBITS))


class Participation:
    """Somebody who takes part while something goes wrong."""

    def __init__(self, site: Site, worker: str) -> None:
        self.site, self.worker = site, worker
        self.count = Count()

    def enter(self, page: Page) -> None:
        """Open the study in a window."""
        self.page = page
        page.on("dialog", lambda dialog: dialog.accept())
        self.count.watch(page)
        self.uniqueid = open_task(page, self.site.address, self.worker)

    def begin(self, page: Page) -> None:
        """Open the study, leave the instructions, and do some trials, of which some are saved."""
        self.enter(page)
        page.evaluate("psiTurk.startTask()")
        self.run_trials()
        self.see_more(5)
        page.evaluate("psiTurk.saveData()")
        self.see_more(3)

    def enter_again(self, page: Page) -> None:
        """Open the study once more, where the task goes on."""
        self.enter(page)
        assert page.evaluate("psiTurk.progress.resumed")
        self.run_trials()
        self.see_more(5)

    def run_trials(self) -> None:
        self.page.evaluate("runTrials(100)")

    def see_more(self, trials: int) -> None:
        """Wait until so many more trials were shown."""
        enough = len(self.count.shown) + trials
        until(self.page, lambda: len(self.count.shown) >= enough)

    def wait(self, seconds: float) -> None:
        """Let time pass; the trials go on."""
        self.page.wait_for_timeout(seconds * 1000)

    def catch_up(self) -> None:
        """Wait until everything shown so far has been saved in the background."""
        shown = set(self.count.shown)

        def is_saved() -> bool:
            self.count.read(self.site.record(self.uniqueid))
            return shown <= set(self.count.stored)

        until(self.page, is_saved, PATIENCE)

    def finish(self, unseen: int = 0) -> None:
        """Go to the end: everything that was shown is stored, once.

        ``unseen``: how many trials may be stored of which the browser could not tell us.
        """
        self.page.evaluate("stopTrials()")
        self.page.evaluate("void psiTurk.completeHIT()")
        self.page.wait_for_url("**/complete?*", timeout=PATIENCE * 1000)
        self.count.read(self.site.record(self.uniqueid))
        shown, stored = len(self.count.shown), len(self.count.stored)
        lost, doubled = self.count.lost, self.count.doubled
        print(f"{shown} shown, {stored} stored, {len(lost)} lost, {len(doubled)} doubled")
        assert shown > 5
        assert (lost, doubled) == ([], [])
        assert stored - shown <= unseen


@contextlib.contextmanager
def own_chromium(browser: Browser, profile: Path):
    """A window of a Chromium with this profile, and its process, in the end killed with kill -9."""
    address = profile / "DevToolsActivePort"
    address.unlink(missing_ok=True)
    options = ["--headless=new", "--remote-debugging-port=0", f"--user-data-dir={profile}"]
    process = subprocess.Popen(
        [chromium.program(), *options, *chromium.OPTIONS, "about:blank"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 60
        while not address.exists() or "\n" not in address.read_text():
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.05)
        port = address.read_text().split()[0]
        opened = browser.browser_type.connect_over_cdp(f"http://127.0.0.1:{port}")
        yield opened.contexts[0].new_page(), process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
