"""`study erase` while the study runs: what browsers still send is stored nowhere."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import forks
import pytest
from participant import Participant
from saving import add, begin, numbered, open_window, read_row
from server import Server


@pytest.fixture(scope="module")
def study(studies):
    return studies(recruitment="mturk", num_conditions="2")


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
