"""A participant's record: who may touch it, which whole record wins, and what never gets in."""

import json
import re
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from participant import BROWSER, Participant
from server import Server, cloud_server, free_port

OWN_ROUTE = """
@custom_code.route("/trials")
def trials():
    from flask import request
    from study.server import own_record

    return {"trials": len(own_record(request.args["uniqueId"])["data"])}
"""


@pytest.fixture(scope="module")
def study(studies):
    return studies(recruitment="prolific", num_conditions="2")


@pytest.fixture
def participant(server, request):
    """Somebody new, in the task."""
    worker = re.sub(r"\W+", "-", request.node.name)[:100]
    return begin(Participant(server.address, worker, "a", mode="prolific"))


def begin(participant: Participant) -> Participant:
    page = participant.open("/exp")
    assert page.status == 200, page.text
    return participant


def put(participant: Participant, record):
    return participant.browser.request("PUT", f"/sync/{participant.uniqueid}", data=record)


def test_whole_records_at_the_same_time_end_in_the_largest(participant):
    with ThreadPoolExecutor(12) as at_once:
        list(at_once.map(lambda n: put(participant, {"data": [n] * n}), range(1, 25)))
    assert participant.load().json == {"data": [24] * 24}


def test_psiturks_own_client_saves_by_how_much_it_holds(participant):
    growing = [{"data": list(range(n)), "eventdata": [], "questiondata": {}} for n in (1, 2, 3)]
    for order in permutations(growing):
        for record in order:
            assert put(participant, record).status == 200
        assert participant.load().json == growing[-1]
    changed = growing[-1] | {"bonus": 1}
    assert put(participant, changed).status == 200
    assert participant.load().json == changed


NESTED = '{"a":' * 50_000 + "1" + "}" * 50_000
DEEP = '{"a":' * 100_000
BAD_BODIES = {
    "empty": b"",
    "no-json": b"data=1",
    "cut-off": b'{"data": [1, 2',
    "list": b"[1]",
    "text": b'"x"',
    "nul": b'{"a": "\0"}',
    "not-utf-8": b'{"a": "\xff"}',
    "nan": b'{"a": NaN}',
    "nested": NESTED.encode(),
    "very-deep": DEEP.encode(),
}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES)
def test_a_body_that_is_no_record_is_refused_and_changes_nothing(participant, body):
    record = {"data": [{"trial": 1}]}
    assert put(participant, record).status == 200
    answer = put_raw(participant, body)
    assert (answer.status, answer.json["reason"]) == (400, "malformed")
    assert participant.load().json == record


def test_a_body_that_is_too_large_or_of_another_type_is_refused(participant):
    record = {"data": [1]}
    assert put(participant, record).status == 200
    large = json.dumps({"data": "x" * 8_000_000}).encode()
    assert put_raw(participant, large).status == 413
    assert put_raw(participant, large + b" " * 200_000).status == 413
    assert put_raw(participant, b'{"data": []}', content_type="text/plain").status == 415
    assert participant.load().json == record
    most = {"data": ["x" * 1_000_000] * 7}
    assert put(participant, most).status == 200
    assert participant.load().json == most


def put_raw(participant, body: bytes, content_type: str = "application/json"):
    return participant.browser.send(
        "PUT", f"/sync/{participant.uniqueid}", body, {"Content-Type": content_type}
    )


def test_nobody_but_its_own_browser_reads_or_changes_a_record(participant, server):
    record = {"data": [1]}
    assert put(participant, record).status == 200
    stranger = Participant(server.address, "stranger", participant.worker, mode="prolific")
    begin(stranger)
    [(name, value)] = {c.name: c.value for c in participant.browser.cookies}.items()
    [(other_name, other_value)] = {c.name: c.value for c in stranger.browser.cookies}.items()
    assert (other_name, len(other_value)) == (name, len(value))
    (browser, signature), (_, others) = value.split("."), other_value.split(".")
    attempts = {
        "nothing": {},
        "another's cookie": {name: other_value},
        "another's signature": {name: f"{browser}.{others}"},
        "no signature": {name: browser},
        "its signature alone": {name: signature},
        "its name": {name: name},
        "tampered": {name: value[:-2] + "zz"},
        "cut off": {name: value[:-1]},
        "of other letters": {name: value[:-1] + "\u00e9"},
        "empty": {name: ""},
    }
    uid = participant.uniqueid
    requests = [
        ("GET", f"/sync/{uid}", None), ("PUT", f"/sync/{uid}", b"{}"),
        ("POST", f"/sync/{uid}/entries?window=1&first=1", b'[["trial",1,1]]'),
        ("POST", "/inexp", f"uniqueId={uid}".encode()),
        ("POST", "/quitter", f"uniqueId={uid}".encode()),
        ("POST", "/leave", f"uniqueId={uid}&reason=left-early".encode()),
        ("GET", f"/complete?uniqueId={uid}&mode=prolific", None),
        ("GET", f"/worker_complete?uniqueId={uid}", None),
        ("GET", f"/worker_submitted?uniqueId={uid}", None),
        ("GET", f"/worker_submitted?uniqueId={uid}&token=guess", None),
        ("GET", f"/leave?uniqueId={uid}", None),
    ]  # fmt: skip
    statuses = {
        (attempt, method, path): ask(server, method, path, body, cookies)
        for attempt, cookies in attempts.items()
        for method, path, body in requests
    }
    assert set(statuses.values()) <= {403, 429}
    assert participant.load().json == record
    assert participant.status() == 1
    assert uid not in server.output
    assert ask(server, "GET", f"/sync/{uid}", None, {name: value}) == 200


def test_whoever_knows_the_ids_gets_no_proof_for_a_record(participant, server):
    put(participant, {"data": [1]})
    thief = Participant(server.address, participant.worker, "a", mode="prolific")
    assert thief.open("/exp").error == 403
    participant.start()
    assert thief.open("/exp").error == 403
    participant.complete()
    assert thief.open("/exp").error == 1010
    assert thief.load().status in (403, 429)


def test_a_route_of_the_researchers_own_tells_each_browser_its_own_record_only(studies):
    study = studies(project_slug="own-route")
    with (study.path / "custom.py").open("a", encoding="utf-8") as file:
        file.write(OWN_ROUTE)
    port = free_port()
    with Server(
        study.path, study.python, "-m", "study.server", port=port, PSITURK_PORT=str(port),
        PSITURK_THREADS="1", PSITURK_DATABASE_URL=f"sqlite:///{study.path}/own.db",
    ) as server:  # fmt: skip
        participant = begin(Participant(server.wait().address, "w", "a", mode="prolific"))
        put(participant, {"data": [1, 2, 3]})
        assert participant.browser.get("/trials", uniqueId="w:a").json == {"trials": 3}
        stranger = Participant(server.address).browser
        assert stranger.get("/trials", uniqueId="w:a").status == 403


def ask(server: Server, method: str, path: str, body: bytes | None, cookies: dict) -> int:
    """The status of one request without a browser's memory."""
    headers = {"User-Agent": BROWSER, "Content-Type": "application/x-www-form-urlencoded"}
    if path.startswith("/sync"):
        headers["Content-Type"] = "application/json"
    if cookies:
        headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
    request = urllib.request.Request(server.address + path, body, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code


def test_the_proof_is_for_this_browser_alone_and_out_of_reach_of_scripts(participant):
    [cookie] = participant.browser.cookies
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert cookie.get_nonstandard_attr("SameSite") == "Lax"
    assert participant.worker not in cookie.value


def test_a_lab_computer_keeps_the_proofs_of_all_its_participants_in_one_cookie(server):
    first = begin(Participant(server.address, "seat-0", "a", mode="prolific"))
    for number in range(1, 20):
        sitting = Participant(server.address, f"seat-{number}", "a", mode="prolific")
        sitting.browser = first.browser
        begin(sitting)
    assert sitting.load().status == first.load().status == 200
    assert len(list(first.browser.cookies)) == 1


CALLS = ("start", "quit", "complete", "submit")
RANK = {0: 0, 1: 1, 2: 2, 6: 3, 3: 4, 4: 5}


@given(calls=st.lists(st.sampled_from(CALLS), min_size=1, max_size=6))
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_status_never_goes_back(server, calls):
    participant = begin(
        Participant(server.address, f"calls-{'-'.join(calls)}", "a", mode="prolific")
    )
    put(participant, {"data": [1]})
    before = participant.status()
    for call in calls:
        if call == "quit":
            participant.browser.post("/quitter", uniqueId=participant.uniqueid)
        else:
            getattr(participant, call)()
        after = participant.status()
        assert RANK[after] >= RANK[before], (call, before, after)
        before = after


def test_a_connection_that_the_database_cut_is_not_noticed(study, cluster):
    url = cluster.create_database()
    port = free_port()
    with Server(
        study.path, study.python, "-m", "study.server",
        port=port, PORT=str(port), ON_CLOUD="1", DATABASE_URL=url,
    ) as server:  # fmt: skip
        participant = begin(Participant(server.wait().address, mode="prolific"))
        database = urlsplit(url).path[1:]
        cluster.run(f"ALTER DATABASE {database} SET timezone TO 'America/New_York'")
        steps = [
            lambda: put(participant, {"data": [1]}), participant.load, participant.start,
            lambda: participant.open("/pub"), participant.complete, participant.submit,
            lambda: Participant(server.address, "w2", mode="prolific").open("/exp"),
        ]  # fmt: skip
        for step in steps:
            cluster.disconnect(url)
            assert step().status in (200, 403)
        begun = cluster.run(
            "SELECT extract(epoch FROM (now() AT TIME ZONE 'UTC') - beginhit) < 600 "
            "FROM assignments",
            database=database,
        )
        assert set(begun.split()) == {"t"}  # UTC, whatever the database's zone
        row = cluster.run("SELECT status, ipaddress, browser FROM assignments", database=database)
        assert row.splitlines()[0] == "4||Firefox"


def test_many_connections_that_the_database_cut_are_not_noticed(study, cluster):
    url = cluster.create_database()
    with cloud_server(study.path, study.python, url) as server, ThreadPoolExecutor(24) as crowd:
        address = server.wait().address
        people = [Participant(address, f"w{n}", mode="prolific") for n in range(24)]
        list(crowd.map(begin, people))
        for number in range(3):
            statuses = [answer.status for answer in crowd.map(Participant.load, people)]
            assert statuses == [200] * 24
            open_now = f"FROM pg_stat_activity WHERE datname = '{url.rpartition('/')[2]}'"
            assert int(cluster.run(f"SELECT count(*) {open_now}")) > 4
            cluster.disconnect(url)
            for each in people[: number + 1]:
                assert each.start().status == 200


def test_an_address_is_stored_only_if_asked_and_then_the_visitors_own(study, cluster):
    url, stored = cluster.create_database(), {}
    for setting in ("false", "true"):
        port = free_port()
        with Server(
            study.path, study.python, "-m", "study.server",
            port=port, PORT=str(port), ON_CLOUD="1", DATABASE_URL=url,
            PSITURK_STORE_ADDRESS=setting,
        ) as server:  # fmt: skip
            visitor = Participant(server.wait().address, f"w-{setting}", mode="prolific")
            query = "&".join(f"{name}={value}" for name, value in visitor.ids.items())
            # A visitor's own word, and what Heroku's router adds behind it.
            headers = {"X-Forwarded-For": "198.51.100.1, 203.0.113.9"}
            assert visitor.browser.send("GET", f"/exp?{query}", headers=headers).status == 200
            says = visitor.open("/consent").text
            stored[setting] = "We do not store the internet address" in says
    rows = cluster.run(
        "SELECT workerid, ipaddress FROM assignments ORDER BY 1", database=urlsplit(url).path[1:]
    )
    assert rows == "w-false|\nw-true|203.0.113.9\n"
    assert stored == {"false": True, "true": False}
