"""`study erase` and `study person`: whoever asks is removed from every place, or copied."""

import json
import os
import re
import shutil
import string
from pathlib import Path

import forks
import pytest
from holdings import ADA, BOB, MARKER, Archive, read, somebody
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lab import READY, copy, write_rule


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def archive(request, empty_lab, cluster, tmp_path_factory) -> Archive:
    lab = copy(empty_lab, tmp_path_factory.mktemp("archive"))
    url = lab.url if request.param == "sqlite" else cluster.create_database()
    archive = Archive(lab.folder, lab.python, url, cluster)
    archive.run(READY)
    write_rule(lab.folder, "return 0.25")
    return archive


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
