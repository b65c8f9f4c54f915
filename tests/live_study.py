"""A study with an app on the double of Heroku, its database full of participants.

    live                            one for each file, as all fixtures here
    live_platform, live_machine     its Heroku, and its researcher's computer

The app is made and filled without a push; `live.deploy()` lets it run the study's own server.
"""

import datetime
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import forks
import pytest
from generated import Study
from heroku.addons import buy
from heroku.app import App, Slug
from heroku.fixtures import open_platform
from heroku.machine import Machine
from heroku.platform import Platform

NAME = "my-study"
PLAN = "heroku-postgresql:essential-0"
FILL = """
import datetime, json, os, sys
from study import config
config.load()
from psiturk.db import db_session, init_db
from psiturk.models import Participant
init_db()
for row in json.load(sys.stdin):
    for name in ("beginhit", "beginexp", "endhit"):
        if row.get(name):
            row[name] = datetime.datetime.fromisoformat(row[name])
    db_session.add(Participant(**row))
db_session.commit()
"""


@dataclass
class LiveStudy:
    """A researcher's copy of a study, and its app."""

    folder: Path
    python: Path
    platform: Platform
    machine: Machine
    app: App

    def __call__(self, *command: str, **environment: str) -> subprocess.CompletedProcess:
        """Run `study …` there, on the researcher's computer."""
        environment = self.machine.environment | {"PYTHONPATH": ""} | environment
        command = ["-m", "study", *command]
        return forks.run(self.python, *command, cwd=self.folder, env=environment)

    @property
    def url(self) -> str:
        """The address of the app's database."""
        return self.app.config["DATABASE_URL"]

    def fill(self, rows: list[dict], url: str = "") -> None:
        """Put participants into the app's database or another one."""
        fill(self.folder, self.python, rows, url or self.url)

    def deploy(self, commit: str = "") -> None:
        """Let the app run this study, as after a push of that commit (by default: of HEAD)."""
        commit = commit or self.machine.git("rev-parse", "HEAD", cwd=self.folder).stdout.strip()
        processes = {"release": "true", "web": f"{self.python} -m study.server"}
        slug = Slug(self.folder, commit, processes)
        with self.platform.lock:
            self.app.set_processes(slug.processes)
        self.app.release(f"Deploy {commit[:8]}", slug=slug)
        self.app.wait_until_up(60)


def fill(folder: Path, python: Path, rows: list[dict], url: str) -> None:
    """Put rows into psiTurk's table, made as psiTurk makes it."""
    settings = os.environ | {"PSITURK_DATABASE_URL": url}
    done = forks.run(python, "-c", FILL, cwd=folder, env=settings, input=json.dumps(rows))
    assert done.returncode == 0, done.stderr


def participant(number: int, minutes_ago: float = 60, lasted: float | None = 5, **fields) -> dict:
    """A row of psiTurk's table. Whoever lasted so many minutes has submitted."""
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None, microsecond=0)
    begin = now - datetime.timedelta(minutes=minutes_ago)
    row = {
        "workerid": f"worker{number:02}",
        "assignmentid": f"assignment{number:02}",
        "hitid": "hit1",
        "ipaddress": "192.0.2.7",
        "browser": "firefox",
        "cond": number % 2,
        "counterbalance": 0,
        "mode": "live",
        "status": 2 if lasted is None else 4,
        "beginhit": str(begin),
        "endhit": None if lasted is None else str(begin + datetime.timedelta(minutes=lasted)),
        "datastring": json.dumps(record(number)),
    }
    return row | fields


def record(number: int, trials: int = 3) -> dict:
    """What psiTurk's client saves."""
    trial = {"phase": "test", "word": 'rød, "blå"\n', "rt": 512.25, "keys": ["f", "j"]}
    return {
        "workerId": f"worker{number:02}",
        "data": [
            {"current_trial": n, "dateTime": 1764000000000 + n, "trialdata": trial}
            for n in range(trials)
        ],
        "eventdata": [
            {"eventtype": "initialized", "value": None, "timestamp": 1764000000000, "interval": 0},
            {"eventtype": "window", "value": [800, 600], "timestamp": 1764000000001, "interval": 1},
        ],
        "questiondata": {"strategy": "I read, 100% of the words", "age": "30"},
    }


@pytest.fixture(scope="module")
def live_platform(tmp_path_factory, cluster, certificate):
    with open_platform(tmp_path_factory.mktemp("heroku"), cluster, certificate) as platform:
        yield platform


@pytest.fixture(scope="module")
def live_machine(tmp_path_factory, live_platform, certificate, heroku_cli) -> Machine:
    folder = tmp_path_factory.mktemp("machine")
    return Machine(folder, live_platform, certificate, heroku_cli)


@pytest.fixture(scope="module")
def live(studies, tmp_path_factory, live_platform, live_machine) -> LiveStudy:
    study = studies(heroku_app="later", heroku_app_name=NAME)
    folder = tmp_path_factory.mktemp("live") / "study"
    return make_live(study, folder, live_platform, live_machine)


def make_live(
    study: Study, folder: Path, platform: Platform, machine: Machine, database: str = ""
) -> LiveStudy:
    """A copy of a study, with an app that has a database and config vars but no code.

    ``database`` is the address of one's own; without it, the app has one of Heroku's.
    """
    shutil.copytree(study.path, folder, ignore=shutil.ignore_patterns(".venv", "__pycache__"))
    app = platform.create_app(NAME)
    config = {"ON_CLOUD": "1", "PSITURK_SECRET_KEY": "s3cret" * 8}
    if database:
        config["DATABASE_URL"] = database
    else:
        buy(app, PLAN, by=platform.account)
    app.set_config(config, platform.account)
    return LiveStudy(folder, study.python, platform, machine, app)
