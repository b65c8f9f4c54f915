"""A person takes part in each experiment, in a real browser; the data are what they did."""

import csv
import json
import sqlite3
from types import SimpleNamespace

import pytest
from inspection import inspect
from person import Person

WRONG, LATE = {1, 12, 34}, {16}  # which of the 48 trials were answered wrongly, or not at all


@pytest.fixture(scope="module", params=["stroop", "jspsych"])
def participation(request, previews, new_page):
    """Somebody took part: what they saw, what the server stored, what psiTurk downloads."""
    experiment = request.param
    preview = previews(experiment=experiment, num_conditions="2")
    page = new_page()
    person = Person(page, lambda page, name: inspect(page, f"{experiment}-{name}"))
    person.take_part(preview.link)

    with sqlite3.connect(preview.database) as database:
        database.row_factory = sqlite3.Row
        stored = dict(database.execute("select * from assignments").fetchone())
    downloaded = preview.study.run("psiturk", "download_datafiles", env=preview.environment)
    assert downloaded.returncode == 0, downloaded.stderr
    return SimpleNamespace(
        experiment=experiment,
        page=page,
        person=person,
        stored=stored,
        record=json.loads(stored["datastring"]),
        folder=preview.study.path,
    )


def rows(participation, *phases: str) -> list[dict]:
    """The trial rows of these phases, as the downloaded file holds them."""
    with (participation.folder / "trialdata.csv").open(newline="", encoding="utf-8") as file:
        trials = [json.loads(row[3]) for row in csv.reader(file)]
    return [trial for trial in trials if trial.get("phase") in phases]


def test_every_trial_is_in_the_data_as_the_person_saw_it(participation):
    seen = participation.person.seen
    trials = rows(participation, "PRACTICE", "TEST")
    assert len(trials) == len(seen) == 48
    for number, (trial, view) in enumerate(zip(trials, seen, strict=True)):
        assert (trial["word"], trial["colour"]) == (view["word"], view["colour"])
        assert trial["congruent"] == (view["word"] == view["colour"])
        assert trial["response"] == view["key"]
        assert trial["correct"] == (number not in WRONG | LATE)


def test_response_times_are_measured(participation):
    times = [trial["rt"] for trial in rows(participation, "PRACTICE", "TEST")]
    assert [number for number, rt in enumerate(times) if rt is None] == list(LATE)
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
    assert answers["colour_vision"] == "no"
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


def test_no_other_host_is_asked_for_anything_but_jspsych(participation):
    hosts = {address.split("/")[2] for address in participation.page.foreign}
    assert hosts == ({"unpkg.com"} if participation.experiment == "jspsych" else set())


def test_the_browser_reports_no_error(participation):
    assert participation.page.problems == []
