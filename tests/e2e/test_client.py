"""static/js/participant.js as other tasks use it: psiTurk's API, old task files, bad networks."""

import json
import re
import sqlite3

import pytest
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


@pytest.fixture(scope="module")
def preview(previews):
    """A study whose task and page the tests replace."""
    return previews(experiment="stroop", project_slug="old-task")


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


def enter(preview, page, worker: str, mode: str = "lab") -> str:
    """Open the experiment as this worker; gives the unique id."""
    page.goto(f"{preview.address}/exp?hitId=H&assignmentId=A&workerId={worker}&mode={mode}")
    return f"{worker}:A"


def record(preview, unique_id: str) -> tuple[int, dict]:
    """Status and stored record."""
    with sqlite3.connect(preview.database) as database:
        query = "select status, datastring from assignments where uniqueid = ?"
        status, text = database.execute(query, [unique_id]).fetchone()
    return status, json.loads(text or "{}")


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

    status, stored = record(preview, unique_id)
    assert status == 3
    actions = [row["trialdata"].get("action") for row in stored["data"]]
    assert actions == ["Begin", "NextPage", "FinishInstructions", None]
    trial = stored["data"][-1]
    assert trial["trialdata"]["rt"] == 321
    assert (trial["uniqueid"], trial["current_trial"]) == (unique_id, 3)
    assert stored["questiondata"] == {"age": "33"}
    assert stored["bonus"] == 0.5
    assert stored["currenttrial"] == 4
    assert [event["eventtype"] for event in stored["eventdata"][:2]] == [
        "initialized",
        "window_resize",
    ]
    assert set(stored) >= {
        *("condition", "counterbalance", "assignmentId", "workerId", "hitId", "currenttrial"),
        *("bonus", "data", "questiondata", "eventdata", "useragent", "mode", "id"),
    }
    assert page.problems == []


def test_nobody_leaves_before_the_last_record_is_stored(preview, files, page):
    files("static/js/task.js", IMPORT_LINE + OLD_TASK)
    broken = []

    def lose(route):
        if route.request.method == "PUT" and len(broken) < 6:  # two saves, three times
            broken.append(route.request.url)
            route.abort()
        else:
            route.continue_()

    page.route(re.compile("/sync/"), lose)
    files("static/js/task.js", IMPORT_LINE + OLD_TASK.replace("saveData({", "completeHIT({"))
    unique_id = enter(preview, page, "unlucky")
    read_instructions(page)
    notice = page.get_by_role("heading", name="Your answers are not saved yet")
    expect(notice).to_be_visible(timeout=30_000)
    assert "/exp?" in page.url
    page.keyboard.press("Escape")
    page.locator("dialog button").click()
    page.wait_for_url("**/complete?*")
    assert record(preview, unique_id)[1]["data"][-1]["trialdata"]["rt"] == 321


def test_a_record_that_cannot_be_loaded_is_not_replaced_by_an_empty_one(preview, files, page):
    files("static/js/task.js", IMPORT_LINE + OLD_TASK)
    sent = []
    page.on("request", lambda request: sent.append((request.method, request.url)))
    page.route(re.compile("/sync/"), lambda route: route.abort())
    enter(preview, page, "offline")
    notice = page.get_by_role("heading", name="We could not reach the study")
    expect(notice).to_be_visible(timeout=20_000)
    assert "PUT" not in [method for method, _ in sent]

    page.unroute_all()
    page.locator("dialog button").click()
    expect(page.get_by_role("heading", name="What you will see")).to_be_visible()


def test_reloading_the_instructions_keeps_what_was_saved(preview, page):
    unique_id = enter(preview, page, "reloads")
    page.get_by_role("heading", name="What you will see").wait_for()
    page.evaluate(
        """async () => {
            const { PsiTurk } = await import('/static/js/participant.js');
            const psiTurk = new PsiTurk();
            psiTurk.recordTrialData({ note: 'before the reload' });
            await psiTurk.saveData();
        }"""
    )
    page.reload()
    page.get_by_role("heading", name="What you will see").wait_for()
    kept = page.evaluate("fetch('/sync/reloads:A').then(answer => answer.json())")
    assert "before the reload" in [row["trialdata"].get("note") for row in kept["data"]]
    assert record(preview, unique_id)[0] == 1
