"""Forms: every kind of field looks designed, says what is missing, and is stored with its type."""

import csv
import json
import sqlite3

import pytest
from arrival import open_experiment
from inspection import inspect
from playwright.sync_api import expect

TASK = """
import { PsiTurk } from "./participant.js";
const psiTurk = new PsiTurk();
await psiTurk.preloadPages(["questions/about-you.html"]);
const answers = await psiTurk.completePage("questions/about-you.html");
for (const [name, answer] of Object.entries(answers)) psiTurk.recordUnstructuredData(name, answer);
await psiTurk.saveData();
document.querySelector("#task").textContent = "Saved.";
"""
# Its Jinja: what every page may use.
PAGE = """<form>
<h1>About you</h1>
<p class="hint">Everything below can be answered with the keyboard or by touch.</p>
<label for="age">How old are you?</label>
<input type="number" id="age" name="age" min="18" max="99" required>
<label for="country">Where do you live?</label>
<select id="country" name="country" required>
  <option value="">Please choose</option>
  <option value="fi">Finland</option>
  <option value="nz">New Zealand</option>
</select>
<fieldset>
  <legend>Which of these do you use every day?</legend>
  <label><input type="checkbox" name="devices" value="phone" required> A phone</label>
  <label><input type="checkbox" name="devices" value="laptop"> A laptop</label>
  <label><input type="checkbox" name="devices" value="tablet"> A tablet</label>
</fieldset>
<fieldset>
  <legend>Do you wear glasses?</legend>
  <label><input type="radio" name="glasses" value="yes" required> Yes</label>
  <label><input type="radio" name="glasses" value="no"> No</label>
</fieldset>
<label for="mood">How do you feel right now?</label>
<input type="range" id="mood" name="mood" min="0" max="100" required>
<div class="ends"><span>Very bad</span> <output for="mood"></output> <span>Very good</span></div>
<label for="sleep">How rested are you? <span class="hint">(optional)</span></label>
<input type="range" id="sleep" name="sleep" min="0" max="10">
<label for="born">When were you born?</label>
<input type="date" id="born" name="born" min="1900-01-01" max="2020-12-31">
<label for="job">What is your work?</label>
<input id="job" name="job">
<label for="languages">Which languages do you speak?</label>
<select id="languages" name="languages" multiple size="3">
  <option>Finnish</option><option>English</option><option>Swedish</option>
</select>
<label for="remarks">Anything else? <span class="hint">(optional)</span></label>
<textarea id="remarks" name="remarks" rows="3"></textarea>
<label><input type="checkbox" name="again" value="1"> You may write to me again</label>
<label><input type="checkbox" name="read" required
  data-problem="Please say that you have read it."> I have read the page</label>
{% include "questions/_help.html" %}
<p class="actions"><button class="button">Continue</button>
<button class="button quiet" name="skipped" value="yes" formnovalidate>Skip all of this</button></p>
</form>
"""
HELP = """{% if study.contact %}<p id="help">
<img src="{{ static('favicon.ico') }}" alt="" width="16"> Questions? {{ study.contact }},
{{ study.institution }}</p>{% endif %}"""
EMPTY = {
    "age": None, "country": None, "devices": [], "glasses": None, "mood": None, "sleep": None,
    "born": None, "job": None, "languages": [], "remarks": None, "again": False, "read": False,
}  # fmt: skip
PROBLEMS = [
    "Please answer this question.", "Please choose one.", "Please tick at least one.",
    "Please choose one.", "Please click or tap the line.", "Please say that you have read it.",
]  # fmt: skip
FULL = {
    "age": 33, "country": "nz", "devices": ["laptop"], "glasses": "no", "mood": 51, "sleep": 5,
    "born": "1992-02-29", "job": "'\"&<>%{{ job }}", "languages": ["Finnish", "Swedish"],
    "remarks": "One\nTwo", "again": True, "read": True, "skipped": None,
}  # fmt: skip


@pytest.fixture(scope="module")
def preview(studies, previews):
    answers = {"experiment": "stroop", "project_slug": "forms"}
    folder = studies(**answers).path
    files = {"static/js/task.js": TASK, "templates/questions/about-you.html": PAGE}
    for name, text in (files | {"templates/questions/_help.html": HELP}).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return previews(**answers)


@pytest.fixture
def ask(preview, page):
    """Bring somebody to the form."""

    def open_form(worker: str):
        open_experiment(page, preview.address, worker)
        page.get_by_role("heading", name="About you").wait_for()
        return page

    return open_form


def stored(preview, worker: str) -> dict:
    with sqlite3.connect(preview.database) as database:
        query = "select datastring from assignments where workerid = ?"
        [text] = database.execute(query, [worker]).fetchone()
    return json.loads(text)["questiondata"]


def test_what_is_missing_is_said_beside_each_question_and_the_first_has_the_focus(ask):
    page = ask("forgets")
    inspect(page, "form-empty")
    page.get_by_role("button", name="Continue").click()
    assert page.locator(".problem").all_inner_texts() == PROBLEMS
    expect(page.locator("#age")).to_be_focused()
    expect(page.locator("#age")).to_have_accessible_description("Please answer this question.")
    assert page.locator("#age").get_attribute("aria-invalid") == "true"
    inspect(page, "form-missing")
    page.keyboard.type("7")
    expect(page.locator(".problem").first).to_have_text("Please enter 18 or more.")
    page.keyboard.type("0")
    page.get_by_label("A tablet").check()
    page.locator("#mood").click()
    assert page.locator(".problem").all_inner_texts() == [PROBLEMS[n] for n in (1, 3, 5)]
    assert page.locator("#age").get_attribute("aria-describedby") is None


def test_answers_have_the_types_of_their_questions(ask, preview):
    page = ask("answers")
    page.locator("#age").focus()
    page.keyboard.type("33")
    page.keyboard.press("Tab")
    page.keyboard.type("New")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")  # on the second checkbox
    page.get_by_label("No", exact=True).check()
    page.locator("#mood").press("ArrowRight")
    page.locator("#sleep").press("Space")  # the middle, where it stood before
    page.locator("#born").fill("1992-02-29")
    page.get_by_label("What is your work?").fill(FULL["job"])
    page.get_by_label("Which languages").select_option(["Finnish", "Swedish"])
    page.get_by_label("Anything else?").fill("One\nTwo")
    page.get_by_label("You may write to me again").check()
    page.get_by_label("I have read").check()
    inspect(page, "form-full")
    page.get_by_role("button", name="Continue").click()
    page.get_by_text("Saved.").wait_for()
    assert stored(preview, "answers") == FULL
    assert page.problems == []


def test_by_touch_a_slider_is_answered_where_it_is_touched(ask, preview, new_page):
    page = new_page(has_touch=True, viewport={"width": 375, "height": 700})
    open_experiment(page, preview.address, "touches")
    slider = page.locator("#mood")
    slider.wait_for()
    box = slider.bounding_box()
    slider.tap(position={"x": box["width"] - 20, "y": box["height"] / 2})
    assert 85 < int(page.locator("output[for=mood]").inner_text()) <= 100


def test_unanswered_questions_are_null_and_lists_are_lists_in_every_file(ask, preview):
    page = ask("skips")
    page.get_by_role("button", name="Skip").click()
    page.get_by_text("Saved.").wait_for()
    assert stored(preview, "skips") == EMPTY | {"skipped": "yes"}
    out = preview.study.path / "data"
    written = preview.study.run(
        "study", "data", "--local", "--mode", "all", "--out", out, env=preview.environment
    )
    assert written.returncode == 0, written.stderr
    with (out / "questiondata.csv").open(newline="", encoding="utf-8") as file:
        answers = [(row["question"], row["answer"]) for row in csv.DictReader(file)]
    assert {("devices", "[]"), ("age", ""), ("again", "false")} <= set(answers)


def test_a_field_without_a_name_is_reported_before_an_answer_is_lost(ask):
    page = ask("nameless")
    complain = """async () => {
        const { untilSubmitted } = await import("/static/js/forms.js");
        const form = document.createElement("form");
        form.innerHTML = "<input>";
        try { untilSubmitted(form); } catch (error) { return error.message; }
    }"""
    assert "A field has no name" in page.evaluate(complain)


def test_a_page_may_use_jinja(ask, preview):
    page = ask("reads")
    help = page.locator("#help").inner_text().strip()
    assert help == "Questions? you@example.edu, My University"
    expect(page.locator("#help img")).to_have_js_property("complete", True)
    debriefing = page.request.get(f"{preview.address}/debriefing.html").text()
    assert debriefing.count("you@example.edu") == 2
