"""Entries become the record that psiTurk knows: the server alone merges them."""

import csv
import io
import json
import os
import time
from functools import partial
from urllib.parse import urlsplit

import pytest
from saving import TRIAL, add, begin, in_the_database, numbered, read_row, trials
from server import Server, free_port, wait_for

csv.field_size_limit(10**8)
IN_A_MOMENT = """
import datetime
from study.database import idle
from study.server.__main__ import main

idle.IDLE, idle.SECONDS_BETWEEN = datetime.timedelta(seconds=1), 0.2
main()
"""


@pytest.fixture(scope="module")
def study(studies):
    return studies(recruitment="mturk", num_conditions="2")


def test_the_column_is_whole_when_somebody_ends_leaves_or_closes_the_window(server):
    def act(step: str) -> tuple[dict, int]:
        participant = begin(server, f"column-{step}-{time.time_ns()}")
        participant.start()
        add(participant, 1, numbered(1, 40))
        add(participant, 41, numbered(41, 42))
        assert in_the_database(server, participant.uniqueid) == ({}, 2)
        own = {"uniqueId": participant.uniqueid}
        if step == "end":
            participant.complete()
        elif step == "leave":
            participant.browser.post("/leave", reason="left-early", **own)
        elif step == "quit":
            participant.browser.post("/quitter", **own)
        else:
            participant.load()
        return in_the_database(server, participant.uniqueid)

    for step in ("end", "leave", "quit", "read"):
        record, saves = act(step)
        assert [trial["trialdata"] for trial in record["data"]] == list(range(1, 43)), step
        assert saves == 0, step


def test_the_column_is_whole_when_somebody_is_idle(study, server):
    """Also of those who saved through a server that is gone."""
    forgotten = begin(server, f"idle-forgotten-{time.time_ns()}")
    add(forgotten, 1, numbered(1, 2))
    time.sleep(1)
    port = free_port()
    settings = server.settings | {"PSITURK_PORT": str(port)}
    with Server(study.path, study.python, "-c", IN_A_MOMENT, port=port, **settings) as moment:
        participant = begin(moment.wait(), f"idle-{time.time_ns()}")
        for number in range(1, 4):
            assert add(participant, number, numbered(number, number)).json["held"] == number
        for idle, trials in ((participant, [1, 2, 3]), (forgotten, [1, 2])):
            wait_for(lambda who=idle: not in_the_database(server, who.uniqueid)[1])
            record, _ = in_the_database(server, idle.uniqueid)
            assert [trial["trialdata"] for trial in record["data"]] == trials
        assert add(participant, 4, numbered(4, 4)).json["held"] == 4


PLACES = [
    (["trial", 5, {"phase": "TEST", "block": 2, "rt": 1}], "TEST, block 2"),
    (["attributes", {"page": "questionnaire.html"}], "questionnaire.html"),
    (["answer", "age", "30"], "questionnaire.html"),  # an answer tells no place
    (["trial", 5, {"phase": "INSTRUCTIONS", "template": "a\0.html"}], "a.html"),
    (["trial", 5, {"phase": "x" * 100}], "x" * 64),
    (["trial", 5, {"phase": {"a": 1}, "block": None}], "x" * 64),
    (["trial", 5, [1, 2]], "x" * 64),
]


def test_the_place_of_the_last_save_is_noted_with_its_time(server, participant):
    query = "SELECT last_saved >= beginhit, last_place FROM assignments WHERE uniqueid = "
    for number, (entry, expected) in enumerate(PLACES, start=1):
        assert add(participant, number, [entry]).json["held"] == number
        participant.load()  # which makes the column whole
        has_time, place = read_row(server, f"{query}'{participant.uniqueid}'")
        assert has_time in ("1", "t")
        assert place == expected


def test_each_kind_of_entry_becomes_what_psiturk_stores(participant):
    event = {"eventtype": "focus", "value": "on", "timestamp": 6, "interval": 1}
    entries = [
        ["attributes", {"begun": True, "useragent": "x"}], TRIAL, ["event", event],
        ["answer", "age", 33], ["answer", "none"], ["answer", "age", 34], TRIAL,
    ]  # fmt: skip
    assert add(participant, 1, entries).json["held"] == 7
    record = participant.load().json
    trial = {"uniqueid": participant.uniqueid, "dateTime": TRIAL[1], "trialdata": TRIAL[2]}
    assert record == {
        "condition": record["condition"], "counterbalance": 0, "bonus": 0, "currenttrial": 2,
        "assignmentId": "a", "workerId": participant.worker, "hitId": "hit1",
        "data": [{"current_trial": n, **trial} for n in (0, 1)],
        "eventdata": [event], "questiondata": {"age": 34, "none": None},
        "windows": {str(participant.window): 7}, "begun": True, "useragent": "x",
    }  # fmt: skip


def test_a_record_of_another_form_is_kept_beside_new_entries(participant):
    strange = {"data": 5, "x": [1]}
    assert participant.save(strange).status == 200
    assert add(participant, 1, numbered(1, 1)).json["held"] == 1
    record = participant.load().json
    assert json.loads(record["unreadable"]) == strange
    assert trials(participant) == [1]


def test_fifty_megabytes_arrive_and_are_downloaded(study, cluster, tmp_path):
    """Mouse tracking of an hour, with the settings of a new study."""
    url, port = cluster.create_database(), free_port()
    settings = {"ON_CLOUD": "1", "DATABASE_URL": url, "PORT": str(port)}
    with Server(study.path, study.python, "-m", "study.server", port=port, **settings) as server:
        server.sql = partial(cluster.run, database=urlsplit(url).path[1:])
        participant = begin(server.wait(), "mouse")
        participant.start()
        path = [[x + 10_000, 1000 + x % 80, x + 100_000] for x in range(25_000)]
        held = 0
        for _ in range(100):
            held = add(participant, held + 1, [["trial", 1, {"mouse": path}]]).json["held"]
        assert add(participant, held + 1, numbered(1, 30)).json["held"] == 130
        participant.complete()
        assert participant.status() == 3
        record, saves = in_the_database(server, participant.uniqueid)
        assert (len(record["data"]), saves) == (130, 0)
        assert all(trial["trialdata"]["mouse"] == path for trial in record["data"][:100])
        assert len(json.dumps(record["data"], separators=(",", ":"))) > 50_000_000
    out = tmp_path / "data"
    command = ("study", "data", "--mode", "all", "--out", out, "--database-url", url)
    done = study.run(*command)
    assert done.returncode == 0, done.stdout + done.stderr
    with (out / "trialdata.csv").open() as file:
        assert sum(1 for _ in csv.DictReader(file)) == 130
    assert (out / "trialdata.csv").stat().st_size > 50_000_000


PSITURK_READS = """
from study import config

config.load()
from study.database.loading import complete_loaded_records

complete_loaded_records()
from psiturk.models import Participant

for participant in Participant.query.filter_by(workerid="{worker}"):
    print(participant.get_trial_data(), end="")
"""


def test_who_reads_during_the_task_gets_the_whole_record(participant, study, server, tmp_path):
    urls = {name: url for name, url in server.settings.items() if name.endswith("DATABASE_URL")}
    run = {"env": os.environ | urls}
    for step in range(2):  # before anything is in psiTurk's column, and afterwards
        add(participant, 1 + 3 * step, numbered(1 + 3 * step, 3 + 3 * step))
        expected = [str(number) for number in range(1, 4 + 3 * step)]
        out = tmp_path / str(step)
        done = study.run(
            "study", "data", "--local", "--mode", "all", "--psiturk", "--out", out, **run
        )
        assert done.stdout.startswith("Reading"), done.stderr  # others here have odd records
        reader = PSITURK_READS.format(worker=participant.worker)
        files = [
            (out / "trialdata.csv").read_text(),
            (out / "psiturk" / "trialdata.csv").read_text(),
            study.run("python", "-c", reader, **run).stdout,
        ]
        for file, name in zip(files, ["", participant.uniqueid, participant.uniqueid], strict=True):
            rows = [row for row in csv.reader(io.StringIO(file)) if not name or row[0] == name]
            numbers = [row[3] for row in rows if row]
            assert numbers[-len(expected) :] == expected, file  # the latest arrival is the last
        assert trials(participant) == [int(number) for number in expected]
