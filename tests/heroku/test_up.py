"""`study up`: the app, its database, its config vars, the remote and the address."""

import json
import os
import pty
import subprocess
import sys
from dataclasses import replace

import pytest
from new_study import APP, AWS, PLAN, REMOTE, WHOLE, Study

from heroku import catalogue

PARTS = ("app", "git remote", "address", "config vars", "database", "code")
FREE = ["DATABASE_LIMIT_MB", "ON_CLOUD", "PSITURK_SECRET_KEY"]  # config vars
# All else that it runs only looks.
CHANGES = ("apps:create", "config:set", "addons:create", "config:set")


def test_a_first_up_makes_everything_and_a_second_one_nothing(study, platform):
    first = study.up()
    assert (first.returncode, first.stderr) == (0, "")
    assert study.state() == WHOLE
    assert len(study.machine.calls) <= 10
    changes = [request for request in platform.requests if request.method != "GET"]
    assert len(changes) == len(CHANGES)
    progress = "  database: Heroku is making it"  # on a slow machine
    lines = [line for line in first.stdout.splitlines() if not line.startswith(progress)]
    assert lines == [
        f"Heroku app {APP} of researcher@example.edu. To be made:",
        "  app          no cost",
        "  git remote   no cost",
        "  address      no cost",
        "  config vars  no cost",
        "  database     about 5 USD a month, from now on",
        "  code         no cost",
        "  server       about 7 USD a month, from the first deploy on",
        "In all about 12 USD a month (prices of 24 November 2026), by the second, until "
        "`study down`.",
        *(f"  {part} …" for part in PARTS),
        "Note: A completion code was made, and Prolific's form must have the same one. To see it: "
        f"heroku config:get COMPLETION_CODE --app {APP}",
        f"To take Prolific's instead: heroku config:set COMPLETION_CODE=… --app {APP}",
        f"Done. The study's address will be https://{platform.apps[APP].host}",
    ]
    assert study.git("show", "--format=", "--numstat") == "1\t1\tconfig.txt"

    calls, config = len(study.machine.calls), platform.apps[APP].config
    second = study.up("--json")
    assert second.returncode == 0
    assert len(study.machine.calls) - calls <= 5
    assert study.state() == WHOLE
    assert platform.apps[APP].config == config
    state = json.loads(second.stdout)
    assert state["address"] == f"https://{platform.apps[APP].host}"
    assert (state["missing"], state["notes"], state["monthly_usd"]) == ([], [], 12)
    assert "nothing to do" in second.stderr


def test_without_a_terminal_nothing_is_bought_unless_the_command_says_so(study, platform):
    first = study.up(yes=False)
    app = platform.apps[APP]
    assert (first.returncode, first.stderr) == (1, "")
    assert first.stdout.splitlines()[-2:] == [
        "Nothing was bought. To go on: uv run study up --yes",
        f"The study's address will be https://{app.host}",
    ]
    assert app.addons == [] and sorted(app.config) == FREE
    asked = study.up("--json", yes=False)
    assert asked.returncode == 1
    assert json.loads(asked.stdout)["missing"] == ["database", "code"]
    assert app.addons == []
    assert study.up().returncode == 0
    assert study.state() == WHOLE
    again = study.up(yes=False)  # all is bought
    assert again.returncode == 0 and "nothing to do" in again.stdout


def test_a_dry_run_prints_every_command_and_makes_nothing(study, platform):
    done = study.up("--dry-run")
    assert done.returncode == 0
    assert "about 12 USD a month (prices of 24 November 2026)" in done.stdout
    assert done.stdout.splitlines()[-6:] == [
        f"  would run: heroku apps:create {APP} --region us --no-remote --json",
        f"  would run: git remote add heroku {REMOTE}",
        '  would run: git commit --quiet -m "Write the app\'s address into config.txt" '
        "-- config.txt",
        "  would run: heroku config:set ON_CLOUD=… PSITURK_SECRET_KEY=… DATABASE_LIMIT_MB=… "
        f"--app {APP}",
        f"  would run: heroku addons:create {PLAN} --wait --app {APP}",
        f"  would run: heroku config:set COMPLETION_CODE=… --app {APP}",
    ]
    assert {request.method for request in platform.requests} == {"GET"}
    assert study.git("remote") == "" and study.git("rev-list", "--count", "HEAD") == "1"


def test_killed_after_every_change_it_ends_the_same(study):
    """Its other calls change nothing, so being killed after them is not to have run at all."""
    for change in CHANGES:
        study.machine.kill_caller_after(change)
        assert study.up().returncode == -9
        assert study.machine.calls[-1][0] == change
    assert study.up().returncode == 0
    assert study.state() == WHOLE


def test_a_lost_answer_makes_no_second_app(study, platform):
    platform.drop_connection_after("POST /apps")
    assert study.up().returncode == 0
    assert len(platform.calls("POST /apps")) == 2  # the command line asks again by itself
    assert study.state() == WHOLE


def test_a_database_bought_twice_is_reported_with_the_command_that_removes_it(
    study,
    platform,
):
    platform.drop_connection_after("POST /apps/*/addons")
    first = study.up()
    used, unused = platform.apps[APP].addons
    remove = f"To remove it: heroku addons:destroy {unused.name} --app {APP}"
    assert first.returncode == 0
    assert f"There is a second database, {unused.name}, which costs money" in first.stdout
    assert remove in first.stdout
    state = json.loads(study.up("--json").stdout)
    assert remove in state["notes"][0] and state["monthly_usd"] == 17
    assert platform.apps[APP].addons == [used, unused]


def test_it_waits_for_a_slow_database(study, platform):
    platform.slow_addons(polls=1)
    done = study.up()
    assert done.returncode == 0
    assert "database: Heroku is making it, 5 s so far" in done.stdout
    assert study.state() == WHOLE


def test_an_app_can_belong_to_a_team_in_europe(study, platform):
    platform.add_team("lab", role="member")
    study.change("team", "lab")
    study.change("region", "eu")
    assert study.up().returncode == 0
    assert platform.apps[APP].owner is platform.teams["lab"]
    assert platform.apps[APP].region == "eu"
    assert "nothing to do" in study.up().stdout


def test_what_is_set_already_is_kept(study, app):
    chosen = {"PSITURK_SECRET_KEY": "chosen-by-the-researcher", "COMPLETION_CODE": "CH0SEN-TOO"}
    app.own_config = dict(chosen)
    assert study.up().returncode == 0
    assert app.own_config == chosen | {"ON_CLOUD": "1", "DATABASE_LIMIT_MB": "1000"}
    assert len(app.addons) == 1


def test_the_limit_of_the_database_follows_its_plan(study, app):
    app.addons[0].plan = catalogue.PLANS["heroku-postgresql:essential-1"]
    before = dict(app.own_config)
    assert study.up().returncode == 0
    assert app.own_config == before | {"DATABASE_LIMIT_MB": "10000"}
    app.addons[0].plan = replace(app.addons[0].plan, name="heroku-postgresql:premium-9")
    assert study.up().returncode == 0
    assert app.own_config == before | {"DATABASE_LIMIT_MB": "0"}  # not known, so none
    assert "nothing to do" in study.up().stdout


def test_a_sona_url_that_was_not_known_at_first_is_asked_for_by_a_later_up(study, app):
    study.change("recruitment", "sona", file="config.txt")
    url = "https://uni.sona-systems.com/webstudy_credit.aspx?credit_token=4e48&survey_code=XXXX"
    terminal, keyboard = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "study.commands.up"],
        cwd=study.path,
        env=study.machine.environment | {"PYTHONPATH": str(study.path / "machinery")},
        stdin=keyboard,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    os.write(terminal, f"{url}\n".encode())
    said = process.communicate(timeout=120)[0]
    assert process.returncode == 0, said
    assert "SONA's completion URL (client-side)." in said and "not set yet" not in said
    assert app.own_config["SONA_COMPLETION_URL"] == url and url not in said


def test_the_recruiter_is_the_one_that_the_server_sees(study, app):
    app.own_config |= {"PSITURK_RECRUITMENT": "link"}
    del app.own_config["COMPLETION_CODE"]
    done = study.up()
    assert done.returncode == 0
    assert "code" not in done.stdout and "COMPLETION_CODE" not in app.own_config


def test_an_address_that_was_written_but_not_committed_is_committed(study, app):
    config = study.path / "config.txt"
    config.write_text(config.read_text().replace("ad_url_domain =", f"ad_url_domain = {app.host}"))
    assert study.up().returncode == 0
    assert study.git("status", "--porcelain") == ""
    assert study.state()["commits"] == WHOLE["commits"]


def test_the_address_of_a_new_app_replaces_that_of_an_old_one(study, app):
    study.change("ad_url_domain", f"{APP}-0123456789ab.herokuapp.com", file="config.txt")
    assert study.up().returncode == 0
    assert study.state()["address"] == 1


def test_a_domain_of_ones_own_is_left_alone(study, app):
    study.change("ad_url_domain", "study.example.edu", file="config.txt")
    done = study.up("--dry-run")
    assert "git commit" not in done.stdout
    note = "ad_url_domain in config.txt is study.example.edu; the app's own address is"
    assert f"Note: {note} {app.host}." in done.stdout


def test_a_study_in_a_second_place_knows_its_app(study, app, tmp_path):
    """A colleague's clone has the address in config.txt, but no remote."""
    study.change("ad_url_domain", app.host, file="config.txt")
    subprocess.run(["git", "clone", "-q", study.path, tmp_path / "clone"], check=True)
    clone = Study(tmp_path / "clone", study.machine)
    assert clone.up().returncode == 0
    assert clone.git("config", "--get", "remote.heroku.url") == REMOTE


class TestADatabaseOfOnesOwn:
    URL = "postgres://me:s3cret-pass@db.invalid:5432/study?sslmode=require&x=y%20z"

    @pytest.fixture(autouse=True)
    def existing(self, study) -> None:
        study.change("database", "existing")

    def test_its_address_becomes_a_config_var(self, study, platform):
        study.machine.environment["DATABASE_URL"] = self.URL
        # Without a database no deploy starts a server, and that costs money too.
        asked = study.up(yes=False)
        app = platform.apps[APP]
        assert "  database     your own, by its address in DATABASE_URL\n" in asked.stdout
        assert "DATABASE_URL" not in app.config
        done = study.up()
        assert done.returncode == 0
        assert app.config["DATABASE_URL"] == self.URL and app.addons == []
        assert "DATABASE_LIMIT_MB" not in app.config
        assert "In all about 7 USD a month" in done.stdout
        assert "The database at db.invalid does not answer from here." in done.stdout
        del study.machine.environment["DATABASE_URL"]
        assert "nothing to do" in study.up().stdout

    @pytest.mark.parametrize(
        ("url", "cause"),
        [
            (None, '`database` is "existing", but the variable DATABASE_URL is not set here.'),
            ("postgres://[u:p4ssw0rd@db/d", "is not the address of a Postgres"),
            ("sqlite:///participants.db", "leads to SQLite, a file that Heroku deletes every day"),
            ("postgres://u:p4ssw0rd@localhost/d", "leads to this machine"),
        ],
    )
    def test_an_address_that_cannot_work_is_refused_first(self, study, platform, url, cause):
        if url:
            study.machine.environment["DATABASE_URL"] = url
        done = study.up()
        assert done.returncode == 1
        assert cause in done.stderr
        assert 'export DATABASE_URL="postgres://user:password@host:5432/name"' in done.stderr
        assert "Nothing on Heroku was made, and nothing costs money." in done.stderr
        assert platform.apps == {}


class TestAmazonsKeys:
    @pytest.fixture(autouse=True)
    def keys(self, study) -> None:
        study.machine.environment |= dict.fromkeys(AWS, "AKIA-planted")

    def test_they_are_set_for_mturk(self, study, app):
        study.change("recruitment", "mturk", file="config.txt")
        assert study.up().returncode == 0
        assert [app.config[name] for name in AWS] == ["AKIA-planted", "AKIA-planted"]

    def test_they_can_come_from_psiturks_own_file(self, study):
        study.change("recruitment", "mturk", file="config.txt")
        for name in AWS:
            del study.machine.environment[name]
        assert "AWS" not in study.up("--dry-run").stdout
        (study.machine.home / ".psiturkconfig").write_text(
            "[AWS Access]\naws_access_key_id = planted\naws_secret_access_key = planted\n"
        )
        said = study.up("--dry-run").stdout
        assert " AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… " in said and "planted" not in said

    def test_other_studies_do_not_get_them(self, study):
        assert "AWS" not in study.up("--dry-run").stdout


def test_pages_with_a_password_get_one_that_was_made_up(study):
    with (study.path / "custom.py").open("a") as custom:
        custom.write("\nmyauth = PsiTurkAuthorization(config)\n")
    study.git("commit", "-qam", "Protect a page")
    said = study.up("--dry-run").stdout
    assert " PSITURK_LOGIN_USERNAME=… PSITURK_LOGIN_PW=… " in said
