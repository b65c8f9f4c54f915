"""Saves as entries: stored once, in order, merged by the server alone (database/entries.py)."""

import csv
import io
import json
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event
from urllib.parse import urlsplit

import forks
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from participant import Participant
from server import Server, free_port, wait_for

csv.field_size_limit(10**8)
TRIAL = ["trial", 1764000000000, {"word": "sch\u00f6n", "rt": 512.25}]


@pytest.fixture(scope="module")
def study(studies):
    return studies(recruitment="mturk", num_conditions="2")


@pytest.fixture
def participant(server, request):
    return begin(server, re.sub(r"\W+", "-", request.node.name)[:100])


def begin(server: Server, worker: str) -> Participant:
    """Somebody in the task, with one window open."""
    participant = Participant(server.address, worker, "a")
    page = participant.open("/exp")
    assert page.status == 200, page.text
    participant.window = open_window(participant).json["window"]
    return participant


def open_window(participant: Participant):
    return participant.browser.request("POST", f"/sync/{participant.uniqueid}/windows")


def add(participant: Participant, first: int, entries, window: int | None = None, of: int = 0):
    """Send entries as the study's own page does."""
    query = f"?window={window or participant.window}&first={first}{f'&of={of}' if of else ''}"
    headers = {"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"}
    path, body = f"/sync/{participant.uniqueid}/entries{query}", json.dumps(entries).encode()
    return participant.browser.send("POST", path, body, headers)


def trials(participant: Participant) -> list:
    return [trial["trialdata"] for trial in participant.load().json.get("data", [])]


def numbered(first: int, last: int) -> list:
    return [["trial", 5, number] for number in range(first, last + 1)]


IN_A_MOMENT = """
import datetime
from study.database import idle
from study.server.__main__ import main

idle.IDLE, idle.SECONDS_BETWEEN = datetime.timedelta(seconds=1), 0.2
main()
"""


def in_the_database(server: Server, uniqueid: str) -> tuple[dict, int]:
    """What psiTurk's column holds of a participant, and how many saves are not in it."""
    saves = f"SELECT count(*) FROM study_entries WHERE uniqueid = '{uniqueid}'"
    query = f"SELECT ({saves}), coalesce(datastring, '{{}}') FROM assignments "
    number, record = read_row(server, f"{query} WHERE uniqueid = '{uniqueid}'")
    return json.loads(record), int(number)


def read_row(server: Server, query: str) -> list[str]:
    return server.sql(query).strip().split("|", 1)


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


def erase(study, server: Server, participant: Participant) -> None:
    command = ("-m", "study", "erase", participant.worker, "--local", "--yes")
    environment = os.environ | server.settings
    done = forks.run(study.python, *command, cwd=study.path, env=environment)
    assert done.returncode == 0, done.stderr


def count_rows(server: Server, uniqueid: str) -> int:
    """The rows of a participant in all tables that have any."""
    tables = ("assignments", "study_entries", "study_superseded_records")
    counts = (f"(SELECT count(*) FROM {name} WHERE uniqueid = '{uniqueid}')" for name in tables)
    return int(read_row(server, f"SELECT {' + '.join(counts)}")[0])


def test_who_was_erased_is_stored_nowhere_again_and_is_told(study, server):
    participant = begin(server, f"erased-{time.time_ns()}")
    earlier, participant.window = participant.window, open_window(participant).json["window"]
    stays = begin(server, f"stays-{time.time_ns()}")
    for each in (participant, stays):
        assert add(each, 1, numbered(1, 2)).json["held"] == 2
    erase(study, server, participant)
    own = {"uniqueId": participant.uniqueid}
    browser, uid = participant.browser, participant.uniqueid
    for answer in (
        add(participant, 3, numbered(3, 3)),
        add(participant, 1, numbered(1, 1), window=earlier),
        open_window(participant),
        participant.load(),
        browser.request("PUT", f"/sync/{uid}", data={"data": []}),
        browser.post("/inexp", **own),
        browser.post("/quitter", **own),
        browser.post("/leave", reason="left-early", **own),
    ):
        assert (answer.status, answer.json["reason"]) == (410, "erased")
    for page in ("/pub", "/exp"):
        assert participant.open(page).error == 410
    assert browser.get("/complete", **own).error == 410
    assert count_rows(server, uid) == 0
    stranger = Participant(server.address, participant.worker, "a")
    stranger.open("/pub")
    stranger.window = participant.window
    assert add(stranger, 1, numbered(1, 1)).json["reason"] == "no-proof"
    assert add(stays, 3, numbered(3, 3)).json["held"] == 3


def test_saves_during_an_erasure_leave_nothing(study, server):
    people = [begin(server, f"racing-{n}-{time.time_ns()}") for n in range(2)]
    windows = [each.window for each in people]
    for each in people:
        each.window = open_window(each).json["window"]
    is_over = Event()

    def go_on(participant: Participant, earlier: int) -> None:
        number = 1
        while not is_over.is_set():
            stored = add(participant, number, numbered(number, number)).status == 200
            number += stored
            add(participant, number, numbered(number, number), window=earlier)

    with ThreadPoolExecutor(2) as at_once:
        going = [at_once.submit(go_on, *each) for each in zip(people, windows, strict=True)]
        try:
            for each in people:
                erase(study, server, each)
        finally:
            is_over.set()
    assert [future.result() for future in going] == [None, None]
    assert [count_rows(server, each.uniqueid) for each in people] == [0, 0]


SAVES = st.lists(st.tuples(st.integers(1, 8), st.integers(1, 4)), min_size=1, max_size=12)


@given(saves=SAVES, read=st.sets(st.integers(0, 11)))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_entries_are_stored_once_and_in_order_however_they_come(server, saves, read):
    """Repeated, overlapping, late, with gaps, and with the record read in between."""
    participant = begin(server, f"saves-{time.time_ns()}")
    held = 0
    for index, (first, length) in enumerate(saves):
        answer = add(participant, first, numbered(first, first + length - 1))
        if first <= held + 1:
            held = max(held, first + length - 1)
        assert answer.status == 200, answer.text
        assert answer.json == {
            "status": "user data saved",
            "window": participant.window,
            "held": held,
        }
        if index in read:
            assert trials(participant) == list(range(1, held + 1))
    record = participant.load().json
    assert trials(participant) == list(range(1, held + 1))
    assert [trial["current_trial"] for trial in record.get("data", [])] == list(range(held))


def test_the_same_save_many_times_at_once_is_stored_once(participant):
    with ThreadPoolExecutor(12) as at_once:
        answers = list(at_once.map(lambda _: add(participant, 1, numbered(1, 3)), range(24)))
        answers += at_once.map(
            lambda n: add(participant, 4 - n % 3, numbered(4 - n % 3, 6)), range(24)
        )
    assert {answer.status for answer in answers} == {200}
    assert trials(participant) == [1, 2, 3, 4, 5, 6]


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


BAD_ENTRIES = [
    {}, 1, "x", [], [1], [{}], ["x"], [[]], [["unknown", 1]], [["trial", 1]], [["trial", "1", 1]],
    [["trial", 1, 2, 3]], [["event", 1]], [["event"]], [["answer", 1, 2]], [["answer"]],
    [["attributes", []]], [TRIAL, ["trial"]], [["trial", True, 1]],
]  # fmt: skip


@pytest.mark.parametrize("entries", BAD_ENTRIES, ids=map(str, range(len(BAD_ENTRIES))))
def test_what_are_no_entries_changes_nothing(participant, entries):
    assert add(participant, 1, numbered(1, 1)).status == 200
    answer = add(participant, 2, entries)
    assert (answer.status, answer.json["reason"]) == (400, "malformed")
    assert trials(participant) == [1]


@pytest.mark.parametrize("body", [
    b"", b"x", b'[["trial",1,NaN]]', b'[["trial",1,"\xff"]]', b'[["trial",1,"\0"]]',
    b'[["trial",1,' + b"[" * 100_000 + b"]" * 100_000 + b"]]", b'[["trial",1,2]',
    b'[["trial",1,2]]x',
])  # fmt: skip
def test_a_body_that_is_no_json_changes_nothing(participant, body):
    path = f"/sync/{participant.uniqueid}/entries?window={participant.window}&first=1"
    answer = participant.browser.send("POST", path, body, {"Content-Type": "application/json"})
    assert (answer.status, answer.json["reason"]) == (400, "malformed")
    assert trials(participant) == []


def test_half_of_a_character_does_no_harm(participant):
    body = rb'[["trial",1,"\ud83d"],["answer","\ud83d",1],["trial",2,"whole"]]'
    path = f"/sync/{participant.uniqueid}/entries?window={participant.window}&first=1"
    answer = participant.browser.send("POST", path, body, {"Content-Type": "application/json"})
    assert answer.json["held"] == 3
    assert trials(participant) == ["\ud83d", "whole"]
    assert add(participant, 4, numbered(4, 4)).json["held"] == 4
    assert trials(participant) == ["\ud83d", "whole", 4]


@pytest.mark.parametrize("query", [
    "", "?window=1", "?first=1", "?window=x&first=1", "?window=0&first=1", "?window=1&first=0",
    "?window=1&first=-1", "?window=1&first=99999999999", "?window=1&first=1&of=0",
])  # fmt: skip
def test_a_save_with_an_impossible_number_is_refused(participant, query):
    path = f"/sync/{participant.uniqueid}/entries{query}"
    answer = participant.browser.request("POST", path, data=[TRIAL])
    assert (answer.status, answer.json["reason"]) == (400, "malformed")


def test_what_an_older_window_sends_is_set_aside_once(participant, server):
    assert add(participant, 1, numbered(1, 2)).json["held"] == 2
    older = participant.window
    opened = open_window(participant).json
    assert opened["window"] == older + 1
    assert [trial["trialdata"] for trial in opened["record"]["data"]] == [1, 2]
    for _ in range(2):
        for first in (3, 5):
            late = add(participant, first, numbered(first, first + 1), window=older)
            assert (late.status, late.json["reason"]) == (409, "newer-window")
    query = "SELECT writer, datastring FROM study_superseded_records WHERE uniqueid = "
    writer, aside = read_row(server, f"{query}'{participant.uniqueid}'")
    assert int(writer) == older
    assert [*map(json.loads, aside.split("\n"))] == [numbered(3, 4), numbered(5, 6)]
    participant.window = opened["window"]
    assert add(participant, 1, numbered(11, 11)).json["held"] == 1
    assert trials(participant) == [1, 2, 11]


def test_what_an_earlier_window_left_is_added_once_by_the_next(participant):
    add(participant, 1, numbered(1, 2))
    older = participant.window
    participant.window = open_window(participant).json["window"]
    for _ in range(2):
        answer = add(participant, 2, numbered(2, 4), of=older)
        assert answer.json == {"status": "user data saved", "window": older, "held": 4}
    assert add(participant, 1, numbered(21, 21)).json["held"] == 1
    assert add(participant, 2, numbered(2, 5), of=older).json["held"] == 5
    assert sorted(trials(participant)) == [1, 2, 3, 4, 5, 21]


def test_a_window_that_nobody_was_given_is_refused(participant):
    for window, of in (
        (participant.window + 1, 0),
        (2**31 - 1, 0),
        (participant.window, participant.window + 1),
    ):
        answer = add(participant, 1, numbered(1, 1), window=window, of=of)
        assert (answer.status, answer.json["reason"]) == (409, "unknown-window")
    assert trials(participant) == []


def test_a_record_has_a_budget_and_keeps_what_it_has(participant):
    large = [["trial", 1, "x" * 3_000_000]]
    assert add(participant, 1, large).json["held"] == 1
    assert add(participant, 2, large).json["held"] == 2
    answer = add(participant, 3, large)
    assert (answer.status, answer.json["reason"]) == (413, "too-large")
    assert len(trials(participant)) == 2
    assert add(participant, 3, large).status == 413
    assert add(participant, 3, [["trial", 1, "small"]]).json["held"] == 3


def test_what_is_set_aside_has_a_budget(participant):
    older, large = participant.window, [["trial", 1, "x" * 3_000_000]]
    open_window(participant)
    answers = [add(participant, first, large, window=older).status for first in (1, 1)]
    assert answers == [409, 409]
    different = [add(participant, 2, [["trial", n, "x" * 3_000_000]], window=older) for n in (2, 3)]
    assert [answer.status for answer in different] == [409, 413]


def test_nothing_is_stored_after_the_end(participant):
    participant.start()
    add(participant, 1, numbered(1, 30))
    participant.complete()
    assert participant.status() == 3
    for answer in (add(participant, 31, numbered(31, 31)), participant.save({"data": [1] * 99})):
        assert (answer.status, answer.json["reason"]) == (409, "ended")
    assert open_window(participant).json["reason"] == "ended"
    assert trials(participant) == list(range(1, 31))


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
