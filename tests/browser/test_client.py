"""participant.js as tasks use it: psiTurk's API, old task files, what a participant reads."""

import re
import sqlite3

import pytest
from arrival import open_experiment
from counting import SYNC, all_arrived, open_task, run_trials, stored, until
from inspection import inspect
from playwright.sync_api import expect

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

    unique_id = open_experiment(page, preview.address, f"old-{client.split('.')[0]}")
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


def test_a_record_that_cannot_be_loaded_is_not_replaced_by_an_empty_one(preview, files, page):
    files("static/js/task.js", IMPORT_LINE + OLD_TASK)
    sent = []
    page.on("request", lambda request: sent.append((request.method, request.url)))
    page.route(SYNC, lambda route: route.abort())
    open_experiment(page, preview.address, "offline")
    notice = page.get_by_role("heading", name="We could not reach the study")
    expect(notice).to_be_visible()
    assert not [url for method, url in sent if "/entries" in url]

    page.unroute_all()
    page.locator("dialog button").click()
    expect(page.get_by_role("heading", name="What you will see")).to_be_visible()


def test_without_cookies_people_are_told_what_to_do(preview, counting, page):
    page.route(SYNC, lambda route: route.fulfill(status=403, body='{"reason": "no-proof"}'))
    open_experiment(page, preview.address, "cookieless")
    expect(page.get_by_role("heading", name="Please allow cookies")).to_be_visible()
    inspect(page, "no-cookies")
    page.unroute(SYNC)
    page.get_by_role("button", name="Try again").click()
    page.get_by_role("heading", name="Counting").wait_for()


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
