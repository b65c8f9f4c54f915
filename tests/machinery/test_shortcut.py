"""What is answered before Flask sees it (server/shortcut.py) is answered as the routes do."""

import json
import re
import time
import urllib.parse

import pytest
from participant import Answer, Participant
from server import Server, cloud_server, wait_for

SCRIPT = {"Sec-Fetch-Site": "same-origin"}  # with which the study's own page sends a request
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
THREE = json.dumps([["trial", 5, number] for number in range(3)])
LINE = re.compile(r"^\[.*\] POST (\d+) \d+ bytes", re.MULTILINE)


@pytest.fixture(scope="module")
def study(studies):
    return studies(recruitment="mturk", num_conditions="1")


@pytest.fixture(scope="module")
def server(study, cluster):
    url = cluster.create_database()
    with cloud_server(study.path, study.python, url, PSITURK_MINIMUM_TRIALS="4") as server:
        yield server.wait()


def come(server: Server, worker: str) -> Participant:
    participant = Participant(server.address, worker, "a")
    assert participant.open("/exp").status == 200
    return participant


class Scripted:
    """A participant whose page sends requests with these headers."""

    def __init__(self, server: Server, worker: str, headers: dict[str, str]) -> None:
        self.server, self.headers, self.participant = server, headers, come(server, worker)
        self.uniqueid = self.participant.uniqueid

    def post(self, path: str, body: str, kind: dict[str, str], uniqueid: str = "") -> Answer:
        uniqueid = uniqueid or self.uniqueid
        path = path.format(uid=uniqueid)
        sent = body.replace("UID", urllib.parse.quote(uniqueid)).encode()
        return self.participant.browser.send("POST", path, sent, kind | self.headers)


OWN = "uniqueId=UID"
STEPS = {
    "save before a window": ("/sync/{uid}/entries?window=1&first=1", THREE, JSON),
    "open a window": ("/sync/{uid}/windows", "", {}),
    "complete with nothing": ("/complete", OWN, FORM),
    "save": ("/sync/{uid}/entries?window=1&first=1", THREE, JSON),
    "save again": ("/sync/{uid}/entries?window=1&first=1", THREE, JSON),
    "save what is no entry": ("/sync/{uid}/entries?window=1&first=4", "[7]", JSON),
    "save no JSON": ("/sync/{uid}/entries?window=1&first=4", "[", JSON),
    "save as a form": ("/sync/{uid}/entries?window=1&first=4", THREE, FORM),
    "complete before the begin": ("/complete", OWN, FORM),
    "begin": ("/inexp", OWN, FORM),
    "begin again": ("/inexp", OWN, FORM),
    "begin without an id": ("/inexp", "", FORM),
    "begin with NUL": ("/inexp", "uniqueId=%00", FORM),
    "begin with more": ("/inexp", f"mode=live&{OWN}", FORM),
    "complete with too little": ("/complete", OWN, FORM),
    "save more": ("/sync/{uid}/entries?window=1&first=4", THREE, JSON),
    "open another window": ("/sync/{uid}/windows", "", {}),
    "save in the old one": ("/sync/{uid}/entries?window=1&first=7", THREE, JSON),
    "complete": ("/complete", OWN, FORM),
    "complete again": ("/complete", OWN, FORM),
    "begin after the end": ("/inexp", OWN, FORM),
    "open a window after the end": ("/sync/{uid}/windows", "", {}),
    "save after the end": ("/sync/{uid}/entries?window=2&first=1", THREE, JSON),
}


def test_the_shortcut_and_the_routes_answer_and_store_alike(server, cluster):
    database = server.settings["DATABASE_URL"].rpartition("/")[2]
    ways = [Scripted(server, "short", SCRIPT), Scripted(server, "long", {})]
    others = come(server, "other").uniqueid

    def read(way: Scripted) -> str:
        row = cluster.run(
            "SELECT status, ending, beginexp IS NULL, endhit IS NULL, first_saved IS NULL, "
            "record_version, datastring, (SELECT count(*) FROM study_entries AS held "
            f"WHERE held.uniqueid = row.uniqueid) FROM assignments AS row WHERE uniqueid = "
            f"'{way.uniqueid}'",
            database=database,
        )
        return row.replace(way.participant.worker, "")

    for name, step in STEPS.items():
        short, long = (way.post(*step) for way in ways)
        assert short.status == long.status, name
        texts = [
            answer.text.replace(way.participant.worker, "")
            for way, answer in zip(ways, (short, long), strict=True)
        ]
        assert json.loads(texts[0]) == json.loads(texts[1]), name
        assert read(ways[0]) == read(ways[1]), name
        for way in ways:
            stranger = way.post(*step, uniqueid=others)
            assert stranger.status in (400, 403, 415), name
    assert ways[0].participant.status() == 3
    row = "SELECT status, record_version FROM assignments WHERE uniqueid = '%s'"
    assert cluster.run(row % others, database=database).strip() == "1|0"


def test_the_log_has_no_line_for_what_took_the_shortcut(server):
    def count_lines() -> int:
        return len(LINE.findall(server.output))

    # The second end changes nothing, so it is always the route's to answer.
    for worker, headers, lines in (("logged", {}, 6), ("unlogged", SCRIPT, 1)):
        before, way = count_lines(), Scripted(server, worker, headers)
        steps = ("open a window", "save", "begin", "save more", "complete", "complete again")
        assert [way.post(*STEPS[step]).status for step in steps] == [200] * 6
        wait_for(lambda until=before + lines: count_lines() >= until)  # it follows the answer
        assert count_lines() - before == lines


def test_a_database_that_is_away_is_not_asked_again_by_the_route(study, cluster):
    url = cluster.create_database()
    name = url.rpartition("/")[2]
    refused = f"SELECT xact_rollback FROM pg_stat_database WHERE datname = '{name}'"

    def let_write(switch: str) -> None:
        cluster.run(f"ALTER DATABASE {name} SET default_transaction_read_only TO {switch}")
        cluster.disconnect(url)

    with cloud_server(study.path, study.python, url) as server:
        way = Scripted(server.wait(), "worker", SCRIPT)
        for step in ("open a window", "save", "begin"):
            assert way.post(*STEPS[step]).status == 200
        let_write("on")
        before = int(cluster.run(refused))
        for number, step in enumerate(("open a window", "save more", "complete"), 1):
            answer = way.post(*STEPS[step])
            assert (answer.status, answer.json["reason"]) == (503, "database")
            assert server.output.count("The database is away") == number
        # Each on one connection, and on a new one. The counter of failures may ask as well.
        wait_for(lambda: int(cluster.run(refused)) - before >= 6)
        time.sleep(1)
        assert int(cluster.run(refused)) - before < 10
        let_write("off")
        for step in ("save more", "complete"):
            assert way.post(*STEPS[step]).status == 200
