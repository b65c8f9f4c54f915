"""The example in one's own hands: who comes back in the break, phones, other colours, "saved"."""

import json
import sqlite3

import pytest
from arrival import come_back, open_experiment
from inspection import inspect
from person import LOOK_AT_THE_WORD, Person
from playwright.sync_api import expect


def reach_the_break(preview, page, worker: str) -> str:
    """Bring somebody to the break who has done practice and one block; gives the unique id."""
    unique_id = come_back(preview.address, page, worker, done=(8, 20, 0))
    page.get_by_role("heading", name="Time for a break").wait_for()
    return unique_id


def test_without_jspsych_people_are_told_that_the_study_cannot_go_on(preview_of, page):
    page.context.route("**/static/libraries/**", lambda route: route.abort())
    address = preview_of("jspsych").address
    open_experiment(page, address, "without-jspsych")
    page.get_by_role("heading", name="Sorry, something went wrong").wait_for()


@pytest.mark.parametrize("experiment", ["stroop", "jspsych"])
def test_who_comes_back_in_the_break_can_go_on(preview_of, page, experiment):
    reach_the_break(preview_of(experiment), page, f"goes-on-{experiment}")
    page.get_by_role("button", name="Go on").click()
    page.locator(".stimulus[class*=ink-]").wait_for()


@pytest.mark.parametrize("experiment", ["stroop", "jspsych"])
def test_who_comes_back_in_the_break_can_stop_there(preview_of, page, experiment):
    preview = preview_of(experiment)
    unique_id = reach_the_break(preview, page, f"stops-{experiment}")
    page.get_by_text("I would like to stop here").click()
    inspect(page, f"{experiment}-leaving")
    page.get_by_role("button", name="Leave the study").click()
    page.wait_for_url("**/leave?*")
    with sqlite3.connect(preview.database) as database:
        query = "select ending, datastring from assignments where uniqueid = ?"
        ending, record = database.execute(query, [unique_id]).fetchone()
    assert ending == "left-early"
    assert len(json.loads(record)["data"]) == 28


PURPLE = '{ name: "purple", key: "p", ink: "#96219e" }'
# A change of one line, and what the researcher reads of it.
MISTAKES = {
    '{ name: "pink", key: "r", ink: "#b84a00" }': 'the key "r" is the key of red already',
    '{ name: "pink", key: "k", ink: "#b84a0" }': "its ink must be a colour of CSS",
    '{ nome: "pink", key: "k", ink: "#b84a00" }': "its name must be one word",
}


@pytest.fixture
def recolour(studies, previews):
    """A function that changes the line of one colour; gives the preview."""
    answers = {"experiment": "stroop", "num_conditions": "2", "project_slug": "recoloured"}
    script = studies(**answers).path / "static" / "js" / "stimuli.js"
    before = script.read_text("utf-8")
    assert before.count(PURPLE) == 1

    def change(line: str):
        script.write_text(before.replace(PURPLE, line), "utf-8")
        return previews(**answers)

    yield change
    script.write_text(before, "utf-8")


def test_another_colour_is_a_change_of_one_line(recolour, page):
    preview = recolour('{ name: "orange", key: "o", ink: "#b84a00" }')
    person, read = Person(page), []
    person.heading = lambda name: (
        Person.heading(person, name),
        read.append(page.inner_text("main")),
    )
    person.arrive(preview.link)
    person.understand()
    person.heading("Practice")
    person.button("Start the practice")
    for _ in range(8):
        colour = page.evaluate(LOOK_AT_THE_WORD)["colour"]
        page.keyboard.press("x" if colour == "orange" else colour[0])
        if colour == "orange":
            assert (
                page.locator(".stimulus").evaluate("e => getComputedStyle(e).color")
                == "rgb(184, 74, 0)"
            )
            page.keyboard.press("r")
            read.append(page.locator(".wrong").locator("xpath=..").inner_text())
        page.wait_for_function("() => document.querySelector('#feedback')?.innerText")
        page.wait_for_function("() => !document.querySelector('#feedback')?.innerText")
    assert "purple" not in "".join(read).lower()
    for page_with_colours in (0, 1, 2, -1):
        assert "orange" in read[page_with_colours].lower() or "O" in read[page_with_colours].split()
    assert page.locator(".answer[data-key=o]").inner_text() == "O orange"


@pytest.mark.parametrize("line,problem", MISTAKES.items())
def test_a_colour_that_cannot_be_used_is_named(recolour, page, line, problem):
    said = []
    page.on("console", lambda message: said.append(message.text))
    open_experiment(page, recolour(line).address, f"mistake-{len(problem)}")
    page.get_by_role("heading", name="Sorry, something went wrong").wait_for()
    [error] = [text for text in said if "stimuli.js" in text]
    assert "COLOURS in static/js/stimuli.js, colour 4," in error and problem in error
    assert problem not in page.inner_text("body")


def test_saved_is_said_when_the_server_has_said_so(preview_of, page):
    refused = []
    page.route("**/entries?*", lambda route: refused.append(route) or route.abort())
    come_back(
        preview_of("stroop").address, page, "saved", done=(8, 20, 20), answers={"engagement": "6"}
    )
    saving, saved = (page.get_by_text(f"Your answers are {word}") for word in ("being", "saved"))
    saving.wait_for()
    page.wait_for_timeout(2500)  # longer than until the next request
    assert refused
    expect(saving).to_be_visible()
    expect(saved).to_be_hidden()
    page.unroute("**/entries?*")
    expect(saved).to_be_visible()
    expect(saving).to_be_hidden()


# Of the buttons for the answers, all at one moment: a trial may end, and the next one begin.
BOXES = """
() => {
    const buttons = [...document.querySelectorAll(".answer")];
    const boxes = buttons.map((button) => button.getBoundingClientRect().toJSON());
    return boxes.length && boxes.every(({ height }) => height) && boxes;
}
"""


@pytest.mark.parametrize("experiment", ["stroop", "jspsych"])
def test_a_phone_answers_by_touch(preview_of, new_page, experiment):
    agent = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Mobile Safari"
    size = {"width": 375, "height": 667}
    page = new_page(user_agent=agent, viewport=size, has_touch=True, is_mobile=True)
    worker = f"phone-{experiment}"
    come_back(preview_of(experiment).address, page, worker, done=(7, 0, 0))
    person = Person(page, lambda page, name: inspect(page, f"{experiment}-phone-{name}"))
    person.by_touch = True
    person.respond(1, is_practice=True)
    assert person.feedback == ["✓ Right"]
    page.get_by_role("button", name="Start").tap()
    person.respond(2)
    page.wait_for_function(
        """async () => {
            const { data } = await (await fetch(`/sync/${uniqueId}`)).json();
            return data.filter(({ trialdata }) => trialdata.device === "touch").length === 3;
        }"""
    )
    person.look(page, "trial")
    boxes = page.wait_for_function(BOXES).json_value()
    assert len(boxes) == 4
    for box in boxes:
        assert min(box["width"], box["height"]) >= 44
        assert box["bottom"] <= size["height"]
