"""A participant goes through the study, from the invitation to the thanks."""

import html
import sqlite3

from conftest import Participant
from study import config


def test_every_page_names_the_study(participant):
    title = config.load().study.title
    for path in ("/pub", "/consent", "/exp"):
        page = participant.visit(path)
        assert page.status_code == 200
        assert title in html.unescape(page.text), path


def test_the_invitation_leads_to_the_consent_page_and_that_to_the_experiment(participant):
    assert "/consent?" in participant.visit("/pub").text
    assert "/exp?" in participant.visit("/consent").text


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
    count = config.load().study.num_conds
    # psiTurk balances within a mode, so a mode of their own keeps other tests out.
    group = [Participant(address, f"even-{n}", mode="even") for n in range(count)]
    assert sorted(member.start()["condition"] for member in group) == list(range(count))


def _status(unique_id: str) -> int:
    url = config.load().value("Database Parameters", "database_url")
    with sqlite3.connect(url.removeprefix("sqlite:///")) as database:
        query = "select status from assignments where uniqueid = ?"
        return database.execute(query, [unique_id]).fetchone()[0]
