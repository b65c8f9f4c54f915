"""Saves as entries: each is stored once and in order, or refused (database/entries.py)."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from saving import TRIAL, add, begin, numbered, open_window, read_row, trials


@pytest.fixture(scope="module")
def study(studies):
    return studies(recruitment="mturk", num_conditions="2")


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
