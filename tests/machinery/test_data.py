"""`study data`: everything that participants sent arrives, and nobody's id where it should not."""

import csv
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from urllib.parse import urlsplit

import pytest
from live_study import participant, record

BROKEN = '{"data": [{"current'
HALF = {"strategy": "\ud83d", "age": "30"}  # an emoji, cut in two by a text field
ROWS = [
    participant(1, 50),
    participant(2, 40),
    participant(2, 30, assignmentid="again", hitid="hit2"),  # the same person
    participant(3, 20, lasted=None, datastring=None),  # came, and left before the first save
    participant(4, 10, mode="sandbox"),
    participant(5, 5, mode="debug"),
    participant(6, 4, mode=None),
    participant(7, 3, mode="preview"),
]
UNREADABLE = [
    participant(11, 3, datastring=BROKEN),
    participant(12, 2, datastring=json.dumps(record(8) | {"data": [{"current_trial": 0}]})),
    participant(13, 1, datastring=json.dumps(record(9) | {"questiondata": HALF})),
    participant(14, 1, datastring="[" * 200_000),
]
FILES = ("participants", "trialdata", "eventdata", "questiondata")


@pytest.fixture(scope="module")
def downloaded(live):
    """The app's data, in the usual place."""
    live.fill(ROWS)
    done = live("data")
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def local(live, tmp_path_factory):
    """Makes a database on this machine with these participants; gives the setting for it."""
    empty = tmp_path_factory.mktemp("local") / "empty.db"
    live.fill([], f"sqlite:///{empty}")

    def make(rows):
        path = tmp_path_factory.mktemp("local") / "participants.db"
        setting = {"PSITURK_DATABASE_URL": f"sqlite:///{shutil.copy(empty, path)}"}
        with database(setting) as connection:
            for row in rows:
                uniqueid = f"{row['workerid']}:{row['assignmentid']}"
                filled = {"uniqueid": uniqueid, "codeversion": "1.0", **row}
                columns, places = ", ".join(filled), ", ".join("?" * len(filled))
                connection.execute(
                    f"insert into assignments ({columns}) values ({places})", [*filled.values()]
                )
        connection.close()
        return setting

    return make


def database(setting):
    return sqlite3.connect(setting["PSITURK_DATABASE_URL"].removeprefix("sqlite:///"))


def read(folder, name):
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


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


def test_what_cannot_be_read_is_kept_reported_and_fails(live, local, tmp_path):
    done = live("data", "--local", "--out", str(tmp_path), **local(ROWS + UNREADABLE))
    assert done.returncode == 1
    assert "4 times something could not be understood" in done.stdout
    kept = read_lines(tmp_path / "unreadable.jsonl")
    assert [row["raw"] for row in kept] == [row["datastring"] for row in UNREADABLE]
    assert "missing required field `dateTime`" in kept[1]["problem"]
    assert len(read(tmp_path, "participants")) == 10  # what is known about them otherwise
    assert len(read(tmp_path, "trialdata")) == 18  # those of the one with half of a character
    assert read(tmp_path, "questiondata")[-2]["answer"] == "\ufffd"


def test_all_that_is_read_can_be_written_however_deep_it_is(live, local, tmp_path):
    # As deep as Python 3.11 and 3.12 read, and newer ones.
    depths = [*range(900, 1_020, 3), *range(9_980, 10_020)]
    text = json.dumps(record(1) | {"questiondata": {"deep": 0}})
    rows = [
        participant(n, datastring=text.replace('"deep": 0', f'"deep": {"[" * n}{"]" * n}'))
        for n in depths
    ]
    done = live("data", "--local", "--out", str(tmp_path), **local(rows))
    assert done.returncode == 1 and done.stderr == ""
    unreadable = read_lines(tmp_path / "unreadable.jsonl")
    assert all("recursion" in line["problem"] for line in unreadable)
    answers = [row["answer"] for row in read(tmp_path, "questiondata")]
    assert answers == [("[" * n) + ("]" * n) for n in depths[: len(answers)]]
    assert 0 < len(answers) == len(depths) - len(unreadable) < len(depths)


def test_once_everything_can_be_read_no_old_report_stays(live, local, tmp_path):
    (tmp_path / "unreadable.jsonl").write_text("old")
    live("data", "--local", "--out", str(tmp_path), **local(ROWS))
    assert not (tmp_path / "unreadable.jsonl").exists()


def test_texts_that_a_spreadsheet_would_calculate_are_told_of_and_not_changed(
    live, local, tmp_path
):
    answers = {"questiondata": {"strategy": "=1+1", "age": "30"}}
    row = participant(1, datastring=json.dumps(record(1) | answers))
    done = live("data", "--local", "--out", str(tmp_path), **local([row]))
    assert "answer of questiondata.csv: import" in done.stdout
    assert read(tmp_path, "questiondata")[0]["answer"] == "=1+1"


def test_what_a_terminal_would_obey_is_neither_printed_nor_in_the_codebook(live, local, tmp_path):
    told = {"\x1b[2J\x1b]0;owned\x07 \x9b31m \u202e key\r": "=1"}
    row = participant(1, datastring=json.dumps(trials(told)), mode="live\x1b[31m")
    other = participant(2, mode="debug", datastring="{}")
    done = live("data", "--local", "--out", str(tmp_path), **local([row, other]))
    assert "\ufffd[2J\ufffd]0;owned\ufffd" in done.stdout
    left_out = live(
        "data", "--local", "--mode", "debug", "--out", str(tmp_path), **local([row, other])
    )
    assert "of mode live\ufffd[31m" in left_out.stdout
    for text in (done.stdout, left_out.stdout, (tmp_path / "codebook.md").read_text()):
        assert [c for c in text if not c.isprintable()] == ["\n"] * text.count("\n")


def trials(*told):
    return {
        "data": [{"current_trial": n, "dateTime": 0, "trialdata": t} for n, t in enumerate(told)]
    }


def test_trials_of_any_form_find_their_columns(live, local, tmp_path):
    told = [
        {"participant": "me", "rt": 1}, {"": "nameless", "dateTime": 2}, ["an", "array"],
        {"trialdata": 3, "late": True},
    ]  # fmt: skip
    rows = [
        participant(n, 60 - n, datastring=json.dumps(record(n) | trials(*some)))
        for n, some in enumerate([told[:1], told[1:3], told[3:]])
    ]
    done = live("data", "--local", "--out", str(tmp_path), **local(rows))
    assert done.returncode == 0, done.stderr
    got = [{k: v for k, v in row.items() if v} for row in read(tmp_path, "trialdata")]
    assert [set(row) - {"participant", "current_trial", "dateTime"} for row in got] == [
        {"trialdata.participant", "rt"}, {"trialdata.", "trialdata.dateTime"}, {"trialdata"},
        {"trialdata.trialdata", "late"},
    ]  # fmt: skip
    assert got[0]["trialdata.participant"] == "me" and got[3]["late"] == "true"
    assert json.loads(got[2]["trialdata"]) == told[2]


def test_nobody_can_make_a_table_that_is_too_wide(live, local, tmp_path):
    told = [{f"{n} {m}": m for m in range(keys)} for n, keys in enumerate((2000, 600, 600))]
    rows = [
        participant(n, datastring=json.dumps(record(n) | trials(some)))
        for n, some in enumerate(told)
    ]
    done = live("data", "--local", "--out", str(tmp_path), **local(rows))
    assert "2000 different keys" not in done.stdout  # in one column, they are no problem
    assert done.returncode == 0 and "Each trial is JSON in one column" in done.stdout
    assert [json.loads(row["trialdata"]) for row in read(tmp_path, "trialdata")] == told
    done = live("data", "--local", "--out", str(tmp_path), **local(rows[:2]))
    assert done.returncode == 1 and "2000 different keys" in done.stdout
    assert [row["1 599"] for row in read(tmp_path, "trialdata")] == ["599"]


def test_records_that_lost_against_a_newer_window_are_kept_apart(live, local, tmp_path):
    setting = local(ROWS)
    with database(setting) as connection:
        connection.execute(
            "create table if not exists study_superseded_records (uniqueid varchar(128),"
            " writer integer, received timestamp, reason varchar(32), datastring text)"
        )
        spare = [
            ("worker01:assignment01", 1, "2026-11-24 10:00:00", "newer-window", BROKEN),
            ("worker05:assignment05", 1, "2026-11-24 10:00:00", "newer-window", "of debug"),
        ]
        connection.executemany("insert into study_superseded_records values (?, ?, ?, ?, ?)", spare)
    connection.close()
    done = live("data", "--local", "--out", str(tmp_path), **setting)
    assert done.returncode == 0
    assert "1 record that an older window sent" in done.stdout
    [kept] = read_lines(tmp_path / "superseded.jsonl")
    assert (kept["writer"], kept["reason"], kept["raw"]) == (1, "newer-window", BROKEN)
    assert kept["participant"] == read(tmp_path, "participants")[0]["participant"]


def test_the_table_may_have_another_name_and_other_columns(live, local, tmp_path):
    setting = local(ROWS)
    with database(setting) as connection:
        connection.execute('alter table assignments rename to "People & more"')
        there = [row[1] for row in connection.execute('pragma table_info("People & more")')]
        for column in {"record_version", "ending"} - set(there):
            connection.execute(f'alter table "People & more" add column {column} varchar(32)')
        connection.execute("update \"People & more\" set ending = 'screened-out'")
    connection.close()
    setting["PSITURK_TABLE_NAME"] = "People & more"
    live("data", "--local", "--out", str(tmp_path), **setting)
    rows = read(tmp_path, "participants")
    assert {row["ending"] for row in rows} == {"screened-out"}
    assert len(rows) == 6 and "record_version" not in rows[0]


@pytest.fixture(scope="module")
def many(live, cluster):
    """A database that takes a while to read; gives the setting for it."""
    url = cluster.create_database()
    live.fill(
        [participant(n, 900 - n, datastring=json.dumps(record(n, 40))) for n in range(800)], url
    )
    yield {"PSITURK_DATABASE_URL": url}
    cluster.drop_database(url)


def interrupt(live, out, setting, how):
    """Send a signal to a download that is at work; gives what it said on stderr."""
    command = [live.python, "-m", "study", "data", "--local", "--out", str(out)]
    with subprocess.Popen(
        command, cwd=live.folder, env=live.machine.environment | setting, stdout=-3, stderr=-1,
        text=True,
    ) as process:  # fmt: skip
        while process.poll() is None and not list(out.glob(".unfinished-*")):
            time.sleep(0.001)
        assert process.poll() is None
        process.send_signal(how)
        return process.stderr.read()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_an_interrupted_download_leaves_the_earlier_files_and_the_next_brings_everything(
    live, many, tmp_path, how
):
    out = tmp_path / "out"
    live("data", "--local", "--version", "none", "--out", str(out), **many)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert read(out, "participants") == []
    told = interrupt(live, out, many, how)
    if how == signal.SIGINT:
        assert "Interrupted.\nRun the same command again.\n" in told and "Traceback" not in told
    left = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    assert left == before
    done = live("data", "--local", "--out", str(out), **many)
    assert done.returncode == 0, done.stderr
    assert len(read(out, "participants")) == 800 and len(read(out, "trialdata")) == 800 * 40
    assert {path.name for path in out.iterdir()} == set(before)


def test_a_download_on_a_full_disk_leaves_the_earlier_files(live, many, tmp_path):
    live("data", "--local", "--out", str(tmp_path), **many)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    limited = f"ulimit -f 2000; {live.python} -m study data --local --out {tmp_path}"
    environment = live.machine.environment | many
    done = subprocess.run(
        ["bash", "-c", f"trap '' XFSZ; {limited}"], cwd=live.folder, env=environment,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1 and "The files could not be written" in done.stderr
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_postgresql_and_sqlite_give_the_same_trials(live, many, local, tmp_path):
    done = live("data", "--local", "--out", str(tmp_path / "postgresql"), **many)
    assert done.returncode == 0, done.stderr
    live("data", "--local", "--out", str(tmp_path / "sqlite"), **local(
        [participant(n, 900 - n, datastring=json.dumps(record(n, 40))) for n in range(2, 800)]
    ))  # fmt: skip
    of_postgresql, of_sqlite = (
        read(tmp_path / name, "trialdata") for name in ("postgresql", "sqlite")
    )
    assert of_postgresql[80:] == of_sqlite


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
    live("data", "--local", "--out", str(tmp_path), **local(ROWS))
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
