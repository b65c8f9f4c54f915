"""A participant goes through the study, from the invitation to the thanks."""

import html
import sqlite3

from conftest import Participant
from study import config


def test_a_whole_participation_is_stored(participant):
    record = participant.start()
    row = {"uniqueid": participant.id, "current_trial": 0, "dateTime": 1}
    trials = [row | {"trialdata": {"rt": 512}}]
    record |= {"data": trials, "questiondata": {"age": "30"}, "eventdata": [], "currenttrial": 1}

    assert participant.send("/inexp").json() == {"status": "success"}
    assert participant.save(record).json() == {"status": "user data saved"}
    done = participant.visit("/complete", uniqueId=participant.id)

    assert done.status_code == 200
    assert participant.browser.get(f"{participant.address}/sync/{participant.id}").json() == record
    assert _status(participant.id) == 3  # completed


def test_someone_who_took_part_is_turned_away_kindly(participant):
    participant.start()
    participant.send("/inexp")
    page = participant.visit("/exp").text
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
