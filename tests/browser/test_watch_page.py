"""The page of `study watch` in a browser: what a researcher sees, and the pause."""

import json
import re

import pytest
from inspection import inspect
from playwright.sync_api import expect
from simulated_study import simulate
from watched import Watched


@pytest.fixture(scope="module")
def online(live):
    """A study on Heroku with participants."""
    live.deploy()
    simulate(live.folder, live.python, live.url, 60)
    return live


@pytest.fixture
def watch(online, page):
    """The page, once it has figures."""
    watched = Watched(online)
    try:
        page.goto(watched.address.replace("127.0.0.1", "localhost"))
        expect(page.locator("#figures")).to_be_visible()
        yield page
    finally:
        watched.process.kill()
    assert page.foreign == []
    # Plotly's styles for maps stay out, which it does not mind.
    assert all("inline style" in problem for problem in page.problems)


def test_it_shows_people_charts_and_the_app(watch, online):
    expect(watch.locator("#title")).to_have_text("Stroop Task")
    expect(watch.locator("#server")).to_have_text("Running")
    expect(watch.locator("#host")).to_contain_text("web.1 up")
    expect(watch.locator("#timeline .main-svg").first).to_be_visible()
    expect(watch.locator("#durations .main-svg").first).to_be_visible()
    finished = watch.locator("#tiles .figure").first.inner_text()
    counted = json.loads(online("status", "--json").stdout)
    assert finished.split()[0] == str(counted["total"]["finished"])
    inspect(watch, "watch")


def test_ids_are_shown_on_demand_alone(watch):
    expect(watch.locator("#people tbody tr")).to_have_count(25)
    expect(watch.locator("#people .id")).to_have_count(0)
    watch.get_by_label("Show the recruiter’s ids").check()
    expect(watch.locator("#people .id")).to_have_count(25)
    worker = watch.locator("#people .id").nth(3).inner_text()
    watch.get_by_label("Find an id").fill(worker)
    expect(watch.locator("#people tbody tr")).to_have_count(1)


def test_the_button_asks_and_pauses_the_app_and_lets_it_go_on(watch, online):
    web, server = online.app.formation["web"], watch.locator("#server")
    dialog = watch.get_by_role("dialog")
    watch.get_by_role("button", name="Pause the study").click()
    expect(dialog).to_contain_text(re.compile("Nobody can arrive.* (is|are) at work now"))
    inspect(watch, "watch-pause")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    assert web.quantity == 1
    watch.get_by_role("button", name="Pause the study").click()
    dialog.get_by_role("button", name="Pause the study").click()
    expect(server).to_have_text("Paused")
    assert web.quantity == 0
    watch.get_by_role("button", name="Let it go on").click()
    dialog.get_by_role("button", name="Let it go on").click()
    expect(server).to_have_text("Running")
    assert web.quantity == 1
