"""How often a client may fail to prove that a record is its own (study/server/throttle.py)."""

import importlib.util

import pytest


@pytest.fixture(scope="module")
def throttle(studies):
    """The module study/server/throttle.py, which needs nothing of the study."""
    study = studies(recruitment="mturk", heroku_app="later")
    path = study.path / "machinery" / "study" / "server" / "throttle.py"
    spec = importlib.util.spec_from_file_location("throttle", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Clock:
    """A clock that goes on only when told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_client_may_fail_a_number_of_times_in_each_window(throttle):
    clock = Clock()
    limit = throttle.Throttle(failures=3, seconds=60, clock=clock)
    assert [limit.allow_failure("192.0.2.1") for _ in range(5)] == [True] * 3 + [False] * 2
    assert limit.allow_failure("192.0.2.2"), "another client is not concerned"
    clock.now += 59
    assert not limit.allow_failure("192.0.2.1")
    clock.now += 1
    assert limit.allow_failure("192.0.2.1")


def test_a_client_with_many_addresses_of_one_network_is_one_client(throttle):
    limit = throttle.Throttle(failures=1, clock=Clock())
    assert limit.allow_failure("2001:db8:1:2:aaaa::1")
    assert not limit.allow_failure("2001:db8:1:2:bbbb::1")
    assert limit.allow_failure("2001:db8:1:3::1")
    assert limit.allow_failure("::ffff:192.0.2.1")
    assert not limit.allow_failure("192.0.2.1")
    assert limit.allow_failure(None)


def test_the_memory_of_clients_is_limited(throttle):
    limit = throttle.Throttle(clock=Clock())
    for number in range(throttle.CLIENTS + 50):
        limit.allow_failure(f"10.0.{number // 250}.{number % 250}")
    assert len(limit._windows) == throttle.CLIENTS
