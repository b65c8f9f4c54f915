"""Adopted experiments in a browser: they run without an edit, and every trial shown is stored."""

import contextlib
import json
import os
import shutil
import sqlite3

import pytest
from arrival import find_link
from old_lab import AD, EXP, TASK, make_adopter, write_old_study
from server import Server, free_port, wait_for


@contextlib.contextmanager
def running(adopter, folder):
    """The adopted study's preview; its address and its database."""
    port, database = free_port(), folder / "participants.db"
    command = (str(adopter.python), "-m", "study", "preview", "--no-browser", "--port", str(port))
    url = f"sqlite:///{database}"
    with Server(
        adopter.path, *command, port=port, PSITURK_DATABASE_URL=url, PYTHONPATH=""
    ) as server:
        wait_for(lambda: "The study:  http" in server.output or server.process.poll() is not None)
        yield f"http://localhost:{port}", database


def read_record(database) -> dict:
    """The only participant's record, once they have completed the study."""

    def row():
        with contextlib.closing(sqlite3.connect(database)) as connection:
            return connection.execute("select status, datastring from assignments").fetchone()

    wait_for(lambda: row()[0] == 3)
    return json.loads(row()[1])


@pytest.fixture(scope="module")
def old_study(studies, tmp_path_factory):
    """A study that has adopted one written for psiTurk 2, running."""
    folder = tmp_path_factory.mktemp("adopted")
    study = studies(project_slug="adopter", recruitment="mturk")
    adopter = make_adopter(study, folder / "study")
    adopter.adopt(write_old_study(folder / "old"))
    with running(adopter, folder) as (address, database):
        yield address, database


def test_a_psiturk_2_experiment_stores_every_trial_that_is_shown(old_study, page):
    address, database = old_study
    page.goto(find_link(page, address, "/ad", "", "debug"))
    page.click("#direct")
    page.click("#agree")
    page.wait_for_url("**/exp?*")
    for _ in range(2):
        page.click(".continue")
    for number in range(1, 13):
        page.get_by_text(f"word {number}", exact=True).wait_for()
        page.click("#hit")
    assert page.inner_text("i") == "{{ kept }}"  # the page was rendered, as psiTurk 2 did
    page.fill("#age", "33")
    assert page.evaluate("[loaded, bodyLoaded]") == [1, True]
    page.click("#save")
    page.wait_for_url("**/complete?*")

    record = read_record(database)
    trials = [trial["trialdata"] for trial in record["data"]]
    assert [trial["word"] for trial in trials if trial.get("phase") == "TEST"] == list(range(1, 13))
    assert all(trial["begun"] for trial in trials if trial.get("phase") == "TEST")
    assert record["questiondata"]["age"] == "33" and record["questiondata"]["early"] > 10
    assert [number for number, _ in enumerate(record["data"])] == [
        trial["current_trial"] for trial in record["data"]
    ]
    assert record["bonus"] == 1
    with contextlib.closing(sqlite3.connect(database)) as connection:  # by its own route
        [(bonus,)] = connection.execute("select bonus from assignments").fetchall()
    assert bonus == pytest.approx(0.02 * 6)
    assert not [problem for problem in page.problems if "missing.js" not in problem]


def test_what_was_recorded_survives_a_window_that_is_closed_in_the_task(old_study, new_page):
    address, _ = old_study
    page = new_page()
    link = find_link(page, address, "/exp", "", "debug")
    page.goto(link)
    for _ in range(2):
        page.click(".continue")
    for number in range(1, 8):
        page.get_by_text(f"word {number}", exact=True).wait_for()
        page.click("#hit")
    page.get_by_text("word 8", exact=True).wait_for()
    page.goto("about:blank")
    page.goto(link)
    page.wait_for_function("window.PsiTurk && PsiTurk().getTrialData().length >= 10")
    words = page.evaluate("PsiTurk().getTrialData().map((row) => row.trialdata.word)")
    assert [word for word in words if word] == list(range(1, 8))


def test_pages_may_be_plain_scripts_that_record_before_anything_is_loaded(studies, tmp_path, page):
    """Also written for jsPsych: one script in the page, its own globals, no jQuery."""
    exp = """<!doctype html><html><head><script src="/static/js/psiturk.js"></script></head><body>
      <script>
        const uniqueId = "{{ uniqueId }}", adServerLoc = "{{ adServerLoc }}", mode = "{{ mode }}";
        const psiturk = new PsiTurk(uniqueId, adServerLoc, mode);
        for (let n = 0; n < 30; n++) psiturk.recordTrialData({ n });
        window.shown = psiturk.getTrialData().length;
        psiturk.recordUnstructuredData("done", true);
        psiturk.saveData({ success: () => psiturk.completeHIT() });
      </script></body></html>"""
    adopter = make_adopter(studies(project_slug="adopter", recruitment="mturk"), tmp_path / "study")
    old = write_old_study(tmp_path / "old", **{"templates/exp.html": exp, "custom.py": None})
    adopter.adopt(old)
    with running(adopter, tmp_path) as (address, database):
        page.goto(find_link(page, address, "/exp", "", "debug"))
        page.wait_for_url("**/complete?*")
        record = read_record(database)
    assert [trial["trialdata"]["n"] for trial in record["data"]] == list(range(30))
    assert record["questiondata"] == {"done": True}


def test_a_task_may_begin_in_a_load_event_and_other_pages_may_load_the_script(
    studies, tmp_path, page
):
    exp = EXP.replace("js/task.js", "js/late.js")
    late = """
      events = [];
      document.addEventListener("DOMContentLoaded", function() { events.push("ready"); });
      $(window).load(function() {
        events.push("load");
        psiTurk = new PsiTurk(uniqueId, adServerLoc, mode);
        for (var n = 0; n < 5; n++) psiTurk.recordTrialData({ n: n });
        psiTurk.recordUnstructuredData("events", events.join(" "));
        psiTurk.completeHIT();
      });"""
    ad = AD.replace(
        "</head>",
        """<script src="/static/js/psiturk.js"></script>
      <script>$(document).ready(function() { document.title = "ready"; });</script></head>""",
    )
    changes = {"templates/exp.html": exp, "static/js/late.js": late, "templates/ad.html": ad}
    adopter = make_adopter(studies(project_slug="adopter", recruitment="mturk"), tmp_path / "study")
    adopter.adopt(write_old_study(tmp_path / "old", **changes))
    with running(adopter, tmp_path) as (address, database):
        page.goto(find_link(page, address, "/ad", "", "debug"))
        page.wait_for_function("document.title == 'ready'")
        page.goto(find_link(page, address, "/exp", "", "debug"))
        page.wait_for_url("**/complete?*")
        record = read_record(database)
    assert [trial["trialdata"]["n"] for trial in record["data"]] == list(range(5))
    assert record["questiondata"]["events"] == "ready load"


def test_psiturks_own_example_runs_to_its_end(studies, tmp_path, page):
    study = studies(project_slug="adopter", recruitment="mturk")
    adopter = make_adopter(study, tmp_path / "study")
    packages = next(adopter.python.parent.parent.glob("lib/python3*/site-packages"))
    shutil.copytree(packages / "psiturk" / "example", tmp_path / "example")
    adopter.adopt(tmp_path / "example")
    with running(adopter, tmp_path) as (address, database):
        page.goto(find_link(page, address, "/exp", "", "debug"))
        for _ in range(4):
            page.click(".continue")
        for _ in range(9):
            page.locator("#word").wait_for()
            colour = page.evaluate("document.querySelector('#word').style.color")
            page.keyboard.press(colour[0])
            page.wait_for_function(
                "c => !document.querySelector('#word')"
                " || document.querySelector('#word').innerText != c",
                arg="",
            )
        page.locator("#next").wait_for()
        page.select_option("#engagement", "5")
        page.click("#next")
        page.wait_for_url("**/complete?*")
        record = read_record(database)
    assert sum(trial["trialdata"].get("phase") == "TEST" for trial in record["data"]) == 9


def test_it_is_tried_and_mistakes_are_told_with_file_and_line(studies, tmp_path):
    study = studies(project_slug="adopter", recruitment="mturk")
    adopter = make_adopter(study, tmp_path / "study")
    task = "var x = 1;\nundefinedFunction();\n" + TASK
    done = adopter.adopt(write_old_study(tmp_path / "old", **{"static/js/task.js": task}), "--try")
    assert "  the front page: fine\n  the ad: fine\n" in done.stdout
    told = done.stdout.partition("the experiment: ")[2].splitlines()[0]
    assert "static/js/task.js, line 2: Uncaught ReferenceError: undefinedFunction" in told
    assert "missing.js" in told
    assert done.returncode == 1
    assert "participants.db" not in os.listdir(adopter.path)
