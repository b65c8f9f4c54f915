"""What a study holds of its participants: a database of either kind, and files of downloads."""

import csv
import json
import os
import shutil
import sqlite3
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import forks
from lab import person

ADA, BOB = "5f1c8a7be3d20c0012ab34cd", "5b9ab28d4f0c9e0001a2b3c4"
MARKER = "whatThisPersonSaid"
PREPARE = """
import datetime, json, sys
from study import config
config.load()
import sqlalchemy as sa
from psiturk.db import db_session, engine
from psiturk.models import Participant
from study.__main__ import cli
from study.database.entries import Save

sent = json.load(sys.stdin)
for name in sent["empty"]:
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DELETE FROM {name}")
for row in sent["people"]:
    for name in ("beginhit", "beginexp", "endhit"):
        row[name] = row.get(name) and datetime.datetime.fromisoformat(row[name])
    db_session.add(Participant(**row))
db_session.commit()
for name, rows in sent["tables"].items():
    table = sa.Table(name, sa.MetaData(), autoload_with=engine)
    with engine.begin() as connection:
        for row in rows:
            if name == "study_entries":
                row["entries"] = Save(1, 1, row["entries"]).packed
            connection.execute(table.insert().values(received=sa.func.now(), **row))
for command in sent["commands"]:
    cli.main([*command, "--local"], standalone_mode=False)
"""
TABLES = ("assignments", "study_entries", "study_superseded_records", "study_bonuses")


@dataclass
class Archive:
    """A study with participants in a database of either kind, and with files of them."""

    folder: Path
    python: Path
    url: str
    cluster: object

    def __call__(self, *command: str) -> subprocess.CompletedProcess:
        environment = os.environ | {"PSITURK_DATABASE_URL": self.url}
        done = forks.run(self.python, "-m", "study", *command, cwd=self.folder, env=environment)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def run(self, program: str, **input) -> None:
        environment = os.environ | {"PSITURK_DATABASE_URL": self.url}
        given = json.dumps(input)
        done = forks.run(self.python, "-c", program, cwd=self.folder, env=environment, input=given)
        assert done.returncode == 0, done.stderr

    def dump(self) -> bytes:
        """A fresh backup: of SQLite the file itself, with its free parts."""
        if self.url.startswith("sqlite"):
            return Path(self.url.removeprefix("sqlite:///")).read_bytes()
        program = self.cluster.binary("pg_dump")
        return subprocess.run([program, self.url], capture_output=True, check=True).stdout

    def select(self, query: str) -> list[str]:
        if self.url.startswith("sqlite"):
            with sqlite3.connect(self.url.removeprefix("sqlite:///")) as database:
                return ["|".join(map(str, row)) for row in database.execute(query)]
        return self.cluster.run(query, database=urlsplit(self.url).path[1:]).split()

    def fill(self, *people: dict, commands: tuple = (), anew: bool = False) -> None:
        """Let people take part, each with a save and a superseded one; then run commands."""
        if anew:
            shutil.rmtree(self.folder / "data", ignore_errors=True)
        entries, spare = [], []
        for each in people:
            own = {"uniqueid": f"{each['workerid']}:{each['assignmentid']}", "writer": 1}
            said = json.loads(each["datastring"])["questiondata"]["said"]
            late = json.dumps([["answer", "late", said]])
            entries.append(own | {"first": 1, "last": 1, "size": 1, "entries": late})
            spare.append(own | {"reason": "ended", "datastring": json.dumps([said])})
        self.run(
            PREPARE, people=people, empty=TABLES if anew else (), commands=commands,
            tables={"study_entries": entries, "study_superseded_records": spare},
        )  # fmt: skip

    def rows(self) -> dict[str, list[list]]:
        """The rows of all files with data."""
        found = {}
        for path in sorted((self.folder / "data").rglob("*.*")):
            with open(path, encoding="utf-8", newline="") as file:
                if path.suffix in (".csv", ".txt"):
                    found[path.name, path.parent] = list(csv.reader(file))
                elif path.suffix == ".jsonl":
                    found[path.name, path.parent] = [[*json.loads(line).values()] for line in file]
        return found


def somebody(number: int, worker: str, assignment: str, said: str) -> dict:
    row = person(number, workerid=worker, assignmentid=assignment)
    record = json.loads(row["datastring"])
    record |= {"workerId": worker, "questiondata": {"said": said}}
    return row | {"datastring": json.dumps(record)}


def read(path: Path) -> list[dict]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
