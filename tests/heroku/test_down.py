"""`study down`: nothing is destroyed before its data are here, and then it is really gone."""

import csv
import subprocess

import pytest
from live_study import NAME, make_live, participant

ROWS = [participant(1), participant(2, lasted=None), participant(3, mode="debug")]


@pytest.fixture
def doomed(studies, tmp_path, live_platform, live_machine):
    """A study of its own for each test, with three participants."""
    study = studies(heroku_app="later", heroku_app_name=NAME)
    live = make_live(study, tmp_path / "study", live_platform, live_machine)
    live.fill(ROWS)
    yield live
    destroy(live)


@pytest.fixture
def own(studies, tmp_path, live_platform, live_machine, cluster):
    """A study that keeps its data in a database of its researcher's own."""
    study = studies(heroku_app="later", heroku_app_name=NAME)
    url = cluster.create_database()
    live = make_live(study, tmp_path / "study", live_platform, live_machine, database=url)
    live.fill(ROWS)
    yield live
    destroy(live)
    cluster.drop_database(url)


def destroy(live):
    """Whatever the test left of the app."""
    live.platform.recover()
    if NAME in live.platform.apps:
        live.platform.destroy_app(live.platform.apps[NAME])


def folders(live):
    return list((live.folder / "data").glob(f"{NAME}-*"))


def test_everything_is_brought_here_then_the_app_is_gone(doomed):
    machine = doomed.machine
    machine.git("remote", "add", "heroku", f"https://git.heroku.com/{NAME}.git", cwd=doomed.folder)
    done = doomed("down", "--app", NAME)
    assert done.returncode == 0, done.stderr
    assert NAME not in doomed.platform.apps
    assert f"The app {NAME} is gone" in done.stdout
    [folder] = folders(doomed)
    with (folder / "participants.csv").open(newline="") as file:
        assert [row["mode"] for row in csv.DictReader(file)].count("debug") == 1
    backup = subprocess.run(
        [doomed.platform.databases.binary("pg_restore"), "-f", "-", folder / "backup.dump"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert "worker02:assignment02" in backup.stdout
    assert "Stops costing" in done.stdout
    assert "  heroku-postgresql:essential-0, 5 USD a month" in done.stdout


@pytest.mark.parametrize("confirmation", [[], ["--app", "another-study"]])
def test_without_the_right_name_nothing_happens(doomed, confirmation):
    done = doomed("down", *confirmation)
    assert done.returncode == 1
    assert NAME in doomed.platform.apps
    assert not doomed.app.backups and not folders(doomed)


def test_a_failed_backup_stops_it(doomed):
    doomed.platform.fail("POST /client/v11/databases/*/backups")
    done = doomed("down", "--app", NAME)
    assert done.returncode == 1
    assert "taking a backup" in done.stderr
    assert "Nothing was destroyed" in done.stderr
    assert NAME in doomed.platform.apps


def test_a_database_that_cannot_be_read_stops_it(doomed, cluster):
    cluster.drop_database(doomed.url)
    done = doomed("down", "--app", NAME)
    assert done.returncode == 1
    assert "The database could not be read" in done.stderr
    assert NAME in doomed.platform.apps


def test_somebody_who_saves_meanwhile_stops_it(doomed):
    backup = doomed.platform.delay("POST /client/v11/databases/*/backups", 0)
    backup.then = lambda request: doomed.fill([participant(4)])  # the download is over by then
    done = doomed("down", "--app", NAME)
    assert done.returncode == 1
    assert "Participants were at work meanwhile" in done.stderr
    assert NAME in doomed.platform.apps


def test_an_app_that_is_still_there_is_not_called_gone(own):
    own.platform.fail("DELETE /apps/*")
    done = own("down", "--app", NAME)
    assert done.returncode == 1
    assert "is gone" not in done.stdout


def test_an_answer_that_was_lost_does_not_hide_that_it_is_gone(own):
    own.platform.drop_connection_after("DELETE /apps/*")
    done = own("down", "--app", NAME)
    assert (done.returncode, NAME in own.platform.apps) == (0, False), done.stderr
    assert "its database" not in done.stdout  # that one stays
    own.fill([participant(9)])


def test_without_an_app_it_says_so(doomed):
    doomed.platform.destroy_app(doomed.app)
    done = doomed("down", "--app", NAME)
    assert done.returncode == 1
    assert f"There is no app {NAME} on Heroku" in done.stderr


def test_a_pause_stops_the_server_and_says_what_still_costs(doomed):
    doomed.deploy()
    done = doomed("down", "--pause")
    assert done.returncode == 0, done.stderr
    assert doomed.app.formation["web"].quantity == 0
    costs = done.stdout[done.stdout.index("Still costs") :]
    assert "heroku-postgresql:essential-0, 5 USD a month" in costs and "dyno" not in costs
    assert f"heroku ps:scale web=1 --app {NAME}" in done.stdout
    again = doomed.machine.heroku("ps:scale", "web=1", "--app", NAME)
    assert (again.returncode, doomed.app.formation["web"].quantity) == (0, 1)


def test_before_the_first_push_there_is_nothing_to_pause(doomed):
    done = doomed("down", "--pause")
    assert done.returncode == 1 and "Traceback" not in done.stderr
