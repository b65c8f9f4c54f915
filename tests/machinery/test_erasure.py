"""`study erase`, `person` and `forget`: what participants are promised is kept, in every place."""

import csv
import json
import os
import shutil
import string
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import forks
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lab import READY, copy, person, write_rule

MARKER = "whatThisPersonSaid"
ADD = """
import json, sys
from study import config
config.load()
import sqlalchemy as sa
from psiturk.db import engine
from study.database.entries import Save
for name, rows in json.load(sys.stdin).items():
    for row in rows:
        row["received"] = sa.func.now()
        if name == "study_entries":
            row["entries"] = Save(1, 1, row["entries"]).packed
    with engine.begin() as connection:
        connection.execute(sa.Table(name, sa.MetaData(), autoload_with=engine).insert(), rows)
"""


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
        done = forks.run(
            self.python, "-c", program, cwd=self.folder, env=environment, input=json.dumps(input)
        )
        assert done.returncode == 0, done.stderr

    def empty(self) -> None:
        shutil.rmtree(self.folder / "data", ignore_errors=True)
        tables = ("assignments", "study_entries", "study_superseded_records", "study_bonuses")
        program = "import json, sys; from study import config; config.load()\n"
        program += "from psiturk.db import engine\nwith engine.begin() as c:\n"
        program += "".join(f"    c.exec_driver_sql('DELETE FROM {name}')\n" for name in tables)
        self.run(program)

    def dump(self) -> bytes:
        """A fresh backup: of SQLite the file itself, with its free parts."""
        if self.url.startswith("sqlite"):
            return Path(self.url.removeprefix("sqlite:///")).read_bytes()
        program = self.cluster.binary("pg_dump")
        return subprocess.run([program, self.url], capture_output=True, check=True).stdout

    def select(self, query: str) -> list[str]:
        if self.url.startswith("sqlite"):
            import sqlite3

            with sqlite3.connect(self.url.removeprefix("sqlite:///")) as database:
                return ["|".join(map(str, row)) for row in database.execute(query)]
        return self.cluster.run(query, database=urlsplit(self.url).path[1:]).split()

    def fill(self, *people: dict) -> None:
        """Let people take part; each also has a save, a superseded one and a bonus."""
        from live_study import fill

        fill(self.folder, self.python, list(people), self.url)
        ids = [f"{each['workerid']}:{each['assignmentid']}" for each in people]
        said = [json.loads(each["datastring"])["questiondata"]["said"] for each in people]
        both = list(zip(ids, said, strict=True))
        entries = [
            {"uniqueid": uid, "writer": 1, "first": 1, "last": 1, "size": 1,
             "entries": json.dumps([["answer", "late", text]])}
            for uid, text in both
        ]  # fmt: skip
        spare = [
            {"uniqueid": uid, "writer": 1, "reason": "ended", "datastring": json.dumps([text])}
            for uid, text in both
        ]
        self.run(ADD, study_entries=entries, study_superseded_records=spare)

    def rows(self) -> dict[str, list[str]]:
        """The lines of all files with data."""
        return {
            str(path.relative_to(self.folder)): path.read_text("utf-8").splitlines()
            for path in sorted((self.folder / "data").rglob("*"))
            if path.suffix in (".csv", ".txt", ".jsonl")
        }


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def archive(request, empty_lab, cluster, tmp_path_factory) -> Archive:
    lab = copy(empty_lab, tmp_path_factory.mktemp("archive"))
    url = lab.url if request.param == "sqlite" else cluster.create_database()
    archive = Archive(lab.folder, lab.python, url, cluster)
    archive.run(READY)
    write_rule(lab.folder, "return 0.25")
    return archive


def somebody(number: int, worker: str, assignment: str, said: str) -> dict:
    row = person(number, workerid=worker, assignmentid=assignment)
    record = json.loads(row["datastring"])
    record |= {"workerId": worker, "questiondata": {"said": said}}
    return row | {"datastring": json.dumps(record)}


IDS = st.text(string.ascii_letters + string.digits + "._@+=~-", min_size=9, max_size=40)
SAID = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


@given(
    workers=st.lists(IDS.filter(lambda t: not t.startswith("debug")), min_size=2, max_size=3,
                     unique_by=str.lower),
    twice=st.booleans(), said=SAID, called=st.sampled_from(["workerid", "uniqueid", "participant", "worker"]),
)  # fmt: skip
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
def test_afterwards_nothing_has_the_persons_names_or_words(archive, workers, twice, said, called):
    archive.empty()
    gone, *others = workers
    people = [somebody(n, worker, f"visit{n}of{worker}", said) for n, worker in enumerate(others)]
    people += [
        somebody(9 + n, gone, f"again{n}of{gone}"[:60], f"{MARKER}{said}") for n in range(1 + twice)
    ]
    archive.fill(*people)
    for command in (["data", "--psiturk"], ["data", "--out", "data/earlier"], ["bonuses"]):
        assert archive(*command, "--local").returncode == 0
    before = archive.rows()
    ids = read(archive.folder / "data" / "identifiers.csv")
    own = [row for row in ids if row["workerid"] == gone]
    names = {row[name] for row in own for name in ("workerid", "assignmentid", "uniqueid", "participant", "worker")}
    done = archive("erase", own[0][called], "--local", "--yes")
    assert done.returncode == 0, done.stderr + done.stdout
    looked = [archive.dump(), *(p.read_bytes() for p in archive.folder.rglob("*") if p.is_file())]
    kept = {name for row in ids if row not in own for name in row.values()}
    for name in {name for name in names if not any(name in other for other in kept)} | {MARKER}:
        assert not [text for text in looked if name.encode() in text], name
    for file, lines in archive.rows().items():
        theirs = [line for line in before[file] if line not in lines]
        assert lines == [line for line in before[file] if line not in theirs], file
        assert all(any(name in line for name in (*names, MARKER)) for line in theirs), file
    assert archive.select("select count(*) from assignments") == [str(len(others))]
    amounts = archive.select("select amount from study_bonuses")
    assert amounts == ["0.25"] * len(people)


def read(path: Path) -> list[dict]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
