"""participant.js as other tasks use it: psiTurk's API, old task files, bad networks."""

import json
import re
import sqlite3
import time
from contextlib import suppress
from urllib.parse import urlsplit

import forks
import pytest
from arrival import find_link, open_experiment
from counting import TASK, Count, open_task, until
from inspection import inspect, take_picture
from playwright.sync_api import Error, expect
from server import wait_for

# A task as labs have them: written for psiTurk's own client, with its callbacks and jQuery-free.
OLD_TASK = """
var psiTurk = new PsiTurk(uniqueId, adServerLoc, mode);
var pages = ["instructions/1-colours.html", "instructions/2-keys.html", "stage.html"];

function endTrial() {
    psiTurk.recordTrialData({ phase: "TEST", condition: condition, key: "f", rt: 321 });
    psiTurk.recordUnstructuredData("age", "33");
    psiTurk.taskdata.set("bonus", 0.5);
    psiTurk.saveData({
        success: function () {
            psiTurk.computeBonus("/check_worker_status?workerId=x&assignmentId=y", function () {
                psiTurk.completeHIT();
            });
        },
        error: function () { document.body.textContent = "could not save"; }
    });
}

psiTurk.preloadPages(pages).then(function () {
    psiTurk.doInstructions(pages.slice(0, 2), function () {
        psiTurk.showPage("stage.html");
        // A trial takes its time. Saves of psiturk.js that follow closely overtake each other.
        setTimeout(endTrial, 1000);
    });
});
"""
IMPORT_LINE = 'import { PsiTurk } from "/static/js/participant.js";\n'
# The page that such a task came with: psiTurk's client with the libraries that it needs.
OLD_PAGE = """<!doctype html><html><head>
<script src="/static/lib/jquery-3.4.1.min.js"></script>
<script src="/static/lib/underscore-min.js"></script>
<script src="/static/lib/backbone-min.js"></script>
<script>
    var uniqueId = "{{ uniqueId }}", adServerLoc = "{{ adServerLoc }}", mode = "{{ mode }}";
    var condition = {{ condition }}, counterbalance = {{ counterbalance }};
</script>
<script src="/static/js/psiturk.js"></script>
<script src="/static/js/task.js"></script>
</head><body></body></html>
"""
# The same page with participant.js.
OLD_PAGE_WITH_MODULE = re.sub(
    r'(?s)<script src="/static/js/psiturk.js.*',
    '</head><body><div id="task"></div><script type="module" src="/static/js/task.js"></script>',
    re.sub(r"<script src=.*?lib/.*\n", "", OLD_PAGE),
)
SYNC = re.compile("/sync/")
WITHOUT = "Object.defineProperty({where}, '{what}', {{ value: undefined }})"


@pytest.fixture(scope="module")
def preview(studies, previews):
    """A study whose task and page the tests replace by others, which do not go on after a reload.

    Old pages have scripts in them.
    """
    answers = {"experiment": "stroop", "project_slug": "old-task"}
    config = studies(**answers).path / "config.txt"
    text = config.read_text("utf-8")
    changed = re.sub(r"(?m)^script_sources =.*", "script_sources = 'unsafe-inline'", text)
    changed = changed.replace("allow_resume = true", "allow_resume = false")
    config.write_text(changed, "utf-8")
    return previews(**answers)


@pytest.fixture
def files(preview):
    """Replace files of the study; they are put back afterwards."""
    originals = {}

    def replace(name: str, text: str) -> None:
        file = preview.study.path / name
        originals.setdefault(file, file.read_text("utf-8") if file.exists() else None)
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, "utf-8")

    yield replace
    for file, text in originals.items():
        file.unlink() if text is None else file.write_text(text, "utf-8")


@pytest.fixture
def counting(files) -> Count:
    """The study's task numbers its trials."""
    files("static/js/task.js", TASK)
    return Count()


def enter(preview, page, worker: str) -> str:
    """Open the experiment as this worker; gives the unique id."""
    return open_experiment(page, preview.address, worker)


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


def read_instructions(page) -> None:
    for heading in ("What you will see", "How to answer"):
        page.get_by_role("heading", name=heading).wait_for()
        page.get_by_role("button", name="Continue").click()


@pytest.mark.parametrize("client", ["psiturk.js", "participant.js"])
def test_an_old_task_gives_the_same_data_with_either_client(preview, files, page, client):
    if client == "psiturk.js":
        installed = preview.study.path.glob(".venv/lib/*/site-packages/psiturk/example/static/lib")
        libraries = next(installed)
        for name in ("jquery-3.4.1.min.js", "underscore-min.js", "backbone-min.js"):
            files(f"static/lib/{name}", (libraries / name).read_text("utf-8"))
        files("templates/exp.html", OLD_PAGE)
        files("static/js/task.js", OLD_TASK)
    else:
        files("static/js/task.js", IMPORT_LINE + OLD_TASK)

    unique_id = enter(preview, page, f"old-{client.split('.')[0]}")
    read_instructions(page)
    page.wait_for_url("**/complete?*")

    status, record = stored(preview, unique_id)
    assert status == 3
    actions = [row["trialdata"].get("action") for row in record["data"]]
    assert actions == ["Begin", "NextPage", "FinishInstructions", None]
    trial = record["data"][-1]
    assert trial["trialdata"]["rt"] == 321
    assert (trial["uniqueid"], trial["current_trial"]) == (unique_id, 3)
    assert record["questiondata"] == {"age": "33"}
    assert record["bonus"] == 0.5
    assert record["currenttrial"] == 4
    assert [event["eventtype"] for event in record["eventdata"][:2]] == [
        "initialized",
        "window_resize",
    ]
    assert set(record) >= {
        *("condition", "counterbalance", "assignmentId", "workerId", "hitId", "currenttrial"),
        *("bonus", "data", "questiondata", "eventdata", "useragent", "mode", "id"),
    }
    assert page.problems == []


@pytest.mark.parametrize(
    ("html", "mode", "asks"),
    [
        (None, "prolific", True),
        (None, "debug", False),
        (None, "preview", False),
        (OLD_PAGE_WITH_MODULE, "prolific", True),
        (OLD_PAGE_WITH_MODULE, "debug", False),
    ],
)
def test_only_in_a_test_run_one_may_leave_the_task_unasked(
    preview, files, counting, page, html, mode, asks
):
    if html:
        files("templates/exp.html", html)
    open_task(page, preview.address, f"leaves-{mode}-{bool(html)}", mode)
    page.evaluate("psiTurk.startTask()")
    is_asked = """() => {
        const event = new Event("beforeunload", { cancelable: true });
        dispatchEvent(event);
        return event.defaultPrevented;
    }"""
    assert page.evaluate(is_asked) == asks
    page.evaluate("psiTurk.teardownTask()")
    assert page.problems == []


def test_a_page_that_nobody_could_complete_is_an_error(preview, counting, page):
    open_task(page, preview.address, "stuck")
    complete = """async () => {
        await psiTurk.preloadPages(["stage.html"]);
        try { psiTurk.completePage("stage.html"); } catch (error) { return error.message; }
    }"""
    assert "neither a form nor a button" in page.evaluate(complete)


def test_a_task_need_not_ask_for_saves(preview, counting, page):
    counting.watch(page)
    unique_id = open_task(page, preview.address, "silent")
    run_trials(page, 3)
    page.evaluate("psiTurk.recordUnstructuredData('age', 33)")
    until(page, lambda: stored(preview, unique_id)[1].get("questiondata") == {"age": 33})
    assert all_arrived(preview, unique_id, counting)
    assert len(counting.shown) == 3


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


def kept_entries(page) -> list[str]:
    """What the journals of this browser hold."""
    return page.evaluate(
        """async () => {
            const { listUnsent } = await import('/static/js/journal.js');
            const left = (await listUnsent()).flatMap((journal) => journal.left);
            return left.flatMap(({ entries }) => entries);
        }"""
    )


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


def test_a_record_that_cannot_be_loaded_is_not_replaced_by_an_empty_one(preview, files, page):
    files("static/js/task.js", IMPORT_LINE + OLD_TASK)
    sent = []
    page.on("request", lambda request: sent.append((request.method, request.url)))
    page.route(SYNC, lambda route: route.abort())
    enter(preview, page, "offline")
    notice = page.get_by_role("heading", name="We could not reach the study")
    expect(notice).to_be_visible(timeout=20_000)
    assert not [url for method, url in sent if "/entries" in url]

    page.unroute_all()
    page.locator("dialog button").click()
    expect(page.get_by_role("heading", name="What you will see")).to_be_visible()


def test_without_cookies_people_are_told_what_to_do(preview, counting, page):
    page.route(SYNC, lambda route: route.fulfill(status=403, body='{"reason": "no-proof"}'))
    enter(preview, page, "cookieless")
    expect(page.get_by_role("heading", name="Please allow cookies")).to_be_visible()
    inspect(page, "no-cookies")
    page.unroute(SYNC)
    page.get_by_role("button", name="Try again").click()
    page.get_by_role("heading", name="Counting").wait_for()


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
    expect(line).to_be_hidden(timeout=40_000)
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
    page.wait_for_url("**/complete?*", timeout=20_000)
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


@pytest.mark.parametrize("answer", ["{}", '{"status": "user data saved"}', "[]", "null", "5",
                                    '{"window": 7, "held": 99}'])  # fmt: skip
def test_the_answer_of_anything_else_is_no_acknowledgement(preview, counting, page, answer):
    counting.watch(page)
    unique_id = open_task(page, preview.address, f"captive-{abs(hash(answer))}")
    until(page, lambda: kept_entries(page))
    sent = []

    def acknowledge(route):
        sent.append(route.request.url)
        return route.fulfill(status=200, body=answer, content_type="application/json")

    page.route(re.compile("/sync/.*/entries"), acknowledge)
    run_trials(page, 3)
    page.evaluate("void psiTurk.completeHIT()")
    expect(page.get_by_role("heading", name="Your answers are not saved yet")).to_be_visible()
    assert sent
    assert "/exp?" in page.url
    page.unroute_all()
    page.get_by_role("button", name="Try again now").click()
    page.wait_for_url("**/complete?*")
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


def erase(preview, worker: str) -> None:
    command = ("-m", "study", "erase", worker, "--local", "--yes")
    study = preview.study
    done = forks.run(study.python, *command, cwd=study.path, env=preview.environment)
    assert done.returncode == 0, done.stderr


def kept(page) -> list:
    """All that the browser's database holds."""
    return page.evaluate(
        """() => new Promise((resolve) => {
            const opened = indexedDB.open("study-entries");
            opened.onsuccess = () => {
                const names = ["journals", "entries"];
                const stores = opened.result.transaction(names);
                const found = names.map((name) => stores.objectStore(name).getAll());
                stores.oncomplete = () => resolve(found.flatMap(({ result }) => result));
            };
        })"""
    )


def test_the_open_window_of_somebody_erased_says_so_and_deletes_its_copy(preview, counting, page):
    open_task(page, preview.address, "erased-in-the-task")
    run_trials(page, 3)
    page.evaluate("psiTurk.saveData()")
    assert kept(page)
    erase(preview, "erased-in-the-task")
    run_trials(page, 1)
    page.evaluate("void psiTurk.completeHIT()")
    expect(page.get_by_role("heading", name="Your data have been deleted")).to_be_visible()
    inspect(page, "erased-in-the-task")
    assert kept(page) == []
    run_trials(page, 1)
    assert kept(page) == []
    assert page.reload().status == 410
    with sqlite3.connect(preview.database) as database:
        query = "select count(*) from assignments where workerid = 'erased-in-the-task'"
        assert database.execute(query).fetchone() == (0,)


def test_what_a_browser_could_not_send_is_deleted_at_the_next_visit(preview, counting, page):
    open_task(page, preview.address, "erased-and-away")
    run_trials(page, 1)
    page.evaluate("psiTurk.saveData()")
    lose_saves(page)
    run_trials(page, 2)
    assert len(kept(page)) > 2
    invitation = find_link(page, preview.address, "/pub", "erased-and-away")
    page.goto(f"{preview.address}/static/css/study.css")
    page.unroute(SYNC)
    erase(preview, "erased-and-away")
    assert page.goto(invitation).status == 410
    expect(page.get_by_role("heading", name="Your data have been deleted")).to_be_visible()
    inspect(page, "erased-at-the-next-visit")
    until(page, lambda: kept(page) == [])


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


def test_who_is_screened_out_has_everything_saved_and_gets_that_ending(preview, counting, page):
    counting.watch(page)
    unique_id = open_task(page, preview.address, "screened")
    run_trials(page, 1)
    page.evaluate("void psiTurk.leave('screened-out')")
    page.wait_for_url("**/leave?*")
    assert all_arrived(preview, unique_id, counting)
    with sqlite3.connect(preview.database) as database:
        query = "select ending from assignments where uniqueid = ?"
        assert database.execute(query, [unique_id]).fetchone() == ("screened-out",)


def test_chance_falls_the_same_way_for_the_same_person_only(preview, counting, page):
    draw = "[0, 1, 2].map(psiTurk.random('block 1'))"
    draws = []
    for worker in ("ann", "ann", "bob"):
        open_task(page, preview.address, worker)
        draws.append(page.evaluate(draw))
    assert draws[0] == draws[1] != draws[2]
    assert draws[0] != page.evaluate(draw.replace("block 1", "block 2"))
