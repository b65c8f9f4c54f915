"""`study status`: who has taken part, counted honestly."""

import json

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


def test_participants_are_counted_by_psiturks_statuses(printed):
    for line in (
        *("Participants: 8", "allocated 2", "started 1", "completed 1", "submitted 2"),
        *("quit early 1", "bonused 1"),
    ):
        assert line in printed


def test_debug_and_sandbox_runs_are_counted_apart(printed):
    assert "apart: 2 debug runs" in printed and "apart: 1 sandbox run" in printed


def test_each_condition_shows_who_finished_who_is_busy_and_who_is_gone(printed):
    assert "0 0 3 0 2" in printed
    assert "1 0 1 1 1" in printed


def test_times_are_told(printed):
    assert any(line.startswith("Arrived first 2") for line in printed)
    assert "Duration median 5.5 minutes of those who finished" in printed
    assert any(line.startswith("Last 10 minutes: 2 arrived, 1 finished") for line in printed)


def test_the_server_and_the_size_of_the_database_are_told(printed):
    assert "Server web.1 up (Basic)" in printed
    size = next(line for line in printed if line.startswith("Database"))
    assert "heroku-postgresql:essential-0" in size and "MB / 1 GB" in size


def test_local_data_are_looked_at_without_heroku(live, tmp_path):
    url = f"sqlite:///{tmp_path}/participants.db"
    live.fill(rows(), url)
    calls = len(live.machine.calls)
    done = live("status", "--local", PSITURK_DATABASE_URL=url)
    assert "Participants: 8" in done.stdout
    assert "Duration   median 5.5 minutes" in done.stdout
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
