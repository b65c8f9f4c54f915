"""A study without an app, on the researcher's computer: where `study up` begins.

made     its folder, one for each file
study    a copy of it, another for each test
app      its app, once it is made
"""

import re
import shutil
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

    def up(self, *options: str, python: tuple[str, ...] = ("-m", "study.commands.up"), yes=True):
        """Run `study up`; whatever it says, it tells no secret and shows no traceback.

        There is no terminal: ``yes`` says whether the command itself agrees to the price.
        """
        options = ("--yes", *options) if yes else options
        # As the template's hook does, before anything is installed.
        self.machine.environment["PYTHONPATH"] = str(self.path / "machinery")
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


NOTHING = "Nothing on Heroku was made, and nothing costs money."
UNTOUCHED = "Nothing on Heroku was changed."
IN_PYPROJECT = "in pyproject.toml, under [tool.psiturk-heroku]"
AWS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
WHOLE = {
    "apps": [APP],
    "databases": [(PLAN, "provisioned")],
    "config": [
        *("COMPLETION_CODE", "DATABASE_LIMIT_MB", "DATABASE_URL", "ON_CLOUD"),
        "PSITURK_SECRET_KEY",
    ],
    "secret": 64,
    "config changes": [
        "Set ON_CLOUD, PSITURK_SECRET_KEY, DATABASE_LIMIT_MB config vars",
        "Set COMPLETION_CODE config vars",
    ],
    "remote": REMOTE,
    "address": 1,
    "commits": [
        "Write the app's address into config.txt",
        "Start the study from psiturk-heroku 0.1.0",
    ],
    "changes": "",
}


@pytest.fixture(scope="module")
def made(new_folder) -> Path:
    return new_folder(heroku_app="later", heroku_app_name=APP)


@pytest.fixture
def study(made, machine, tmp_path) -> Study:
    return Study(shutil.copytree(made, tmp_path / "study"), machine)


@pytest.fixture
def app(platform) -> App:
    """The study's app with its database and its config vars, tied to no folder yet."""
    app = platform.create_app(APP)
    buy(app, PLAN, by=platform.account)
    app.own_config |= {"PSITURK_SECRET_KEY": "s" * 64, "ON_CLOUD": "1", "COMPLETION_CODE": "C-0DE"}
    app.own_config["DATABASE_LIMIT_MB"] = "1000"
    return app


def fails(study, cause_and_remedy: str, left: str) -> None:
    """It says why, the next command and what is left, and no word more. Nothing is left by half."""
    before = traces(study)
    done = study.up()
    assert done.stderr == f"\n{cause_and_remedy}\nThen run again: uv run study up\n{left}\n"
    assert done.returncode == 1
    if left in (NOTHING, UNTOUCHED):
        assert traces(study) == before


def traces(study) -> list:
    """All that `study up` could leave behind, here and on Heroku."""
    apps = study.machine.platform.apps.values()
    made = [(app.name, app.config, len(app.addons), len(app.releases)) for app in apps]
    here = [["log", "--all"], ["status", "--porcelain"], ["config", "--get-regexp", "remote"]]
    return [made, *(study.git(*command) for command in here)]


def goes_on(study) -> None:
    done = study.up("--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert "would run: heroku config:set" in done.stdout


def succeeds(study) -> None:
    assert study.up().returncode == 0
    assert study.state() == WHOLE
