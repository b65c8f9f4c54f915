"""`study data`: everything that participants sent arrives, and nobody's id where it should not."""

import json
import os
import re
import shutil
from urllib.parse import urlsplit

import pytest
from live_study import participant, record
from stored import ROWS, read

FILES = ("participants", "trialdata", "eventdata", "questiondata")


@pytest.fixture(scope="module")
def downloaded(live):
    """The app's data, in the usual place."""
    live.fill(ROWS)
    done = live("data")
    assert done.returncode == 0, done.stderr
    return done


def test_the_four_files_have_headers_and_every_row(live, downloaded):
    counts = {"participants": 6, "trialdata": 15, "eventdata": 10, "questiondata": 10}
    for name, count in counts.items():
        assert len(read(live.folder / "data", name)) == count, name
        assert f"{count} rows  data/{name}.csv" in downloaded.stdout


def test_values_arrive_as_they_were_sent(live, downloaded):
    sent, trial = record(1), read(live.folder / "data", "trialdata")[0]
    told = sent["data"][0]["trialdata"]
    assert (trial["phase"], trial["word"]) == (told["phase"], told["word"])
    assert (trial["rt"], json.loads(trial["keys"])) == ("512.25", told["keys"])
    assert (trial["current_trial"], trial["dateTime"]) == ("0", "1764000000000")
    events = read(live.folder / "data", "eventdata")
    assert [event["value"] for event in events[:2]] == ["", "[800,600]"]
    answers = read(live.folder / "data", "questiondata")
    assert answers[0]["answer"] == sent["questiondata"]["strategy"]


def test_trial_runs_are_left_out_and_that_is_said(live, downloaded):
    for mode in ("debug", "preview"):
        assert f"Left out: 1 of mode {mode} (to take all: --mode all)." in downloaded.stdout
    modes = [row["mode"] for row in read(live.folder / "data", "participants")]
    assert modes == ["live"] * 4 + ["sandbox", ""]


@pytest.fixture(scope="module")
def assorted(local):
    """Participants who differ in whatever can be asked for."""
    days = ("2026-10-31 23:59:59", "2026-11-01 00:00:00", "2026-11-02 12:00:00")
    rows = [
        participant(n, beginhit=days[n % 3], codeversion=f"1.{n % 2}", status=n % 8,
                    mode=("live", "link", "debug")[n // 8])
        for n in range(24)
    ]  # fmt: skip
    return local(rows)


@pytest.mark.parametrize(
    ("options", "count", "left_out"),
    [
        (["--mode", "live"], 8, "8 of mode debug."),
        (["--mode", "live,debug", "--mode", "link"], 24, None),
        (["--mode", "all"], 24, None),
        (["--mode", "none"], 0, "8 of mode live."),
        (["--version", "1.0"], 8, "8 of version 1.1."),
        (["--status", "finished"], 8, "2 of status 2, started."),
        (["--status", "3,4", "--mode", "all"], 6, "3 of status 5, credited."),
        (["--since", "2026-11-01"], 10, "6 who came before or after the dates."),
        (["--until", "2026-11-01"], 11, "5 who came before or after the dates."),
        (["--since", "2026-11-02T13:00+01:00"], 5, "11 who came before or after the dates."),
    ],
)
def test_some_participants_can_be_asked_for(live, assorted, tmp_path, options, count, left_out):
    done = live("data", "--local", "--out", str(tmp_path), *options, **assorted)
    assert done.returncode == 0, done.stderr
    people = {row["participant"] for row in read(tmp_path, "participants")}
    assert len(people) == count
    assert {row["participant"] for row in read(tmp_path, "trialdata")} == people
    assert (f"Left out: {left_out}" in done.stdout) if left_out else "Left out" not in done.stdout
    assert f"As many participants as in the database: {count}." in done.stdout


@pytest.mark.parametrize(
    ("option", "value", "cause"),
    [
        ("--status", "done", "There is no status done."),
        ("--since", "yesterday", "--since yesterday is not a date."),
    ],
)
def test_what_cannot_be_asked_for_is_explained(live, assorted, option, value, cause):
    done = live("data", "--local", option, value, **assorted)
    assert done.returncode == 1
    assert cause in done.stderr and "Traceback" not in done.stderr


def test_real_ids_are_in_one_file_alone(live, downloaded):
    folder = live.folder / "data"
    for path in folder.rglob("*"):
        if path.is_file() and path.name != "identifiers.csv":
            text = path.read_text()
            for identifier in ("worker0", "assignment0", "hit1", "192.0.2.7"):
                assert identifier not in text, path.name
    known = {row["participant"]: row["uniqueid"] for row in read(folder, "identifiers")}
    for name in FILES:
        assert {row["participant"] for row in read(folder, name)} <= set(known)
    assert len(set(known.values())) == 6


def test_the_same_person_is_seen_to_come_again(live, downloaded):
    rows = read(live.folder / "data", "participants")
    assert rows[1]["worker"] == rows[2]["worker"] != rows[0]["worker"]
    assert rows[1]["participant"] != rows[2]["participant"]


def test_pseudonyms_stay_while_the_key_stays(live, local, tmp_path):
    setting = local(ROWS)

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


def test_a_codebook_says_what_each_column_means_and_holds(live, downloaded):
    text = (live.folder / "data" / "codebook.md").read_text()
    for name in FILES:
        for column in read(live.folder / "data", name)[0]:
            assert f"| `{column}` |" in text, column
    assert re.search(r"\| `rt` \| time from the word .* \(ms\) \| number \| 0 \| `512.25` \|", text)
    assert "ms since 1970 UTC, by the participant's clock" in text
    assert "| 6 | quit early |" in text and "Left out: 1 of mode debug" in text
    assert '| 1 | `{ name: "25% congruent", congruent: 0.25 }` |' in text


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
