"""participant.js in windows that close, come twice or keep nothing: what was shown arrives."""

import json
import re
import sqlite3
from contextlib import suppress

import pytest
from arrival import find_link
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
from playwright.sync_api import Error, expect
from server import wait_for

WITHOUT = "Object.defineProperty({where}, '{what}', {{ value: undefined }})"


def test_reloading_during_the_instructions_keeps_what_could_not_be_saved(preview, counting, page):
    counting.watch(page)
    unique_id = open_task(page, preview.address, "reloads")
    run_trials(page, 2)
    page.evaluate("psiTurk.saveData()")
    lose_saves(page)
    run_trials(page, 2)
    page.evaluate("psiTurk.recordUnstructuredData('mood', 'good')")
    page.reload()
    page.unroute(SYNC)
    page.get_by_role("heading", name="Counting").wait_for()
    run_trials(page, 1)
    page.evaluate("psiTurk.saveData()")
    assert all_arrived(preview, unique_id, counting)
    status, record = stored(preview, unique_id)
    assert len(counting.shown) == 5
    assert (status, record["questiondata"]) == (1, {"mood": "good"})
    assert [row["current_trial"] for row in record["data"]] == [0, 1, 2, 3, 4]


def test_what_is_recorded_while_the_journal_is_being_written_is_kept_too(preview, counting, page):
    counting.watch(page)
    open_task(page, preview.address, "hurries")
    lose_saves(page)
    page.evaluate(
        """async () => {
            const trials = [];
            for (let number = 0; number < 50; number++) {
                trials.push(nextTrial());
                await new Promise((wake) => setTimeout(wake));
            }
            await Promise.all(trials);
        }"""
    )
    kept = map(json.loads, kept_entries(page))
    assert len(counting.shown) == 50
    trials = [content[1]["trial"] for kind, *content in kept if kind == "trial"]
    assert trials == counting.shown


def test_a_closing_window_sends_what_the_stored_part_of_a_large_record_lacks(
    preview, counting, page
):
    counting.watch(page)
    unique_id = open_task(page, preview.address, "large")
    # More than a browser sends after the window is gone.
    page.evaluate("psiTurk.recordUnstructuredData('mouse', 'x'.repeat(100_000))")
    page.evaluate("psiTurk.saveData()")
    run_trials(page, 3)
    page.evaluate("psiTurk.recordUnstructuredData('mood', 'sch\u00f6n \U0001f600 \\ud83d')")
    page.evaluate("psiTurk.taskdata.set({ note: [1.5, null, 1e21, -0] })")
    record = json.loads(page.evaluate("JSON.stringify(psiTurk.taskdata)"))
    page.goto("about:blank")  # as closing it, but the window has its moment to send also under load
    page.close()
    wait_for(lambda: all_arrived(preview, unique_id, counting))
    assert len(counting.shown) == 3
    arrived = stored(preview, unique_id)[1]
    events, counts = (arrived.pop(name) for name in ("eventdata", "windows"))
    assert list(counts) == ["1"]
    assert events[: len(record["eventdata"])] == record.pop("eventdata")  # leaving is one, too
    assert arrived == record


def test_who_cannot_come_back_still_delivers_what_was_recorded(preview, counting, page):
    counting.watch(page)
    unique_id = open_task(page, preview.address, "turned-away")
    page.evaluate("psiTurk.startTask()")
    until(page, lambda: stored(preview, unique_id)[0] == 2)
    page.evaluate("psiTurk.teardownTask()")
    lose_saves(page)
    run_trials(page, 3)
    page.reload()
    expect(page.get_by_role("heading", name="You have already started")).to_be_visible()
    line = page.get_by_role("status").filter(has_text="still on their way")
    expect(line).to_be_visible()
    take_picture(page, "delivery")
    page.unroute(SYNC)
    expect(line).to_be_hidden()
    assert all_arrived(preview, unique_id, counting)
    until(page, lambda: kept_entries(page) == [])


def test_who_begins_while_the_server_is_away_cannot_start_afresh(preview, counting, page):
    counting.watch(page)
    unique_id = open_task(page, preview.address, "unheard-beginning")
    away = re.compile("/sync/|/inexp|/quitter")
    page.route(away, lambda route: route.abort())
    page.evaluate("psiTurk.startTask()")
    page.evaluate("psiTurk.teardownTask()")
    run_trials(page, 2)
    page.unroute(away)
    assert stored(preview, unique_id)[0] == 1
    page.reload()
    expect(page.get_by_role("heading", name="You have already started")).to_be_visible()
    until(page, lambda: all_arrived(preview, unique_id, counting))


@pytest.mark.parametrize("locks", [True, False])
def test_the_later_window_goes_on_and_nothing_shown_before_is_lost(preview, counting, page, locks):
    if not locks:
        page.context.add_init_script(WITHOUT.format(where="navigator", what="locks"))
    worker = f"two-windows-{locks}"
    counting.watch(page)
    unique_id = open_task(page, preview.address, worker)
    lose_saves(page)
    run_trials(page, 2)
    other = page.context.new_page()
    counting.watch(other)
    open_task(other, preview.address, worker)
    run_trials(page, 1)  # is no part of the record any more
    expect(page.get_by_role("heading", name="Please go on in the other window")).to_be_visible()
    inspect(page, "other-window")
    run_trials(other, 2)
    page.unroute(SYNC)
    other.evaluate("void psiTurk.completeHIT()")
    other.wait_for_url("**/complete?*")
    assert all_arrived(preview, unique_id, counting)
    assert len(counting.shown) == len(counting.stored) == 4


def test_an_older_window_learns_from_the_server_and_what_it_has_is_set_aside(
    preview, counting, page
):
    for where, what in (("window", "indexedDB"), ("navigator", "locks")):
        page.context.add_init_script(WITHOUT.format(where=where, what=what))
    unique_id = open_task(page, preview.address, "told-by-the-server")
    run_trials(page, 1)
    page.evaluate("psiTurk.saveData()")
    other = page.context.new_page()
    open_task(other, preview.address, "told-by-the-server")
    page.evaluate("void nextTrial()")
    page.evaluate("psiTurk.saveData().catch(() => {})")
    expect(page.get_by_role("heading", name="Please go on in the other window")).to_be_visible()
    other.evaluate("nextTrial()")
    other.evaluate("psiTurk.saveData()")
    counting.read(stored(preview, unique_id)[1])
    assert len(counting.stored) == 2
    with sqlite3.connect(preview.database) as database:
        query = "select datastring from study_superseded_records where uniqueid = ?"
        aside = json.loads(database.execute(query, [unique_id]).fetchone()[0])
    assert [entry[0] for entry in aside if entry[0] == "trial"] == ["trial"]


FAILS_ONCE = """
const transaction = IDBDatabase.prototype.transaction;
let failures = sessionStorage.getItem("reloaded") ? 1 : 0;
IDBDatabase.prototype.transaction = function (...args) {
    if (failures-- > 0) throw new DOMException("The disk is busy", "UnknownError");
    return transaction.apply(this, args);
};
"""


def test_a_database_that_fails_once_does_not_stop_the_only_window(preview, counting, page):
    page.add_init_script(FAILS_ONCE)
    counting.watch(page)
    unique_id = open_task(page, preview.address, "busy-disk")
    run_trials(page, 2)
    page.evaluate("psiTurk.saveData()")
    page.evaluate("sessionStorage.setItem('reloaded', 'yes')")
    page.reload()
    page.get_by_role("heading", name="Counting").wait_for()
    run_trials(page, 3)
    page.evaluate("void psiTurk.completeHIT()")
    page.wait_for_url("**/complete?*")
    assert all_arrived(preview, unique_id, counting)
    assert len(counting.stored) == 5


NEVER_ANSWERS = """
const put = IDBObjectStore.prototype.put;
IDBObjectStore.prototype.put = function (...args) {
    if (!window.isStuck) return put.apply(this, args);
    const request = put.apply(this, args);
    const again = () => { this.count().onsuccess = again; }; // the transaction never completes
    again();
    return request;
};
"""


def test_a_database_that_never_answers_does_not_keep_anybody_from_the_end(preview, counting, page):
    page.add_init_script(NEVER_ANSWERS)
    unique_id = open_task(page, preview.address, "stuck-disk")
    run_trials(page, 1)
    page.evaluate("window.isStuck = true")
    page.evaluate("void nextTrial(); void nextTrial()")
    page.evaluate("void psiTurk.completeHIT()")
    page.wait_for_url("**/complete?*")
    counting.read(stored(preview, unique_id)[1])
    assert len(counting.stored) == 3


def test_without_a_journal_a_crash_costs_a_second_at_most(preview, counting, page):
    page.add_init_script(WITHOUT.format(where="window", what="indexedDB"))
    unique_id = open_task(page, preview.address, "crash-without-journal")
    page.evaluate("runTrials(100)")
    page.wait_for_timeout(6000)
    shown = page.evaluate("psiTurk.getTrialData().length")
    with suppress(Error):
        page.goto("chrome://crash", timeout=5000)
    counting.read(stored(preview, unique_id)[1])
    assert shown - len(counting.stored) < 25  # of ten in a second; every six seconds it were 60


@pytest.mark.parametrize("mode", ["prolific", "debug"])
def test_another_browser_takes_the_record_over_before_the_first_save_only(
    preview, counting, page, new_page, mode
):
    ids = find_link(page, preview.address, "/exp", f"two-browsers-{mode}", mode)
    page.route(SYNC, lambda r: r.abort() if is_save(r.request) else r.fallback())
    page.goto(ids)
    page.get_by_role("heading", name="Counting").wait_for()
    run_trials(page, 1)
    other = new_page()
    counting.watch(other)
    other.goto(ids)
    other.get_by_role("heading", name="Counting").wait_for()
    run_trials(other, 2)
    other.evaluate("psiTurk.saveData()")
    page.unroute(SYNC)
    page.evaluate("psiTurk.saveData().catch(() => {})")
    line = page.get_by_role("status").filter(has_text="does not take your answers")
    expect(line).to_be_visible()
    assert page.goto(ids).status == 403
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text("This page belongs to another browser")
    assert all_arrived(preview, other.evaluate("uniqueId"), counting)


@pytest.mark.parametrize("missing", ["indexedDB", "locks"])
def test_a_browser_that_keeps_nothing_works_as_long_as_its_window_is_open(
    preview, counting, page, missing
):
    where = {"indexedDB": "window", "locks": "navigator"}[missing]
    page.add_init_script(WITHOUT.format(where=where, what=missing))
    unique_id = open_task(page, preview.address, f"without-{missing}")
    run_trials(page, 2)
    page.evaluate("void psiTurk.completeHIT()")
    page.wait_for_url("**/complete?*")
    counting.read(stored(preview, unique_id)[1])
    assert len(counting.stored) == 2
    assert page.problems == []
