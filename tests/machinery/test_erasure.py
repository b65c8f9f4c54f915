"""`study erase`, `person` and `forget`: what participants are promised is kept, in every place."""

import csv
import json
import os
import re
import shutil
import string
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import forks
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lab import READY, copy, person, write_rule

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
            import sqlite3

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


# They begin with a letter, so that no number in a file happens to be one.
IDS = st.text(string.ascii_letters + string.digits + "._@+=~-", min_size=8, max_size=39)
IDS = IDS.map("Q{}".format)
SAID = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


@given(
    workers=st.lists(IDS, min_size=2, max_size=3, unique_by=str.lower),
    twice=st.booleans(),
    said=SAID,
    called=st.sampled_from(["workerid", "uniqueid", "participant", "worker"]),
)
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
def test_afterwards_nothing_has_the_persons_names_or_words(archive, workers, twice, said, called):
    gone, *others = workers
    people = [somebody(n, worker, f"visit{n}of{worker}", said) for n, worker in enumerate(others)]
    people += [
        somebody(9 + n, gone, f"again{n}of{gone}"[:60], f"{MARKER}{said}") for n in range(1 + twice)
    ]
    archive.fill(*people, commands=(["data", "--psiturk"], ["bonuses"]), anew=True)
    before = archive.rows()
    ids = read(archive.folder / "data" / "identifiers.csv")
    own = [row for row in ids if row["workerid"] == gone]
    names = {
        row[name]
        for row in own
        for name in ("workerid", "assignmentid", "uniqueid", "participant", "worker")
    }
    done = archive("erase", "--local", "--yes", "--", own[0][called])
    assert done.returncode == 0, done.stderr + done.stdout
    looked = [archive.dump(), *(p.read_bytes() for p in archive.folder.rglob("*") if p.is_file())]
    kept = {name for row in ids if row not in own for name in row.values()}
    for name in {name for name in names if not any(name in other for other in kept)} | {MARKER}:
        assert not [text for text in looked if name.encode() in text], name
    after = {file: [r for r in rows if names.isdisjoint(r)] for file, rows in before.items()}
    assert archive.rows() == after
    assert archive.select("select count(*) from assignments") == [str(len(others))]
    amounts = archive.select("select amount from study_bonuses")
    assert amounts == ["0.25"] * len(people)


def read(path: Path) -> list[dict]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


ADA, BOB = "5f1c8a7be3d20c0012ab34cd", "5b9ab28d4f0c9e0001a2b3c4"


@pytest.fixture
def two(lab) -> Archive:
    """Ada, who came twice, and Bob; with files of a download."""
    archive = Archive(lab.folder, lab.python, lab.url, None)
    archive.fill(
        somebody(1, ADA, "first-visit", MARKER),
        somebody(2, ADA, "second-visit", MARKER),
        somebody(3, BOB, "only-visit", "fine"),
        commands=(["data"],),
    )
    return archive


def state(archive: Archive) -> tuple:
    return archive.rows(), archive.select("select uniqueid from assignments")


def test_an_unknown_id_or_no_yes_changes_nothing(two):
    before = state(two)
    unknown = two("erase", ADA, "nobody-has-this", "--local", "--yes")
    assert unknown.returncode == 1
    assert "Nobody here has nobody-has-this" in unknown.stderr
    unasked = two("erase", ADA, "--local")
    assert unasked.returncode == 1 and "no terminal to type it in" in unasked.stderr
    assert "2 rows  table assignments" in unasked.stdout
    assert two("person", "nobody-has-this", "--local").returncode == 1
    assert state(two) == before


def test_an_id_of_two_people_is_told_and_one_person_is_removed_once(two):
    two.fill(somebody(4, "first-visit", "another", "of somebody else"))
    both = two("erase", "first-visit", "--local", "--yes")
    assert both.returncode == 1 and "means more than one person" in both.stderr
    assert len(two.select("select uniqueid from assignments")) == 4
    done = two("erase", ADA, f"{ADA}:second-visit", "--local", "--yes")
    assert "Some of these ids are the same person's." in done.stdout
    assert "Removed 1 person." in done.stdout
    assert two.select("select workerid from assignments order by 1") == [BOB, "first-visit"]


KILLED = """
import os, sys
from sqlalchemy import Engine, event
{when}
sys.argv = ["study", "erase", "{id}", "--local", "--yes"]
from study.__main__ import main
main()
"""
WHEN = {
    "between two files": """
files = []
def count(name, args):
    files.append(1) if name == "os.rename" else None
    os._exit(9) if len(files) == 2 else None
sys.addaudithook(count)
""",
    "before the commit": 'event.listen(Engine, "commit", lambda connection: os._exit(9))',
}


@pytest.mark.parametrize("when", WHEN)
def test_killed_half_way_a_second_run_completes_it(two, when):
    program = KILLED.format(when=WHEN[when], id=ADA)
    environment = os.environ | {"PSITURK_DATABASE_URL": two.url}
    killed = forks.run(two.python, "-c", program, cwd=two.folder, env=environment)
    assert killed.returncode == 9, killed.stderr
    assert len(two.select("select uniqueid from assignments")) == 3
    assert two("erase", ADA, "--local", "--yes").returncode == 0
    assert two.select("select workerid from assignments") == [BOB]
    looked = [two.dump(), *(path.read_bytes() for path in two.folder.rglob("*.csv"))]
    assert not [text for text in looked if ADA.encode() in text or MARKER.encode() in text]


def test_on_the_app_counts_stay_exact_and_heroku_s_backups_are_named(live):
    settings = os.environ | {"PSITURK_DATABASE_URL": live.url}
    forks.run(live.python, "-c", READY, cwd=live.folder, env=settings, check=True)
    live.fill([somebody(1, ADA, "first-visit", "x"), somebody(3, BOB, "only-visit", "y")])
    archive = Archive(live.folder, live.python, live.url, live.platform.databases)
    cells = "select state, cond, number from study_cells"
    assert archive.select(cells) == ["finished|1|2"]
    live.machine.heroku("pg:backups:capture", "-a", live.app.name)
    live.app.backup_hours.append(2)
    done = live("erase", ADA, "--yes", WITH_TABLES="1")
    assert done.returncode == 0, done.stderr
    assert archive.select(cells) == ["finished|1|1"]
    name = live.app.name
    assert re.search(
        rf"Heroku's backup b001 of \d{{4}}-\d\d-\d\d. To delete it: "
        rf"heroku pg:backups:delete b001 --confirm {name} --app {name}\n",
        done.stdout,
    )
    assert f"heroku pg:backups:unschedule DATABASE_URL --app {name}" in done.stdout
    assert "Heroku's log" in done.stdout and "Prolific itself" in done.stdout


def test_files_are_cleared_without_a_database_and_what_cannot_be_is_told(two):
    Path(two.url.removeprefix("sqlite:///")).unlink()
    (two.folder / "notes.md").write_text(f"{ADA} wrote to us")
    (two.folder / "data" / "old.zip").write_bytes(b"PK")
    shutil.copytree(two.folder / "data", two.folder / "elsewhere")
    done = two("erase", ADA, "--local", "--yes", "--files", "elsewhere")
    assert done.returncode == 0, done.stderr
    assert "notes.md still names the person" in done.stdout
    assert "data/old.zip cannot be looked into" in done.stdout
    for path in two.folder.rglob("*.csv"):
        assert MARKER not in path.read_text() and ADA not in path.read_text(), path


def test_a_short_id_is_not_taken_for_other_numbers(lab):
    archive = Archive(lab.folder, lab.python, lab.url, None)
    people = [somebody(n, f"{n}", f"{n}", "fine") | {"mode": "sona"} for n in (17, 18)]
    for each in people:
        each["datastring"] = each["datastring"].replace('"correct"', '"code": "17", "correct"')
    archive.fill(*people, commands=(["data", "--psiturk"],))
    own = archive.folder / "data" / "clean.csv"
    own.write_text("participant,score\n17,3\n18,4\n")
    before = len(read(archive.folder / "data" / "trialdata.csv"))
    assert archive("erase", "17", "--local", "--yes").returncode == 0
    assert len(read(archive.folder / "data" / "trialdata.csv")) == before / 2
    assert [row["workerid"] for row in read(archive.folder / "data" / "identifiers.csv")] == ["18"]
    assert len(own.read_text().splitlines()) == 3
    for name in ("trialdata", "questiondata"):
        text = (archive.folder / "data" / "psiturk" / f"{name}.csv").read_text()
        assert "18:18" in text and "17:17" not in text


def test_a_persons_copy_holds_everything_of_theirs_and_nobody_elses(two):
    done = two("person", ADA, "--local")
    assert done.returncode == 0, done.stderr
    [folder] = (two.folder / "data").glob("person-*")
    everything = json.loads((folder / "everything.json").read_text())
    assert {name: len(rows) for name, rows in everything.items()} == {
        "assignments": 2, "study_superseded_records": 2,
    }  # fmt: skip
    record = everything["assignments"][0]["datastring"]
    assert record["questiondata"] == {"said": MARKER, "late": MARKER}
    assert {row["uniqueid"] for row in read(folder / "identifiers.csv")} == {
        f"{ADA}:first-visit", f"{ADA}:second-visit",
    }  # fmt: skip
    assert "2 rows  table assignments" in (folder / "README.txt").read_text()
    assert not [path for path in folder.iterdir() if BOB in path.read_text()]
    two("erase", ADA, "--local", "--yes")
    assert not folder.exists()


def set_days(archive: Archive, **days: str) -> None:
    config = archive.folder / "config.txt"
    lines = config.read_text("utf-8").splitlines()
    named = {line.partition(" =")[0]: number for number, line in enumerate(lines)}
    for name, day in days.items():
        lines[named[name]] = f"{name} = {day}"
    config.write_text("\n".join(lines), "utf-8")


def check(archive: Archive) -> list[tuple[str, str]]:
    lines = json.loads(archive("check", "--json").stdout)["lines"]
    return [(line["colour"], line["text"]) for line in lines if line["about"] == "retention"]


def test_identifiers_are_forgotten_first_and_data_later(two):
    assert two("forget", "--local").returncode == 1  # no day is named
    own = two.folder / "data" / "figures.csv"
    own.write_text("condition,mean\n0,512\n")
    two("bonuses", "--local")
    set_days(two, retention="2999-12-31")
    assert "Nothing is due yet" in two("forget", "--local").stdout
    assert check(two) == [("green", "data of participants kept until 2999-12-31")]
    set_days(two, retention_identifiers="2020-01-01")
    told = "identifiers of participants were to be deleted after 2020-01-01: uv run study forget"
    assert check(two)[0] == ("red", told)
    before = read(two.folder / "data" / "participants.csv")
    done = two("forget", "--local", "--yes")
    assert done.returncode == 0, done.stderr
    assert two.select("select count(*) from assignments") == ["0"]
    for path in two.folder.rglob("data/**/*"):
        assert not path.is_file() or ADA not in path.read_text(), path
    [kept] = two.folder.glob("data/kept-*")
    assert read(kept / "participants.csv") == read(two.folder / "data" / "participants.csv")
    assert (
        read(kept / "participants.csv") == before
        and MARKER in (kept / "questiondata.csv").read_text()
    )
    assert not (two.folder / "data" / "key").exists()
    assert check(two)[0][0] == "green"
    set_days(two, retention="2020-01-02")
    assert check(two)[1][0] == "red"
    assert two("forget", "--local", "--yes").returncode == 0
    left = [path for path in two.folder.rglob("data/**/*") if path.is_file()]
    assert left == [own]
    assert "Nothing is left" in two("forget", "--local").stdout


def test_nothing_is_forgotten_while_somebody_may_be_at_work(two):
    two.fill(
        somebody(5, "at-work-now", "a", "x") | {"status": 2, "endhit": None, "beginhit": _now()}
    )
    set_days(two, retention="2020-01-02")
    done = two("forget", "--local", "--yes")
    assert done.returncode == 1 and "1 participant came within the last day" in done.stderr
    assert len(two.select("select uniqueid from assignments")) == 4


def _now() -> str:
    return f"{datetime.now(UTC).replace(tzinfo=None)}"


@pytest.mark.parametrize(
    ("days", "why"),
    [
        ({"retention": "31.12.2027"}, "'31.12.2027' is not a day such as 2027-12-31"),
        (
            {"retention": "2027-12-31", "retention_identifiers": "2028-01-01"},
            "2028-01-01 is after retention, when all data are deleted",
        ),
    ],
)
def test_a_wrong_day_is_told_with_file_and_line(two, days, why):
    set_days(two, **days)
    done = two("forget", "--local")
    name = list(days)[-1]
    lines = (two.folder / "config.txt").read_text("utf-8").splitlines()
    line = 1 + next(n for n, text in enumerate(lines) if text.startswith(f"{name} ="))
    said = f"The setting {name} cannot be used: {why}.\nCorrect it: config.txt, line {line}."
    assert done.returncode == 1 and done.stderr.strip() == said


OWN_PARQUET = """
import json, sys
from pathlib import Path
import pyarrow, pyarrow.parquet
columns = json.load(sys.stdin)
Path("data/year=1").mkdir()
columns["workerid"] = pyarrow.array(columns["workerid"]).dictionary_encode()
pyarrow.parquet.write_table(pyarrow.table(columns), "data/mine.PARQUET", row_group_size=2)
del columns["workerid"]
pyarrow.parquet.write_table(pyarrow.table(columns), "data/year=1/figures.parquet")
"""
READ_PARQUET = """
import json
from pathlib import Path
from pyarrow.parquet import ParquetFile
tables = {}
for path in Path("data").rglob("*.[pP]*"):
    table = ParquetFile(path).read()
    rows = [[str(cell) for cell in row.values()] for row in table.to_pylist()]
    tables[path.name] = [str(table.schema), rows]
print(json.dumps(tables))
"""


def read_parquet(archive: Archive) -> dict:
    """The schema and the rows of each Parquet file, all cells as text."""
    done = forks.run(archive.python, "-c", READ_PARQUET, cwd=archive.folder, check=True)
    return json.loads(done.stdout)


def test_rows_go_from_parquet_and_all_others_stay(two, with_parquet):
    own = {"workerid": [ADA, BOB, ADA, None, BOB], "note": ["a", None, "b", f"with {ADA}", "d"]}
    other = Archive(two.folder, with_parquet, two.url, None)
    other.fill(commands=(["data", "--parquet"],))
    other.run(OWN_PARQUET, **own)
    before = read_parquet(other)
    ids = read(two.folder / "data" / "identifiers.csv")
    names = {name for row in ids if row["workerid"] == ADA for name in row.values()}
    without = two("erase", ADA, "--local", "--yes")
    assert without.returncode == 1 and "uv run --group parquet study" in without.stderr
    assert read_parquet(other) == before
    assert len(two.select("select uniqueid from assignments")) == 3
    done = other("erase", ADA, "--local", "--yes")
    assert done.returncode == 0, done.stderr
    after = {
        name: [schema, [row for row in rows if names.isdisjoint(row)]]
        for name, (schema, rows) in before.items()
    }
    assert read_parquet(other) == after
    numbers = {name: (len(before[name][1]), len(rows)) for name, (_, rows) in after.items()}
    assert numbers == {
        "participants.parquet": (3, 1), "trialdata.parquet": (15, 5),
        "questiondata.parquet": (6, 2), "eventdata.parquet": (0, 0),
        "mine.PARQUET": (5, 3), "figures.parquet": (5, 5),
    }  # fmt: skip
    for name in ("data/mine.PARQUET", "data/year=1/figures.parquet"):
        assert f"{name} still names the person" in done.stdout
    assert done.stdout.count("still names the person") == 2


def test_parquet_that_cannot_be_read_is_told(two, with_parquet):
    for name in ("data/torn.parquet", "elsewhere.parquet"):
        (two.folder / name).write_bytes(b"PAR1 and no more")
    (two.folder / "data" / "empty.parquet").touch()
    done = Archive(two.folder, with_parquet, two.url, None)("erase", ADA, "--local", "--yes")
    assert done.returncode == 0, done.stderr
    for name in ("data/torn.parquet", "elsewhere.parquet"):
        assert f"{name} cannot be looked into" in done.stdout
    assert "empty.parquet" not in done.stdout
    assert two.select("select workerid from assignments") == [BOB]
