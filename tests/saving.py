"""Saves as the study's own page makes them, and what the database then has."""

import json

from participant import Participant
from server import Server

TRIAL = ["trial", 1764000000000, {"word": "sch\u00f6n", "rt": 512.25}]


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


def in_the_database(server: Server, uniqueid: str) -> tuple[dict, int]:
    """What psiTurk's column holds of a participant, and how many saves are not in it."""
    saves = f"SELECT count(*) FROM study_entries WHERE uniqueid = '{uniqueid}'"
    query = f"SELECT ({saves}), coalesce(datastring, '{{}}') FROM assignments "
    number, record = read_row(server, f"{query} WHERE uniqueid = '{uniqueid}'")
    return json.loads(record), int(number)


def read_row(server: Server, query: str) -> list[str]:
    return server.sql(query).strip().split("|", 1)
