"""Nothing a participant saw is lost or doubled, whatever happens to server, database or browser.

Real parts: gunicorn as a host in the cloud runs it, PostgreSQL, Chromium. Each test shows
numbered trials in the browser (counting.py), breaks something meanwhile, and compares what
was shown with what the database holds when the participant has reached the end.

``OUTAGE=60 uv run pytest tests/browser/test_faults.py -n0 -rP`` takes things away for a minute
instead of some seconds, and prints the table. ``STORIES="3 4 5"`` lets other things go wrong
together (misfortune.py).
"""

import os
import random
import re
import threading
from urllib.parse import urlsplit

import pytest
from counting import TASK, until
from faults import LATENCY, OUTAGE, Participation, Site, own_chromium
from heroku.postgres import Cluster
from misfortune import Story
from playwright.sync_api import expect

STORIES = os.environ.get("STORIES", "4 7").split()
CHAPTERS = 5
A_DAY = 25 * 3600
# Shifts the server's clock, by which it signs and checks what belongs to whom.
SHIFTED_CLOCK = "import time\nnow = time.time\ntime.time = lambda: now() + {seconds}\n"


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
    with page.expect_request(lambda request: "/entries" in request.url) as save:
        page.evaluate("void psiTurk.saveData()")
    until(page, lambda: "INSERT INTO study_entries" in running_queries(site))
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


def test_database_read_only(site, cluster, participant, page):
    """As a database whose plan is full, or one that became a standby."""
    participant.begin(page)
    name = urlsplit(site.url).path[1:]
    for change in ("SET default_transaction_read_only = on", "RESET default_transaction_read_only"):
        cluster.run(f"ALTER DATABASE {name} {change}", database="postgres")
        cluster.disconnect(site.url)
        participant.wait(OUTAGE)
    participant.catch_up()
    participant.finish()


def test_database_forgets_its_last_saves(site, participant, page):
    """As after a failover to a copy that was behind."""
    participant.begin(page)
    where = f"WHERE uniqueid = '{participant.uniqueid}'"
    for _ in range(3):
        participant.see_more(10)
        page.evaluate("psiTurk.saveData()")
        last = f"(SELECT max(first) FROM study_entries {where})"
        site.query(f"DELETE FROM study_entries {where} AND first = {last}")
    participant.catch_up()
    participant.finish()


def test_requests_come_twice_and_late(site, participant, page):
    def send_twice(route):
        first = route.fetch()
        page.wait_for_timeout(50)
        route.fetch()
        sent.append(route.request.url)
        return route.abort() if len(sent) % 3 == 0 else route.fulfill(response=first)

    sent = []
    page.route(re.compile("/sync/.*/entries"), send_twice)
    participant.begin(page)
    participant.wait(3 * OUTAGE)
    participant.finish()
    assert sent


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
    participant.finish(unseen=1)  # the leap may end the wait for the browser's database


@pytest.mark.parametrize("number", STORIES)
def test_whatever_goes_wrong(participant, browser, tmp_path, number):
    """Several things at once, one after the other."""
    chance = random.Random(int(number))
    Story(participant, browser, tmp_path / "profile", chance).happen(CHAPTERS)
