"""How often a client may ask for the records of others (study/server/ownership.py)."""

import subprocess
from collections import Counter

import pytest
from server import cloud_server
from wire import ask

LIMIT = 60  # failures in a minute
NEXT_MINUTE = """
import time
from study.server.throttle import CLIENTS, Throttle

now, told = 6000.0, []
time.monotonic = lambda: now
throttle = Throttle(60, 100, lambda: told.append(now))

def come(address, times):
    return [throttle.allow(address) for _ in range(times)].count(True)

assert (come("192.0.2.1", 62), told) == (60, [now])
assert come("192.0.2.2", 62) == 40  # and with it the limit for all is reached
assert sum(come(f"198.51.100.{n}", 20) for n in range(12)) == 100  # 10 of each, up to twice as many
now += 59
assert come("192.0.2.1", 1) == come("192.0.2.3", 1) == 0 and len(told) == 1
now += 1
assert come("192.0.2.1", 1) and len(told) == 1
for number in range(3 * CLIENTS):
    throttle.allow(f"10.{number // 65536}.{number // 256 % 256}.{number % 256}")
assert len(throttle._clients) <= CLIENTS
"""


@pytest.fixture(scope="module")
def study(studies):
    return studies(recruitment="mturk", heroku_app="later")


@pytest.fixture(scope="module")
def server(study, cluster):
    with cloud_server(study.path, study.python, cluster.create_database()) as server:
        yield server.wait()


def fail(server, address: str, times: int = 1) -> list[int]:
    """Ask for somebody's record from an address, and return the statuses."""
    header = {"X_Forwarded_For": address}
    return [ask(server, "/sync/w:a", **header).status for _ in range(times)]


def test_a_client_may_fail_a_number_of_times_a_minute_and_no_other_is_concerned(server):
    statuses = fail(server, "192.0.2.1", 2 * LIMIT + 10)  # a minute may end in between
    assert 10 <= Counter(statuses)[429] <= LIMIT + 10
    assert set(statuses) == {403, 429}
    assert statuses[:LIMIT] == [403] * LIMIT
    assert fail(server, "192.0.2.2") == [403]
    refused = ask(server, "/sync/w:a", X_Forwarded_For="192.0.2.1")
    if refused.status == 429:
        assert refused.headers["Retry-After"] == "60"
        assert refused.json["reason"] == "too-often"


def test_the_owner_of_a_record_is_not_concerned_by_failures_from_the_same_address(server):
    client = {"X_Forwarded_For": "192.0.2.3"}
    ids = "hitId=h&assignmentId=a&workerId=lab&mode=live"
    own = ask(server, f"/exp?{ids}", **client).headers["Set-Cookie"].partition(";")[0]
    fail(server, "192.0.2.3", LIMIT + 5)
    assert ask(server, "/sync/lab:a", Cookie=own, **client).status == 200


def test_a_client_with_many_addresses_of_one_network_is_one_client(server):
    for number in range(2 * LIMIT + 10):
        (last,) = fail(server, f"2001:db8:1:2:aaaa::{number:x}")
    assert last == 429 or fail(server, "2001:db8:1:2:bbbb::1", LIMIT + 1)[-1] == 429
    assert fail(server, "2001:db8:1:3::1") == [403]


def test_the_next_minute_begins_anew_and_the_memory_of_clients_is_limited(study):
    command = [study.python, "-c", NEXT_MINUTE]
    done = subprocess.run(command, cwd=study.path, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
