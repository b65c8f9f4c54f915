"""A participant goes through the study, from the invitation to the thanks."""

import html
import sqlite3

from conftest import Participant
from study import config


def test_a_whole_participation_is_stored(participant):
    record = participant.start()
    number = max(config.load().study.minimum_trials, 1)
    row = {"uniqueid": participant.id, "dateTime": 1, "trialdata": {"rt": 512}}
    trials = [row | {"current_trial": n} for n in range(number)]
    record |= {"data": trials, "questiondata": {"age": "30"}, "eventdata": []}
    record |= {"currenttrial": number}

    assert participant.send("/inexp").json() == {"status": "success"}
    assert participant.save(record).json() == {"status": "user data saved"}
    assert participant.send("/complete").json() == {"status": "success"}
    done = participant.visit("/complete", uniqueId=participant.id)

    assert done.status_code == 200
    assert participant.browser.get(f"{participant.address}/sync/{participant.id}").json() == record
    assert _status(participant.id) == 3  # completed


def test_someone_who_did_too_little_gets_no_code_and_reads_whom_to_ask(participant):
    record = participant.start()
    participant.send("/inexp")
    participant.save(record | {"eventdata": [{"eventtype": "initialized"}]})
    if config.load().study.minimum_trials:
        assert participant.send("/complete").json()["reason"] == "too-little"
        assert _status(participant.id) == 2  # begun
    page = participant.visit("/complete", uniqueId=participant.id)
    assert config.load().study.contact in html.unescape(page.text)


def test_someone_who_comes_back_goes_on_or_reads_whom_to_ask(participant):
    participant.start()
    participant.send("/inexp")
    page = participant.visit("/exp").text
    assert ('data-resumed="true"' in page) == config.load().study.allow_resume
    assert config.load().study.contact in html.unescape(page)


def test_conditions_are_handed_out_evenly(address):
    settings = config.load().study
    conditions, orders = range(settings.num_conds), range(settings.num_counters)
    cells = [(condition, order) for condition in conditions for order in orders]
    # psiTurk balances within a mode, so a mode of their own keeps other tests out.
    group = [Participant(address, f"even-{n}", mode="even").start() for n in range(len(cells))]
    given = [(record["condition"], record["counterbalance"]) for record in group]
    assert sorted(given) == cells


def _status(unique_id: str) -> int:
    url = config.load().value("Database Parameters", "database_url")
    with sqlite3.connect(url.removeprefix("sqlite:///")) as database:
        query = "select status from assignments where uniqueid = ?"
        return database.execute(query, [unique_id]).fetchone()[0]
