"""A person takes part in each experiment, in a real browser; the data are what they did.

Whoever comes back goes on, and this one does, in the middle of a block. The two experiments
are one experiment twice: the same pages, at the same places on the screen, and the same data.
"""

import csv
import functools
import json
import sqlite3
from statistics import fmean
from types import SimpleNamespace

import pytest
from arrival import come_back, open_experiment
from inspection import inspect
from person import LOOK_AT_THE_WORD, Person
from playwright.sync_api import expect

WRONG, LATE = (1, 12, 34), (3, 16)  # which of the 48 trials were answered wrongly, or not at all


@pytest.fixture(scope="module")
def preview_of(previews):
    """The preview of one of the two experiments."""
    answers = {"num_conditions": "2", "project_slug": "example"}
    return lambda experiment: previews(experiment=experiment, **answers)


@pytest.fixture(scope="module")
def participations(preview_of, new_page):
    """Somebody took part in an experiment: what they saw, what the server stored, what psiTurk
    downloads."""

    @functools.cache
    def participate(experiment: str):
        preview = preview_of(experiment)
        page = new_page()
        layouts = {}

        def look(page, name):
            inspect(page, f"{experiment}-{name}")
            if name != "what-this-was-about":  # which tells everybody their own numbers
                layouts[name] = {width: layout(page, width) for width in (1280, 375)}

        person = Person(page, look)
        person.take_part(preview.link, comes_back=True)

        with sqlite3.connect(preview.database) as database:
            database.row_factory = sqlite3.Row
            query = "select * from assignments where status = 3"
            stored = dict(database.execute(query).fetchone())
        downloaded = preview.study.run("psiturk", "download_datafiles", env=preview.environment)
        assert downloaded.returncode == 0, downloaded.stderr
        return SimpleNamespace(
            experiment=experiment,
            page=page,
            person=person,
            layouts=layouts,
            stored=stored,
            record=json.loads(stored["datastring"]),
            folder=preview.study.path,
        )

    return participate


@pytest.fixture(scope="module", params=["stroop", "jspsych"])
def participation(request, participations):
    return participations(request.param)


# Without the word of a trial, which is not the same for two participants.
LAYOUT = """
() => [...document.querySelectorAll(".experiment > :not(.line) :is(h1, p, li, kbd, legend, label,"
    + "input, textarea, button, summary, span, progress):not(#stimulus)")].map((element) => {
    const { x, y, width, height } = element.getBoundingClientRect();
    const place = [x, y + scrollY, width, height].map((number) => Math.round(number));
    const { color, backgroundColor, font, textAlign } = getComputedStyle(element);
    const look = [color, backgroundColor, font, textAlign];
    return [element.localName, element.innerText, ...place, ...look];
})
"""


def layout(page, width: int) -> list[list]:
    """Each element of a page that participants see: its text, its place and its look."""
    size = page.viewport_size
    page.set_viewport_size({"width": width, "height": 800})
    elements = page.evaluate(LAYOUT)
    page.set_viewport_size(size)
    return elements


def rows(participation, *phases: str) -> list[dict]:
    """The trial rows of these phases, as the downloaded file holds them."""
    with (participation.folder / "trialdata.csv").open(newline="", encoding="utf-8") as file:
        trials = [json.loads(row[3]) for row in csv.reader(file)]
    return [trial for trial in trials if trial.get("phase") in phases]


def test_every_trial_is_in_the_data_as_the_person_saw_it(participation):
    seen = participation.person.seen
    trials = rows(participation, "PRACTICE", "TEST")
    assert len(trials) == len(seen) == 48
    for trial, view in zip(trials, seen, strict=True):
        assert (trial["word"], trial["colour"]) == (view["word"], view["colour"])
        assert trial["congruent"] == (view["word"] == view["colour"])
        assert trial["response"] == view["key"]
        assert trial["correct"] == (view["key"] == view["colour"][0])
    assert not any(trials[number]["correct"] for number in (*WRONG, *LATE))
    assert not any(trials[number]["response"] for number in LATE)


def test_the_practice_says_whether_an_answer_was_right(participation):
    remedies = {
        1: "✗ Wrong The colour was {colour}: press {key}.",
        3: "✗ Too slow The colour was {colour}: press {key}.",
    }
    for number, said in enumerate(participation.person.feedback):
        colour = participation.person.seen[number]["colour"]
        expected = remedies.get(number, "✓ Right")
        assert said == expected.format(colour=colour, key=colour[0].upper())
    assert len(participation.person.feedback) == 8


def test_who_comes_back_goes_on_after_the_last_trial(participation):
    blocks = {0: 8, 1: 20, 2: 20}
    trials = [(trial["block"], trial["trial"]) for trial in rows(participation, "PRACTICE", "TEST")]
    assert trials == [(block, n) for block, size in blocks.items() for n in range(1, size + 1)]
    assert len(rows(participation, "COMPREHENSION")) == 2
    events = [event["eventtype"] for event in participation.record["eventdata"]]
    assert events.count("initialized") == 2


def test_after_a_reload_the_trials_come_in_the_same_order(participation):
    test = [trial for trial in rows(participation, "TEST") if trial["block"] == 1]
    seed = f"{participation.stored['uniqueid']} block 1"
    proportion = [0.75, 0.25][participation.stored["cond"]]
    before_the_reload = participation.page.evaluate(
        """async ([seed, proportion]) => {
            const { makeTrials } = await import("/static/js/stimuli.js");
            const { randomFrom } = await import("/static/js/progress.js");
            return makeTrials(20, proportion, randomFrom(seed));
        }""",
        [seed, proportion],
    )
    assert [
        {name: trial[name] for name in before_the_reload[0]} for trial in test
    ] == before_the_reload


def test_each_answer_says_by_which_device_it_came(participation):
    trials = rows(participation, "PRACTICE", "TEST")
    assert [trial["device"] for trial in trials] == [
        trial["response"] and "keyboard" for trial in trials
    ]


def test_the_debriefing_says_the_effect_that_the_data_have(participation):
    test = [trial for trial in rows(participation, "TEST") if trial["correct"]]
    times = {agree: [t["rt"] for t in test if t["congruent"] is agree] for agree in (True, False)}
    result = participation.person.result
    assert result["congruent-answers"] == len(times[True])
    assert result["incongruent-answers"] == len(times[False])
    assert abs(result["congruent-ms"] - fmean(times[True])) <= 0.5
    assert abs(result["incongruent-ms"] - fmean(times[False])) <= 0.5
    assert result["difference"] == abs(result["incongruent-ms"] - result["congruent-ms"])


def test_response_times_are_measured(participation):
    times = [trial["rt"] for trial in rows(participation, "PRACTICE", "TEST")]
    keys = [view["key"] for view in participation.person.seen]
    assert [rt is None for rt in times] == [key is None for key in keys]
    measured = [rt for rt in times if rt is not None]
    assert all(0 < rt < 3000 for rt in measured)
    if participation.experiment == "stroop":  # jsPsych rounds to whole milliseconds
        assert any(rt != round(rt) for rt in measured)


def test_the_condition_decides_how_often_word_and_colour_agree(participation):
    test = rows(participation, "TEST")
    for block in (1, 2):
        agreeing = [trial["congruent"] for trial in test if trial["block"] == block]
        assert sum(agreeing) / len(agreeing) == [0.75, 0.25][participation.stored["cond"]]
    assert {trial["condition"] for trial in test} == {
        ["75% congruent", "25% congruent"][participation.stored["cond"]]
    }


def test_answers_to_questions_are_stored(participation):
    with (participation.folder / "questiondata.csv").open(newline="", encoding="utf-8") as file:
        answers = {row[1]: row[2] for row in csv.reader(file)}
    assert answers["engagement"] == "6"
    assert answers["colour_vision"] == answers["ai_use"] == "no"
    assert answers["comments"].splitlines() == ['Nice, "quick" & easy — 👍', "Two lines"]
    assert answers["comprehension_attempts"] == "2"
    checks = rows(participation, "COMPREHENSION")
    assert [check["passed"] for check in checks] == [False, True]


def test_events_of_the_window_are_stored(participation):
    with (participation.folder / "eventdata.csv").open(newline="", encoding="utf-8") as file:
        events = [row[1] for row in csv.reader(file)]
    assert events[0] == "initialized"
    assert "window_resize" in events[2:]  # the inspection of the pages resized the window


def test_the_person_is_marked_as_having_completed(participation):
    assert participation.stored["status"] == 3
    assert participation.stored["mode"] == "debug"
    assert participation.stored["beginexp"] < participation.stored["endhit"]
    assert participation.record["useragent"].startswith("Mozilla/")


def test_no_other_host_is_asked_for_anything(participation):
    assert participation.page.foreign == []


def test_the_browser_reports_no_error(participation):
    assert participation.page.problems == []


def test_without_jspsych_people_are_told_that_the_study_cannot_go_on(preview_of, page):
    page.context.route("**/static/libraries/**", lambda route: route.abort())
    address = preview_of("jspsych").address
    open_experiment(page, address, "without-jspsych")
    page.get_by_role("heading", name="Sorry, something went wrong").wait_for()


def test_both_experiments_show_the_same_pages(participations):
    stroop, jspsych = (participations(name).layouts for name in ("stroop", "jspsych"))
    assert list(stroop) == list(jspsych)
    for name, pages in stroop.items():
        for width, elements in pages.items():
            assert elements == jspsych[name][width], (name, width)
    assert {"before-we-begin", "not-quite", "trial", "time-for-a-break"} <= set(stroop)


def test_both_experiments_save_the_same_data(participations):
    def columns(participation) -> list[tuple]:
        """The phase and the columns of each row, in their order."""
        rows = [row["trialdata"] for row in participation.record["data"]]
        return [(row["phase"], *(name for name in row if name != "phase")) for row in rows]

    stroop, jspsych = (participations(name) for name in ("stroop", "jspsych"))
    assert columns(stroop) == columns(jspsych)
    assert list(stroop.record["questiondata"]) == list(jspsych.record["questiondata"])
    assert list(stroop.record) == list(jspsych.record)


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
    for button in page.locator(".answer").all():
        box = button.bounding_box()
        assert min(box["width"], box["height"]) >= 44
        assert box["y"] + box["height"] <= size["height"]


def reach_the_break(preview, page, worker: str) -> str:
    """Bring somebody to the break who has done practice and one block; gives the unique id."""
    unique_id = come_back(preview.address, page, worker, done=(8, 20, 0))
    page.get_by_role("heading", name="Time for a break").wait_for()
    return unique_id
