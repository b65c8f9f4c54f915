"""`study data` of whatever browsers and psiTurk have stored: all of it arrives or is kept apart."""

import json

from live_study import participant, record
from stored import ROWS, database, read

BROKEN = '{"data": [{"current'
HALF = {"strategy": "\ud83d", "age": "30"}  # an emoji, cut in two by a text field
UNREADABLE = [
    participant(11, 3, datastring=BROKEN),
    participant(12, 2, datastring=json.dumps(record(8) | {"data": [{"current_trial": 0}]})),
    participant(13, 1, datastring=json.dumps(record(9) | {"questiondata": HALF})),
    participant(14, 1, datastring="[" * 200_000),
]


def read_lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


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
