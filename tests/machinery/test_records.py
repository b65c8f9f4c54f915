"""A participant's record: who may touch it, which save wins, and what never gets in."""

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
from server import Server, free_port

OWN_ROUTE = """
@custom_code.route("/trials")
def trials():
    from flask import request
    from study.server import own_record

    return {"trials": len(own_record(request.args["uniqueId"])["data"])}
"""
SAVES = st.lists(st.integers(1, 6), min_size=1, max_size=8)


@pytest.fixture(scope="module")
def study(studies):
    return studies(recruitment="prolific", num_conditions="2")


@pytest.fixture(scope="module", params=["postgresql", "sqlite"])
def server(request, study, cluster, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sqlite")
    settings = {"PSITURK_DATABASE_URL": f"sqlite:///{folder}/participants.db"}
    if request.param == "postgresql":
        settings = {"DATABASE_URL": cluster.create_database(), "ON_CLOUD": "1"}
    port = free_port()
    with Server(
        study.path, study.python, "-m", "study.server",
        port=port, PSITURK_PORT=str(port), PSITURK_THREADS="1", PSITURK_ERRORLOG="-", **settings,
    ) as server:  # fmt: skip
        yield server.wait()


@pytest.fixture
def participant(server, request):
    """Somebody new, in the task."""
    worker = re.sub(r"\W+", "-", request.node.name)[:100]
    return begin(Participant(server.address, worker, "a", mode="prolific"))


def begin(participant: Participant) -> Participant:
    page = participant.open("/exp")
    assert page.status == 200, page.text
    participant.writer = int(re.search(r'data-writer="(\d+)"', page.text)[1])
    return participant


def put(participant: Participant, record, query: str = "", as_who: Participant | None = None):
    browser = (as_who or participant).browser
    return browser.request("PUT", f"/sync/{participant.uniqueid}{query}", data=record)


def save(participant: Participant, number: int, record: dict, writer: int | None = None):
    return put(participant, record, f"?writer={writer or participant.writer}&save={number}")


@given(order=SAVES)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_repeated_late_and_reordered_saves_end_in_the_newest(server, order):
    worker = f"order-{'-'.join(map(str, order))}"
    participant = begin(Participant(server.address, worker, "a", mode="prolific"))
    for number in order:
        assert save(participant, number, {"data": [number]}).json == {"status": "user data saved"}
    assert participant.load().json == {"data": [max(order)]}


def test_saves_at_the_same_time_end_in_the_newest(participant):
    with ThreadPoolExecutor(12) as at_once:
        list(at_once.map(lambda n: save(participant, n, {"data": [n]}), range(1, 25)))
    assert participant.load().json == {"data": [24]}


def test_psiturks_own_client_saves_by_how_much_it_holds(participant):
    growing = [{"data": list(range(n)), "eventdata": [], "questiondata": {}} for n in (1, 2, 3)]
    for order in permutations(growing):
        for record in order:
            assert put(participant, record).status == 200
        assert participant.load().json == growing[-1]
    changed = growing[-1] | {"bonus": 1}
    assert put(participant, changed).status == 200
    assert participant.load().json == changed


def test_an_older_window_cannot_replace_what_a_newer_one_saved(participant, server):
    assert save(participant, 5, {"data": ["old window"]}).status == 200
    older = participant.writer
    begin(participant)
    assert participant.writer == older + 1
    refused = save(participant, 6, {"data": ["late"]}, writer=older)
    assert (refused.status, refused.json["reason"]) == (409, "newer-window")
    assert participant.load().json == {"data": ["old window"]}
    assert save(participant, 1, {"data": ["new window"]}).status == 200
    assert save(participant, 7, {"data": ["later"]}, writer=older).status == 409
    assert participant.load().json == {"data": ["new window"]}
    assert save(participant, 1, {"data": []}, writer=participant.writer + 1).status == 409


def entry(number: int, kind: str, *content, window: str = "w") -> dict:
    return {"window": window, "number": number, "kind": kind, "text": json.dumps(content)}


def add(participant: Participant, entries, query: str):
    path = f"/sync/{participant.uniqueid}/entries{query}"
    return participant.browser.request("POST", path, data=entries)


def test_entries_are_added_once_however_often_they_come(participant):
    trial = {"uniqueid": participant.uniqueid, "dateTime": 5, "trialdata": {"word": "sch\u00f6n"}}
    first = {"currenttrial": 1, "data": ["the first"], "questiondata": {}, "eventdata": [1]}
    assert save(participant, 1, first | {"windows": {"w": 3, "older": 2}}).status == 200
    entries = [
        entry(3, "trial", trial),
        entry(4, "trial", trial),
        entry(5, "answer", "age", 33),
        entry(6, "answer", "no value"),  # JSON has no undefined
        entry(2, "event", {"eventtype": "old"}, window="older"),
        entry(7, "event", {"eventtype": "focus"}),
        entry(8, "attributes", {"begun": True}),
    ]
    added = {
        "currenttrial": 2,
        "data": ["the first", trial | {"current_trial": 1}],
        "questiondata": {"age": 33, "no value": None},
        "eventdata": [1, {"eventtype": "focus"}],
        "begun": True,
        "windows": {"w": 8, "older": 2},
    }
    for number in (5, 6, 6):
        answer = add(participant, entries, f"?writer={participant.writer}&save={number}")
        assert answer.status == 200, answer.text
        assert participant.load().json == added
    assert save(participant, 4, {"data": ["late"]}).status == 200  # a save before those
    assert participant.load().json == added


def test_entries_find_a_record_that_was_never_saved(participant):
    trial = {"uniqueid": participant.uniqueid, "dateTime": 5, "trialdata": 1}
    entries = [entry(1, "trial", trial)]
    assert add(participant, entries, f"?writer={participant.writer}&save=1").status == 200
    record = participant.load().json
    assert record["data"] == [trial | {"current_trial": 0}]
    assert record["workerId"] == participant.worker


BAD_ENTRIES = [
    {}, 1, "x", [1], [{}], ["x"], [entry(1, "unknown", 1)], [entry(1, "trial", {})],
    [entry(1, "trial")], [entry("1", "event", {})], [entry(1, "answer", [])],
    [entry(1, "attributes", 1)], [entry(1, "event", {}) | {"text": "{"}],
    [entry(1, "event", {}) | {"text": 5}], [entry(1, "event", {}) | {"window": []}],
    [entry(1, "attributes", {"data": 1}), entry(2, "trial", {})],
]  # fmt: skip


@pytest.mark.parametrize("entries", BAD_ENTRIES, ids=map(str, range(len(BAD_ENTRIES))))
def test_what_are_no_entries_changes_nothing(participant, entries):
    record = {"data": [1], "questiondata": {}, "eventdata": [], "currenttrial": 1, "windows": {}}
    assert save(participant, 1, record).status == 200
    answer = add(participant, entries, f"?writer={participant.writer}&save=2")
    assert (answer.status, answer.json["reason"]) == (400, "malformed")
    assert participant.load().json == record


def test_entries_are_refused_where_a_record_would_be(participant, server):
    assert save(participant, 1, {"data": ["x" * 7_000_000]}).status == 200
    large = [entry(1, "event", "x" * 1_500_000)]
    query = f"?writer={participant.writer}&save=2"
    answer = add(participant, large, query)
    assert (answer.status, answer.json["reason"]) == (413, "too-large")
    assert add(participant, [], "").json["reason"] == "malformed"  # no number
    older = participant.writer
    begin(participant)
    answer = add(participant, [entry(1, "event", 1)], f"?writer={older}&save=3")
    assert (answer.status, answer.json["reason"]) == (409, "newer-window")
    assert "windows" not in participant.load().json


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
    assert save(participant, 1, record).status == 200
    for query in ("", f"?writer={participant.writer}&save=2"):
        answer = put_raw(participant, body, query)
        assert (answer.status, answer.json["reason"]) == (400, "malformed")
    assert participant.load().json == record


def test_a_body_that_is_too_large_or_of_another_type_is_refused(participant):
    record = {"data": [1]}
    assert save(participant, 1, record).status == 200
    large = json.dumps({"data": "x" * 8_000_000}).encode()
    assert put_raw(participant, large).status == 413
    assert put_raw(participant, large + b" " * 200_000).status == 413
    assert put_raw(participant, b'{"data": []}', content_type="text/plain").status == 415
    assert participant.load().json == record
    most = {"data": ["x" * 1_000_000] * 7}
    assert save(participant, 2, most).status == 200
    assert participant.load().json == most


@pytest.mark.parametrize("query", ["?writer=1", "?save=1", "?writer=x&save=1", "?writer=0&save=1",
                                   "?writer=1&save=-1", "?writer=1&save=99999999999"])  # fmt: skip
def test_a_save_with_an_impossible_number_is_refused(participant, query):
    assert put(participant, {"data": []}, query).json["reason"] == "malformed"


def put_raw(participant, body: bytes, query: str = "", content_type: str = "application/json"):
    return participant.browser.send(
        "PUT", f"/sync/{participant.uniqueid}{query}", body, {"Content-Type": content_type}
    )


def test_nobody_but_its_own_browser_reads_or_changes_a_record(participant, server):
    record = {"data": [1]}
    assert save(participant, 1, record).status == 200
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
        ("GET", f"/sync/{uid}", None), ("PUT", f"/sync/{uid}?writer=1&save=99", b"{}"),
        ("POST", f"/sync/{uid}/entries?writer=1&save=99", b"[]"),
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
    save(participant, 1, {"data": [1]})
    thief = Participant(server.address, participant.worker, "a", mode="prolific")
    assert thief.open("/exp").error == 403
    participant.start()
    assert thief.open("/exp").error == 1008
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
        save(participant, 1, {"data": [1, 2, 3]})
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
    save(participant, 1, {"data": [1]})
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
            lambda: save(participant, 1, {"data": [1]}), participant.load, participant.start,
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
