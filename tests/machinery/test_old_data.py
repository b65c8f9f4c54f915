"""`study data --database-url`: the data of an old study come in the same files."""

import contextlib
import csv
import json
import sqlite3

import pytest


def test_the_data_of_an_old_study_come_in_the_same_files(adopter, tmp_path):
    record = {"data": [{"current_trial": 0, "dateTime": 5, "trialdata": {"rt": 512, "hit": True}}],
              "eventdata": [], "questiondata": {"age": "30"}}  # fmt: skip
    with contextlib.closing(sqlite3.connect(tmp_path / "participants.db")) as database:
        database.execute(
            "create table turkdemo (uniqueid varchar(128) primary key, assignmentid, workerid,"
            " hitid, ipaddress, browser, platform, language, cond integer, counterbalance integer,"
            " codeversion, beginhit datetime, beginexp datetime, endhit datetime, bonus float,"
            " status integer, mode, datastring text)"
        )
        database.execute("create table amt_hit (hitid)")
        database.execute(
            "insert into turkdemo (uniqueid, workerid, assignmentid, hitid, cond, status, mode,"
            " datastring) values ('w:a', 'w', 'a', 'h', 1, 4, 'live', ?)",
            [json.dumps(record)],
        )
        database.commit()
    url = f"sqlite:///{tmp_path}/participants.db"
    done = adopter("data", "--database-url", url, "--out", str(tmp_path / "data"))
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((tmp_path / "data" / "trialdata.csv").open()))
    assert [(row["rt"], row["hit"]) for row in rows] == [("512", "true")]
    people = list(csv.DictReader((tmp_path / "data" / "participants.csv").open()))
    assert [(row["cond"], row["status"]) for row in people] == [("1", "4")]
    assert "w:a" in (tmp_path / "data" / "identifiers.csv").read_text()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite:///{}/none.db", "There is no file"),
        ("sqlite:///{}/empty.db", "0 of the tables in that database are psiTurk's participants"),
    ],
)
def test_a_database_without_participants_is_named(adopter, tmp_path, url, words):
    with contextlib.closing(sqlite3.connect(tmp_path / "empty.db")) as database:
        database.execute("create table other (x)")
    done = adopter("data", "--database-url", url.format(tmp_path))
    assert done.returncode == 1 and words in done.stderr
    assert not (tmp_path / "none.db").exists()
