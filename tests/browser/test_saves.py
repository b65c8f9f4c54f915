"""participant.js on bad networks: nothing is lost or doubled, and nobody ends too early."""

import json
import re
import sqlite3
import time

import pytest
from counting import (
    SYNC,
    all_arrived,
    is_save,
    kept_entries,
    lose_saves,
    open_task,
    run_trials,
    stored,
    until,
)
from inspection import inspect, take_picture
from playwright.sync_api import expect


def answer_saves(page, status: int, reason: str):
    """From now on, every save gets this answer; returns the list of those that were sent."""
    sent = []

    def answer(route):
        if not is_save(route.request):
            return route.continue_()
        sent.append(route.request.url)
        body = json.dumps({"status": "not saved", "reason": reason})
        return route.fulfill(status=status, body=body, content_type="application/json")

    page.route(SYNC, answer)
    return sent


def test_many_trials_share_few_saves(preview, counting, page):
    saves = []
    page.on("request", lambda request: saves.append(request) if is_save(request) else None)
    counting.watch(page)
    unique_id = open_task(page, preview.address, "busy")
    run_trials(page, 200)
    until(page, lambda: all_arrived(preview, unique_id, counting))
    seconds = page.evaluate("performance.now()") / 1000
    assert len(saves) <= 1 + seconds / 5  # they keep 5.4 to 6.6 s between them


def test_nobody_leaves_before_the_last_record_is_stored(preview, counting, page):
    counting.watch(page)
    unique_id = open_task(page, preview.address, "unlucky")
    sent = lose_saves(page)
    run_trials(page, 2)
    page.evaluate("void psiTurk.completeHIT()")
    expect(page.get_by_role("heading", name="Your answers are not saved yet")).to_be_visible()
    assert "/exp?" in page.url
    page.keyboard.press("Escape")
    page.unroute(SYNC)
    page.get_by_role("button", name="Try again now").click()
    page.wait_for_url("**/complete?*")
    assert sent
    assert all_arrived(preview, unique_id, counting)
    assert page.evaluate("indexedDB.databases().then(all => all.length)") == 1
    assert kept_entries(page) == []


def test_while_the_server_stays_away_the_participant_is_told_and_can_save_a_file(
    preview, counting, page
):
    page.clock.install()
    counting.watch(page)
    unique_id = open_task(page, preview.address, "patient")
    lose_saves(page)
    run_trials(page, 2)
    line = page.get_by_role("status").filter(has_text="Your answers are kept in this browser")
    page.clock.run_for(15_000)
    assert not line.is_visible()
    page.clock.run_for(15_000)
    expect(line).to_be_visible()
    inspect(page, "line-unreachable")

    page.evaluate("void psiTurk.completeHIT()")
    expect(page.get_by_role("heading", name="Your answers are not saved yet")).to_be_visible()
    assert page.get_by_role("button", name="as a file").count() == 0
    page.clock.run_for(30_000)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save my answers as a file").click()
    inspect(page, "not-saved-yet")
    counting.read(json.loads(download.value.path().read_text("utf-8")))
    assert (len(counting.stored), counting.lost) == (2, [])

    page.unroute(SYNC)
    page.clock.run_for(40_000)
    page.wait_for_url("**/complete?*")
    assert all_arrived(preview, unique_id, counting)


@pytest.mark.parametrize(
    ("status", "reason"), [(403, "no-proof"), (413, "too-large"), (400, "malformed")]
)
def test_a_refused_record_is_not_sent_again_and_again(preview, counting, page, status, reason):
    page.clock.install()
    counting.watch(page)
    unique_id = open_task(page, preview.address, f"refused-{status}")
    sent = answer_saves(page, status, reason)
    run_trials(page, 2)
    page.clock.run_for(10_000)
    line = page.get_by_role("status").filter(has_text="does not take your answers")
    expect(line).to_be_visible()
    run_trials(page, 2)
    page.clock.run_for(600_000)
    assert len(sent) == 1
    take_picture(page, f"line-refused-{status}")

    page.evaluate("void psiTurk.completeHIT()")
    expect(page.get_by_role("heading", name="We could not take your answers")).to_be_visible()
    page.clock.run_for(1000)
    expect(page.get_by_role("button", name="Save my answers as a file").last).to_be_visible()
    take_picture(page, f"refused-{status}")
    page.unroute(SYNC)
    page.get_by_role("button", name="Try again").click()
    page.wait_for_url("**/complete?*")
    assert all_arrived(preview, unique_id, counting)


def test_a_refusal_that_is_not_the_studys_own_is_temporary(preview, counting, page):
    counting.watch(page)
    unique_id = open_task(page, preview.address, "hotel")
    page.route(
        SYNC, lambda route: route.fulfill(status=403, body="<h1>Log in to our wifi</h1>"), times=1
    )
    run_trials(page, 1)
    page.evaluate("psiTurk.saveData()")
    assert all_arrived(preview, unique_id, counting)


def test_a_proxy_that_takes_only_small_requests_gets_small_ones(preview, counting, page):
    """A 413 that is not the study's stops nothing."""
    counting.watch(page)
    unique_id = open_task(page, preview.address, "narrow")
    sizes = []

    def refuse_large(route):
        sizes.append(len(route.request.post_data or ""))
        if sizes[-1] > 2000:
            return route.fulfill(status=413, body="<h1>413 Request Entity Too Large</h1>")
        return route.continue_()

    page.route(re.compile("/sync/.*/entries"), refuse_large)
    page.evaluate("for (let n = 0; n < 100; n++) void nextTrial()")
    until(page, lambda: all_arrived(preview, unique_id, counting) and counting.stored, 60)
    assert len(counting.stored) == 100
    assert max(sizes) > 2000


def test_the_answer_of_anything_else_is_no_acknowledgement(preview, counting, page):
    counting.watch(page)
    unique_id = open_task(page, preview.address, "captive")
    until(page, lambda: kept_entries(page))
    answers = [
        "{}",
        '{"status": "user data saved"}',
        "[]",
        "null",
        "5",
        '{"window": 7, "held": 99}',
    ]
    left, sent = list(answers), []

    def acknowledge(route):
        sent.append(left.pop(0) if len(left) > 1 else left[0])
        return route.fulfill(status=200, body=sent[-1], content_type="application/json")

    page.route(re.compile("/sync/.*/entries"), acknowledge)
    run_trials(page, 3)
    page.evaluate("void psiTurk.completeHIT()")
    again = page.get_by_role("button", name="Try again now")
    while sent[-1:] != answers[-1:]:
        before = len(sent)
        again.click()
        until(page, lambda before=before: len(sent) > before)
    expect(page.get_by_role("heading", name="Your answers are not saved yet")).to_be_visible()
    assert "/exp?" in page.url
    page.unroute_all()
    again.click()
    page.wait_for_url("**/complete?*")
    assert all_arrived(preview, unique_id, counting)
    assert len(counting.stored) == 3


def test_a_save_whose_answer_is_lost_doubles_nothing(preview, counting, page):
    counting.watch(page)
    unique_id = open_task(page, preview.address, "unheard")

    def lose_answer(route):
        if is_save(route.request):
            route.fetch()
            return route.abort()
        return route.continue_()

    page.route(SYNC, lose_answer)
    run_trials(page, 3)
    until(page, lambda: all_arrived(preview, unique_id, counting))
    page.reload()
    page.unroute(SYNC)
    page.get_by_role("heading", name="Counting").wait_for()
    page.evaluate("psiTurk.saveData()")
    assert all_arrived(preview, unique_id, counting)
    assert len(counting.stored) == 3


def test_what_a_database_forgot_is_sent_again(preview, counting, page):
    """A failover loses the last seconds: saves, and the window that was opened."""
    counting.watch(page)
    unique_id = open_task(page, preview.address, "failover")
    run_trials(page, 2)
    page.evaluate("psiTurk.saveData()")
    snapshot = row_of(preview, unique_id)
    run_trials(page, 3)
    page.evaluate("psiTurk.saveData()")
    set_row(preview, unique_id, snapshot)  # without the last save
    run_trials(page, 1)
    page.evaluate("psiTurk.saveData()")
    assert all_arrived(preview, unique_id, counting)
    snapshot = row_of(preview, unique_id)
    page.reload()
    page.get_by_role("heading", name="Counting").wait_for()
    run_trials(page, 2)
    page.evaluate("psiTurk.saveData()")
    set_row(preview, unique_id, snapshot)  # without the window that was opened
    run_trials(page, 2)
    page.evaluate("psiTurk.saveData()")
    assert all_arrived(preview, unique_id, counting)
    assert len(counting.stored) == 10


def row_of(preview, unique_id: str) -> tuple:
    with sqlite3.connect(preview.database) as database:
        query = "select datastring, record_version, status from assignments where uniqueid = ?"
        return database.execute(query, [unique_id]).fetchone()


def set_row(preview, unique_id: str, row: tuple) -> None:
    with sqlite3.connect(preview.database) as database:
        update = "update assignments set datastring = ?, record_version = ?, status = ?"
        database.execute(f"{update} where uniqueid = ?", [*row, unique_id])
        database.execute("delete from study_entries where uniqueid = ?", [unique_id])
    database.close()


def test_a_last_save_that_a_database_forgot_is_sent_at_the_next_visit(preview, counting, page):
    counting.watch(page)
    unique_id = open_task(page, preview.address, "failover-at-the-end")
    run_trials(page, 2)
    page.evaluate("psiTurk.saveData()")
    page.evaluate("psiTurk.startTask()")
    until(page, lambda: stored(preview, unique_id)[0] == 2)
    snapshot = row_of(preview, unique_id)
    run_trials(page, 3)
    page.evaluate("void psiTurk.completeHIT()")
    page.wait_for_url("**/complete?*")
    set_row(preview, unique_id, snapshot)
    assert not all_arrived(preview, unique_id, counting)
    page.clock.install(time=time.time() + 90)
    page.go_back()
    expect(page.get_by_role("heading", name="You have already started")).to_be_visible()
    until(page, lambda: all_arrived(preview, unique_id, counting))
    until(page, lambda: kept_entries(page) == [])
