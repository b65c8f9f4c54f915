"""`study up`: the app, its database, its config vars, the remote and the address."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from heroku.addons import buy
from heroku.app import App
from heroku.machine import Machine

APP = "stroop-task-abcde"
PLAN = "heroku-postgresql:essential-0"
REMOTE = f"https://git.heroku.com/{APP}.git"


@dataclass
class Study:
    """A study without an app, in its folder on the researcher's computer."""

    path: Path
    machine: Machine

    def up(self, *options: str, python: tuple[str, ...] = ("-m", "study.heroku")):
        """Run `study up`; whatever it says, it tells no secret and shows no traceback."""
        done = self.machine.run(sys.executable, *python, *options, cwd=self.path)
        said = done.stdout + done.stderr
        assert "Traceback" not in said, said
        for secret in self.secrets():
            assert secret not in said
        return done

    def secrets(self) -> list[str]:
        """The values of all config vars, and what a test put into the environment."""
        environment = self.machine.environment
        known = [environment[name] for name in ("DATABASE_URL", *AWS) if name in environment]
        for app in self.machine.platform.apps.values():
            known += [value for value in app.config.values() if len(value) > 2]
        return [*known, self.machine.platform.account.api_key]

    def git(self, *command: str) -> str:
        return self.machine.git(*command, cwd=self.path).stdout.strip()

    def change(self, name: str, value: str, file: str = "pyproject.toml") -> None:
        """Change a setting and commit it, as the printed advice says."""
        path = self.path / file
        value = f'"{value}"' if file == "pyproject.toml" else value
        text = path.read_text()
        path.write_text(re.sub(rf"(?m)^{name} =.*$", f"{name} = {value}", text))
        self.git("commit", "-qam", f"Set {name}")

    def state(self) -> dict:
        """Everything that `study up` makes; of random values only that they are there."""
        apps = self.machine.platform.apps
        app = next(iter(apps.values()))
        return {
            "apps": list(apps),
            "databases": [(addon.plan.name, addon.state) for addon in app.addons],
            "config": sorted(app.config),
            "secret": len(app.config["PSITURK_SECRET_KEY"]),
            "config changes": [r.description for r in app.releases if r.description[:3] == "Set"],
            "remote": self.git("config", "--get-all", "remote.heroku.url"),
            "address": self.git("show", "HEAD:config.txt").count(app.host),
            "commits": self.git("log", "--format=%s").splitlines(),
            "changes": self.git("status", "--porcelain"),
        }


AWS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
WHOLE = {
    "apps": [APP],
    "databases": [(PLAN, "provisioned")],
    "config": ["DATABASE_URL", "ON_CLOUD", "PSITURK_SECRET_KEY"],
    "secret": 64,
    "config changes": ["Set ON_CLOUD, PSITURK_SECRET_KEY config vars"],
    "remote": REMOTE,
    "address": 1,
    "commits": [
        "Write the app's address into config.txt",
        "Start the study from psiturk-heroku 0.1.0",
    ],
    "changes": "",
}


@pytest.fixture(scope="module")
def made(cookies_session) -> Path:
    answers = {"heroku_app": "later", "heroku_app_name": APP}
    return cookies_session.bake(extra_context=answers).project_path


@pytest.fixture
def study(made, machine, tmp_path) -> Study:
    return Study(shutil.copytree(made, tmp_path / "study"), machine)


@pytest.fixture
def app(platform) -> App:
    """The study's app with its database and its config vars, tied to no folder yet."""
    app = platform.create_app(APP)
    buy(app, PLAN, by=platform.account)
    app.own_config |= {"PSITURK_SECRET_KEY": "s" * 64, "ON_CLOUD": "1"}
    return app


def test_a_first_up_makes_everything_and_a_second_one_nothing(study, platform):
    first = study.up()
    assert (first.returncode, first.stderr) == (0, "")
    assert study.state() == WHOLE
    assert len(study.machine.calls) <= 8
    progress = "  database: Heroku is making it"  # on a slow machine
    lines = [line for line in first.stdout.splitlines() if not line.startswith(progress)]
    assert lines == [
        f"Heroku app {APP} of researcher@example.edu. To be made:",
        "  app          about 7 USD a month",
        "  git remote   no cost",
        "  address      no cost",
        "  database     about 5 USD a month",
        "  config vars  no cost",
        "With all its parts the app costs about 12 USD a month (prices of 24 November 2026), "
        "by the second: the server from the first push, a database at once.",
        *(f"  {part} …" for part in ("app", "git remote", "address", "database", "config vars")),
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


def test_a_dry_run_prints_every_command_and_makes_nothing(study, platform):
    done = study.up("--dry-run")
    assert done.returncode == 0
    assert "about 12 USD a month (prices of 24 November 2026)" in done.stdout
    assert done.stdout.splitlines()[-5:] == [
        f"  would run: heroku apps:create {APP} --region us --no-remote --json",
        f"  would run: git remote add heroku {REMOTE}",
        '  would run: git commit --quiet -m "Write the app\'s address into config.txt" '
        "-- config.txt",
        f"  would run: heroku addons:create {PLAN} --wait --app {APP}",
        f"  would run: heroku config:set ON_CLOUD=… PSITURK_SECRET_KEY=… --app {APP}",
    ]
    assert {request.method for request in platform.requests} == {"GET"}
    assert study.git("remote") == "" and study.git("rev-list", "--count", "HEAD") == "1"


@pytest.mark.parametrize("call", range(1, 9))
def test_killed_after_any_call_it_ends_the_same(study, call):
    study.machine.kill_caller_after(call)
    assert study.up().returncode == -9
    assert len(study.machine.calls) >= call
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
    app.own_config = {"PSITURK_SECRET_KEY": "chosen-by-the-researcher"}
    assert study.up().returncode == 0
    assert app.own_config == {"PSITURK_SECRET_KEY": "chosen-by-the-researcher", "ON_CLOUD": "1"}
    assert len(app.addons) == 1


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
        done = study.up()
        assert done.returncode == 0
        app = platform.apps[APP]
        assert app.config["DATABASE_URL"] == self.URL and app.addons == []
        assert "the app costs about 7 USD a month" in done.stdout
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
