"""`study status`: who has taken part, counted honestly."""

import json
import re

import pytest
from live_study import participant


def rows() -> list[dict]:
    """Eleven people. Made when needed, because what is told depends on the time."""
    return [
        participant(0, 300, lasted=4),
        participant(1, 200, lasted=6),
        participant(2, 100, lasted=20, status=7),
        participant(3, 90, lasted=None),  # started, and over psiTurk's cutoff_time
        participant(4, 12, lasted=5, status=3),
        participant(5, 8, lasted=None, status=1),
        participant(6, 6, lasted=None, status=6),
        participant(7, 5, mode="debug"),
        participant(8, 5, mode="debug"),
        participant(9, 5, mode="sandbox"),
        participant(10, 20, lasted=None, status=1, datastring=None),  # opened the page, no more
    ]


@pytest.fixture(scope="module")
def printed(live):
    live.fill(rows())
    live.deploy()
    done = live("status")
    assert done.returncode == 0, done.stderr
    return [" ".join(line.split()) for line in done.stdout.splitlines()]


def test_each_named_condition_shows_who_finished_who_is_busy_and_who_is_gone(printed):
    assert "75% congruent 3 0 2" in printed
    assert "25% congruent 1 1 1" in printed
    assert "all 4 1 3" in printed


def test_the_drop_out_is_told_with_its_reasons(printed):
    assert "Drop-out 3 of 7 who are no longer at work did not finish (43%)" in printed
    for reason in (
        "closed the window and have not come back",
        "did something, and did not finish in time",
        "opened the task and did nothing",
    ):
        assert f"1 {reason}" in printed


def test_debug_and_sandbox_runs_are_counted_apart(printed):
    assert "Not counted 2 debug runs, 1 sandbox run" in printed


def test_times_are_told(printed):
    assert any(line.startswith("Arrived first 2") for line in printed)
    assert "Duration median 5.5 minutes of those who finished; the invitation says 9" in printed
    assert "Just now 2 arrived, 1 finished within 10 minutes" in printed


def test_a_target_is_told_with_how_many_have_reached_it(live, printed):
    said = live("status", PSITURK_CONDITION_TARGETS="20").stdout.split()
    assert " ".join(said[said.index("all") :]).startswith("all 4 1 3")  # the app's settings count
    live.app.set_config({"PSITURK_CONDITION_TARGETS": "20"}, live.platform.account)
    try:
        assert "all 4 of 40 1 3" in " ".join(live("status").stdout.split())
    finally:
        live.app.set_config({"PSITURK_CONDITION_TARGETS": None}, live.platform.account)


def test_json_has_the_same_numbers(live, printed):
    found = json.loads(live("status", "--json").stdout)
    assert (found["total"]["finished"], found["dropped_out"]) == (4, 3)
    assert found["hosting"]["plan"] == "heroku-postgresql:essential-0"
    assert found["hosting"]["monthly"] == 12 and found["hosting"]["spent_at_most"] >= 0
    secret = live.app.config["DATABASE_URL"]
    assert secret not in json.dumps(found)


def test_the_server_and_the_size_of_the_database_are_told(printed):
    assert "Server web.1 up (Basic)" in printed
    size = next(line for line in printed if line.startswith("Database"))
    assert re.fullmatch(r"Database heroku-postgresql:essential-0, \d+ of 1,000 MB \(\d%\)", size)
    assert any(line.startswith("Cost at most 0.0") for line in printed)


def test_local_data_are_looked_at_without_heroku(live, tmp_path):
    url = f"sqlite:///{tmp_path}/participants.db"
    live.fill(rows(), url)
    calls = len(live.machine.calls)
    done = live("status", "--local", PSITURK_DATABASE_URL=url)
    assert "all 4 1 3" in " ".join(done.stdout.split())
    assert "median 5.5 minutes" in done.stdout
    assert len(live.machine.calls) == calls


def test_before_anybody_came_it_says_so(live, tmp_path):
    done = live("status", "--local", PSITURK_DATABASE_URL=f"sqlite:///{tmp_path}/none.db")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Nobody has opened the study yet" in done.stdout


def test_without_an_app_it_looks_at_this_machine(live):
    live.platform.apps["moved"] = live.platform.apps.pop("my-study")
    try:
        done = live("status")
    finally:
        live.platform.apps["my-study"] = live.platform.apps.pop("moved")
    assert done.returncode == 0
    assert "There is no app my-study yet" in done.stdout
    assert "Nobody has opened the study yet" in done.stdout


def test_a_database_that_is_nearly_full_is_told(live):
    """The limit is low, the size is PostgreSQL's own."""
    colours = {}
    for limit in ("5", "11", "1000"):
        live.app.set_config({"DATABASE_LIMIT_MB": limit}, live.platform.account)
        found = json.loads(live("check", "--json").stdout)["lines"]
        lines = [line for line in found if line["about"] == "database"]
        lines = [line for line in lines if "test run" not in line["text"]]
        colours[limit], text = [line["colour"] for line in lines], lines[-1]["text"]
        if limit == "5":
            assert "nobody new is taken" in text and "heroku addons:upgrade postgresql-" in text
            assert "nearly full, so nobody new is taken" in live("status").stdout
    assert colours == {
        "5": ["green", "yellow", "red"],  # and another limit than the plan's
        "11": ["green", "yellow", "yellow"],
        "1000": ["green"],
    }
    assert "nearly full" not in live("status").stdout
    assert {line["colour"] for line in found if line["about"] == "address"} == {"green"}
