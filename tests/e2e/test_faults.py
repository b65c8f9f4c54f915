"""Nothing a participant saw is lost or doubled, whatever happens to server, database or browser.

Real parts: gunicorn as a host in the cloud runs it, PostgreSQL, Chromium. Each test shows
numbered trials in the browser (counting.py), breaks something meanwhile, and compares what
was shown with what the database holds when the participant has reached the end.

``OUTAGE=60 uv run pytest tests/e2e/test_faults.py -n0 -rP`` takes things away for a minute
instead of some seconds, and prints the table.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from conftest import CHROMIUM_OPTIONS
from counting import TASK, Count, open_task, until
from generated import Study
from heroku.postgres import Cluster
from playwright.sync_api import Browser, Page, expect
from server import cloud_server, free_port

OUTAGE = float(os.environ.get("OUTAGE", "6"))  # seconds for which something is away
LATENCY = 5000 if OUTAGE >= 60 else 1500  # ms that each request takes on a slow network
PATIENCE = 60 + OUTAGE  # seconds until the end is reached after all is well again
A_DAY = 25 * 3600
# Shifts the server's clock, by which it signs and checks what belongs to whom.
SHIFTED_CLOCK = "import time\nnow = time.time\ntime.time = lambda: now() + {seconds}\n"


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
        """What the database holds of a participant."""
        sql = f"SELECT datastring FROM assignments WHERE uniqueid = '{unique_id}'"
        return json.loads(self.query(sql) or "{}")


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


@pytest.fixture(scope="module")
def cluster():
    """A PostgreSQL server for this file: it is taken away from everybody who uses it."""
    cluster = Cluster()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="module")
def site(studies, cluster):
    study = studies(experiment="stroop", project_slug="faults")
    (study.path / "static/js/task.js").write_text(TASK, "utf-8")
    site = Site(study, cluster)
    yield site
    site.kill()


@pytest.fixture
def participant(site, request):
    """Somebody who was not here before."""
    return Participation(site, re.sub(r"\W+", "-", request.node.name)[:60])


def test_server_killed(site, participant, page):
    participant.begin(page)
    site.kill()
    participant.wait(OUTAGE)
    site.start()
    participant.catch_up()
    participant.finish()


def test_server_told_to_stop_during_a_save(site, participant, page):
    """As at each deploy and each day on Heroku: the save under way is still answered."""
    participant.begin(page)
    hold = f"SELECT 1 FROM assignments WHERE uniqueid = '{participant.uniqueid}' FOR UPDATE"
    holding = threading.Thread(target=site.query, args=[f"{hold}; SELECT pg_sleep(2)"])
    holding.start()
    until(page, lambda: "pg_sleep" in running_queries(site))
    with page.expect_request(lambda request: request.method == "PUT") as save:
        page.evaluate("void psiTurk.saveData()")
    until(page, lambda: "UPDATE assignments" in running_queries(site))
    site.stop()
    holding.join()
    assert save.value.response().status == 200
    participant.wait(1)
    site.start()
    participant.finish()


def running_queries(site: Site) -> str:
    return site.query(
        "SELECT query FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()"
    )


@pytest.mark.parametrize("seconds", [0, OUTAGE], ids=["restarted", "away"])
def test_database(site, cluster, participant, page, seconds):
    participant.begin(page)
    with cluster.away():
        participant.wait(seconds)
    participant.see_more(3)
    participant.finish()


def test_connections_to_the_database_cut(site, cluster, participant, page):
    participant.begin(page)
    for _ in range(5):
        cluster.disconnect(site.url)
        participant.see_more(3)
        page.evaluate("psiTurk.saveData()")
    participant.finish()


def test_browser_offline(participant, page):
    participant.begin(page)
    page.context.set_offline(True)
    participant.wait(OUTAGE)
    page.context.set_offline(False)
    participant.catch_up()
    participant.finish()


def test_network_slow(participant, page):
    participant.begin(page)
    wire = page.context.new_cdp_session(page)
    wire.send("Network.enable")
    slow = {"offline": False, "downloadThroughput": -1, "uploadThroughput": -1, "latency": LATENCY}
    wire.send("Network.emulateNetworkConditions", slow)
    participant.wait(2 * LATENCY / 1000 + 1)
    participant.finish()


def test_window_closed_and_link_opened_again(site, participant, page):
    participant.begin(page)
    participant.see_more(5)
    page.close(run_before_unload=True)
    again = page.context.new_page()
    again.wait_for_timeout(1000)
    participant.count.read(site.record(participant.uniqueid))
    assert participant.count.lost == []  # the closing window sent the rest
    participant.enter_again(again)
    participant.finish(unseen=1)  # saved, but the window was closed before it told us


def test_browser_killed(participant, browser, tmp_path):
    """Twice, and each time it had been offline: only its own disk knows the last trials."""
    profile = tmp_path / "profile"
    with own_chromium(browser, profile) as (page, process):
        participant.begin(page)
        # Chromium writes a new cookie to the disk after 30 s, or when it is closed.
        page.context.browser.new_browser_cdp_session().send("Browser.close")
        process.wait(60)
    for _ in range(2):
        with own_chromium(browser, profile) as (page, _):
            participant.enter_again(page)
            page.context.set_offline(True)
            participant.see_more(5)
    with own_chromium(browser, profile) as (page, _):
        participant.enter_again(page)
        participant.finish(unseen=3)  # kept, but the browser ended before it told us


@contextlib.contextmanager
def own_chromium(browser: Browser, profile: Path):
    """A window of a Chromium with this profile, and its process, in the end killed with kill -9."""
    address = profile / "DevToolsActivePort"
    address.unlink(missing_ok=True)
    program = shutil.which("chromium") or shutil.which("google-chrome")
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    options = ["--headless=new", "--remote-debugging-port=0", f"--user-data-dir={profile}"]
    chromium = subprocess.Popen(
        [program, *options, *CHROMIUM_OPTIONS, *sandbox, "about:blank"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )

    try:
        deadline = time.monotonic() + 60
        while not address.exists() or "\n" not in address.read_text():
            assert time.monotonic() < deadline and chromium.poll() is None
            time.sleep(0.05)
        port = address.read_text().split()[0]
        opened = browser.browser_type.connect_over_cdp(f"http://127.0.0.1:{port}")
        yield opened.contexts[0].new_page(), chromium
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(chromium.pid, signal.SIGKILL)
        chromium.wait()


def test_two_windows(participant, page):
    participant.begin(page)
    participant.enter_again(page.context.new_page())
    notice = page.get_by_role("heading", name="Please go on in the other window")
    expect(notice).to_be_visible()
    participant.finish()


def test_session_of_more_than_a_day(site, participant, page, tmp_path):
    page.clock.install()
    participant.begin(page)
    page.clock.fast_forward(A_DAY * 1000)
    site.stop()
    (tmp_path / "sitecustomize.py").write_text(SHIFTED_CLOCK.format(seconds=A_DAY))
    site.start(PYTHONPATH=str(tmp_path))
    participant.see_more(3)
    participant.finish()
