"""`study data`: everything that participants sent arrives, and nobody's id where it should not."""

import csv
import json
import os
import shutil
from urllib.parse import urlsplit

import pytest
from live_study import *  # noqa: F403
from live_study import participant, record

BROKEN = '{"data": [{"current'
ROWS = [
    participant(1, 50),
    participant(2, 40),
    participant(2, 30, assignmentid="again", hitid="hit2"),  # the same person
    participant(3, 20, lasted=None, datastring=None),  # came, and left before the first save
    participant(4, 10, mode="sandbox"),
    participant(5, 5, mode="debug"),
    participant(6, 4, mode=None),
]
UNREADABLE = [
    participant(7, 3, datastring=BROKEN),
    participant(8, 2, datastring=json.dumps(record(8) | {"data": [{"current_trial": 0}]})),
    participant(9, 1, datastring=json.dumps(record(9) | {"questiondata": {"age": "\ud800"}})),
]


@pytest.fixture(scope="module")
def downloaded(live):
    """The app's data, in the usual place."""
    live.fill(ROWS)
    done = live("data")
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def local(live, tmp_path_factory):
    """A database on this machine; gives the folder for its data and the setting for it."""
    folder = tmp_path_factory.mktemp("local")
    url = f"sqlite:///{folder}/participants.db"
    live.fill(ROWS + UNREADABLE, url)
    return folder, {"PSITURK_DATABASE_URL": url}


def read(folder, name):
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_four_files_have_headers_and_every_row(live, downloaded):
    counts = {"participants": 6, "trialdata": 15, "eventdata": 10, "questiondata": 10}
    for name, count in counts.items():
        assert len(read(live.folder / "data", name)) == count, name
        assert f"{count} rows  data/{name}.csv" in downloaded.stdout


def test_values_arrive_as_they_were_sent(live, downloaded):
    sent, trial = record(1), read(live.folder / "data", "trialdata")[0]
    assert json.loads(trial["trialdata"]) == sent["data"][0]["trialdata"]
    assert (trial["current_trial"], trial["dateTime"]) == ("0", "1764000000000")
    events = read(live.folder / "data", "eventdata")
    assert [event["value"] for event in events[:2]] == ["", "[800, 600]"]
    answers = read(live.folder / "data", "questiondata")
    assert answers[0]["answer"] == sent["questiondata"]["strategy"]


def test_debug_runs_are_left_out_and_that_is_said(live, downloaded):
    assert "1 participants were left out (debug runs; all of them: --mode all)" in downloaded.stdout
    modes = [row["mode"] for row in read(live.folder / "data", "participants")]
    assert modes == ["live"] * 4 + ["sandbox", ""]


@pytest.mark.parametrize(("mode", "count"), [("live", 4), ("debug", 1), ("all", 7), ("none", 0)])
def test_one_mode_can_be_asked_for(live, local, tmp_path, mode, count):
    url = f"sqlite:///{tmp_path}/participants.db"
    live.fill(ROWS, url)
    done = live("data", "--local", "--mode", mode, "--out", str(tmp_path), PSITURK_DATABASE_URL=url)
    assert done.returncode == 0, done.stderr
    assert len(read(tmp_path, "participants")) == count


def test_real_ids_are_in_one_file_alone(live, downloaded):
    folder = live.folder / "data"
    for path in folder.rglob("*"):
        if path.is_file() and path.name != "identifiers.csv":
            text = path.read_text()
            for identifier in ("worker0", "assignment0", "hit1", "192.0.2.7"):
                assert identifier not in text, path.name
    known = {row["participant"]: row["uniqueid"] for row in read(folder, "identifiers")}
    for name in ("participants", "trialdata", "eventdata", "questiondata"):
        assert {row["participant"] for row in read(folder, name)} <= set(known)
    assert len(set(known.values())) == 6


def test_the_same_person_is_seen_to_come_again(live, downloaded):
    rows = read(live.folder / "data", "participants")
    assert rows[1]["worker"] == rows[2]["worker"] != rows[0]["worker"]
    assert rows[1]["participant"] != rows[2]["participant"]


def test_pseudonyms_stay_while_the_key_stays(live, local, tmp_path):
    _, setting = local

    def names(out):
        live("data", "--local", "--out", str(tmp_path / out), **setting)
        return [row["participant"] for row in read(tmp_path / out, "participants")]

    first = names("first")
    assert names("second") == first
    key = live.folder / "data" / "key"
    shutil.move(key, tmp_path / "key")
    assert not set(names("third")) & set(first)
    shutil.move(tmp_path / "key", key)


def test_others_on_this_machine_cannot_read_the_files(live, downloaded):
    for path in (live.folder / "data").iterdir():
        assert path.stat().st_mode & 0o077 == 0, path.name


def test_the_address_of_the_database_is_neither_printed_nor_written(live, downloaded):
    password = urlsplit(live.url).password
    assert password not in downloaded.stdout + downloaded.stderr
    for path in live.folder.rglob("*"):
        if path.is_file():
            assert password.encode() not in path.read_bytes(), path


def test_git_ignores_the_data(live, downloaded):
    assert live.machine.git("status", "--porcelain", cwd=live.folder).stdout == ""


def test_a_record_that_cannot_be_read_is_kept_reported_and_fails(live, local, tmp_path):
    _, setting = local
    done = live("data", "--local", "--out", str(tmp_path), **setting)
    assert done.returncode == 1
    assert "3 records could not be understood" in done.stdout
    kept = [json.loads(line) for line in (tmp_path / "unreadable.jsonl").read_text().splitlines()]
    assert [row["raw"] for row in kept] == [row["datastring"] for row in UNREADABLE]
    assert len(read(tmp_path, "participants")) == 9  # what is known about them otherwise
    assert len(read(tmp_path, "trialdata")) == 15


def test_once_everything_can_be_read_no_old_report_stays(live, tmp_path):
    url = f"sqlite:///{tmp_path}/participants.db"
    live.fill(ROWS, url)
    (tmp_path / "unreadable.jsonl").write_text("old")
    live("data", "--local", "--out", str(tmp_path), PSITURK_DATABASE_URL=url)
    assert not (tmp_path / "unreadable.jsonl").exists()


@pytest.mark.parametrize("where", ["PostgreSQL", "SQLite"])
def test_psiturks_files_are_psiturks_byte_by_byte(live, cluster, tmp_path, where):
    url = f"sqlite:///{tmp_path}/participants.db"
    if where == "PostgreSQL":
        url = cluster.create_database()
    live.fill(ROWS, url)
    done = live(
        *("data", "--local", "--psiturk", "--out", str(tmp_path / "ours")), PSITURK_DATABASE_URL=url
    )
    assert done.returncode == 0, done.stderr
    theirs = live.machine.run(
        *("env", f"PSITURK_DATABASE_URL={url}", live.python.parent / "psiturk"),
        "download_datafiles",
        cwd=live.folder,
    )
    assert theirs.returncode == 0, theirs.stderr
    for name in ("trialdata.csv", "eventdata.csv", "questiondata.csv"):
        written = live.folder / name
        assert (tmp_path / "ours" / "psiturk" / name).read_bytes() == written.read_bytes(), name
        assert written.stat().st_size
        os.remove(written)


def test_a_database_that_does_not_answer_leaves_the_earlier_files(live, local, tmp_path):
    _, setting = local
    live("data", "--local", "--out", str(tmp_path), **setting)
    before = (tmp_path / "participants.csv").read_bytes()
    nobody = {"PSITURK_DATABASE_URL": "postgres://u:hush@127.0.0.1:9/d"}
    done = live("data", "--local", "--out", str(tmp_path), **nobody)
    assert done.returncode == 1
    assert "The database could not be read" in done.stderr
    assert "Traceback" not in done.stderr and "hush" not in done.stdout + done.stderr
    assert (tmp_path / "participants.csv").read_bytes() == before


def test_before_anybody_came_it_says_so_and_makes_no_database(live, tmp_path):
    done = live("data", "--local", PSITURK_DATABASE_URL=f"sqlite:///{tmp_path}/none.db")
    assert done.returncode == 0
    assert "Nobody has opened the study yet" in done.stdout
    assert not (tmp_path / "none.db").exists()


def test_without_an_app_it_tells_how_to_get_the_local_data(live):
    live.platform.apps["moved"] = live.platform.apps.pop("my-study")
    try:
        done = live("data")
    finally:
        live.platform.apps["my-study"] = live.platform.apps.pop("moved")
    assert done.returncode == 1
    assert "There is no app my-study" in done.stderr and "--local" in done.stderr
