"""A study whose data are on its researcher's machine, in SQLite.

empty_lab       with the tables of its server and nobody in them; one for each file
lab             a copy of it, another for each test
with_parquet    the Python that such a study has by `uv run --group parquet`
"""

import json
import os
import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import forks
import pytest
from live_study import NAME, fill, participant

STUDY = "60ffe5c8371090c7041d43f8"
READY = """
from study import config
config.load()
from study.database.schema import create_tables
create_tables()
"""


@dataclass
class Lab:
    """A researcher's study whose data are on this machine; each test has its own."""

    folder: Path
    python: Path
    database: Path

    @property
    def url(self) -> str:
        return f"sqlite:///{self.database}"

    def __call__(self, *command: str) -> subprocess.CompletedProcess:
        environment = os.environ | {"PSITURK_DATABASE_URL": self.url}
        command = ["-m", "study", *command, "--local"]
        done = forks.run(self.python, *command, cwd=self.folder, env=environment)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def say(self, *command: str) -> str:
        """What a command prints that needs no database."""
        done = forks.run(self.python, "-m", "study", *command, cwd=self.folder)
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout + done.stderr

    def fill(self, *rows: dict) -> None:
        fill(self.folder, self.python, list(rows), self.url)

    def rule(self, *lines: str) -> None:
        """Give custom.py a rule."""
        write_rule(self.folder, *lines)

    def recruit_by(self, name: str) -> None:
        path = self.folder / "config.txt"
        text = path.read_text(encoding="utf-8")
        path.write_text(re.sub(r"(?m)^recruitment = .*", f"recruitment = {name}", text))

    def bonuses(self, *options: str) -> tuple[int, str]:
        done = self("bonuses", *options)
        return done.returncode, done.stdout + done.stderr

    @property
    def files(self) -> list[Path]:
        return sorted((self.folder / "data" / "bonuses").glob("*"))

    def select(self, query: str) -> list[tuple]:
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute(query).fetchall()


def write_rule(folder: Path, *lines: str) -> None:
    text = (folder / "custom.py").read_text(encoding="utf-8")
    text = text.partition("\n# RULE\n")[0]
    rule = ["@bonus", "def bonus_of(participant):", *(f"    {line}" for line in lines)]
    (folder / "custom.py").write_text("\n".join([text, "# RULE", *rule, ""]), encoding="utf-8")


@pytest.fixture(scope="module")
def empty_lab(studies, tmp_path_factory) -> Lab:
    """A study with the tables of its server, and nobody in them."""
    study = studies(heroku_app="later", heroku_app_name=NAME)
    folder = tmp_path_factory.mktemp("lab")
    lab = Lab(study.path, study.python, folder / "participants.db")
    environment = os.environ | {"PSITURK_DATABASE_URL": lab.url}
    forks.run(study.python, "-c", READY, cwd=study.path, env=environment, check=True)
    return lab


@pytest.fixture
def lab(empty_lab, tmp_path) -> Lab:
    return copy(empty_lab, tmp_path)


@pytest.fixture(scope="module")
def with_parquet(studies, tmp_path_factory) -> Path:
    """The interpreter of `uv run --group parquet`, apart from the study's own."""
    study = studies(heroku_app="later", heroku_app_name=NAME)
    folder = tmp_path_factory.mktemp("parquet") / "environment"
    environment = os.environ | {"UV_PROJECT_ENVIRONMENT": str(folder)}
    command = ["uv", "sync", "--quiet", "--frozen", "--group", "parquet"]
    subprocess.run(command, cwd=study.path, env=environment, check=True)
    return folder / "bin" / "python"


def copy(lab: Lab, folder: Path) -> Lab:
    ignored = shutil.ignore_patterns(".venv", "__pycache__", ".git")
    shutil.copytree(lab.folder, folder / "study", ignore=ignored)
    shutil.copy(lab.database, folder / "participants.db")
    return Lab(folder / "study", lab.python, folder / "participants.db")


def person(number: int, correct: int = 0, **fields) -> dict:
    """Somebody from Prolific with so many correct answers, among other trials."""
    rows = [{"phase": "INSTRUCTIONS"}, {"phase": "PRACTICE", "correct": True}]
    rows += [{"phase": "TEST", "correct": n < correct} for n in range(max(correct, 3))]
    record = {
        "data": [
            {"current_trial": n, "dateTime": 1764000000000, "trialdata": row}
            for n, row in enumerate(rows)
        ],
        "questiondata": {"engagement": "6"},
        "eventdata": [],
    }
    asked = {"mode": "prolific", "hitid": STUDY, "status": 3, "datastring": json.dumps(record)}
    return participant(number, 100 - number, **(asked | fields))
