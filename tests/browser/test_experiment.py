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
from inspection import inspect
from person import Person

WRONG, LATE = (1, 12, 34), (3, 16)  # which of the 48 trials were answered wrongly, or not at all


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
