"""Whom the study takes: limits for how many arrive, and the room that the database has."""

from urllib.parse import urlsplit

import pytest
from participant import Participant
from server import cloud_server
from wire import ask

OF_CLIENT = 300  # in a minute, in a worker process
SECRET = {"PSITURK_SECRET_KEY": "k3y"}  # two servers of one study


@pytest.fixture(scope="module")
def study(studies):
    return studies(recruitment="mturk", heroku_app="later")


@pytest.fixture(scope="module")
def url(cluster):
    return cluster.create_database()


@pytest.fixture(scope="module")
def server(study, url):
    with cloud_server(study.path, study.python, url, **SECRET) as server:
        yield server.wait()


def come(server, address: str, worker: str, page: str = "/exp", **headers: str):
    """Somebody's request for a page, from an address."""
    ids = f"hitId=h&assignmentId=a&workerId={worker}&mode=live"
    return ask(server, f"{page}?{ids}", X_Forwarded_For=address, **headers)


def counted(cluster, url: str, kind: str) -> int:
    sql = f"SELECT coalesce(sum(count), 0) FROM study_incidents WHERE kind = '{kind}'"
    return int(cluster.run(sql, database=urlsplit(url).path[1:]))


def test_a_lecture_from_one_address_passes_and_a_flood_waits_for_the_next_minute(
    server, url, cluster
):
    statuses = []
    while 429 not in statuses and len(statuses) < 3 * OF_CLIENT:  # a minute may end in between
        refused = come(server, "192.0.2.1", f"w{len(statuses)}")
        statuses.append(refused.status)
    assert statuses[:200] == [200] * 200 and set(statuses) == {200, 429}
    assert (refused.status, refused.headers["Retry-After"]) == (429, "60")
    assert "Load this page again in a minute" in refused.text
    script = come(server, "192.0.2.1", "script", Accept="application/json")
    assert (script.status, script.json["reason"]) in ((429, "too-often"), (200, None))
    for again in range(5):  # whoever has begun
        assert come(server, "192.0.2.1", f"w{again}").status in (200, 403)
    assert come(server, "192.0.2.2", "other").status == 200
    assert counted(cluster, url, "too-many-arrivals") in (1, 2)


def test_all_clients_together_have_a_limit_too(study, cluster):
    url = cluster.create_database()
    settings = SECRET | {"ARRIVALS_PER_MINUTE": "7"}
    with cloud_server(study.path, study.python, url, **settings) as server:
        server.wait()
        statuses = [come(server, f"192.0.2.{n}", f"w{n}").status for n in range(50)]
    assert statuses[:14] == [200] * 14
    assert 50 - 2 * 14 <= statuses.count(429) <= 50 - 14  # a minute may end in between
    assert counted(cluster, url, "too-many-arrivals") in (1, 2)


def test_a_database_that_is_nearly_full_takes_saves_and_nobody_new(study, server, url, cluster):
    before = Participant(server.address, "before")
    assert before.open("/exp").status == 200
    settings = SECRET | {"DATABASE_LIMIT_MB": "5"}  # an empty database has 8 MB
    with cloud_server(study.path, study.python, url, **settings) as full:
        full.wait()
        for page in ("/pub", "/exp"):
            refused = come(full, "192.0.2.3", "newcomer", page)
            assert (refused.status, refused.headers["Retry-After"]) == (503, None)
            assert "The study cannot take anybody at the moment" in refused.text
        before.browser.address = full.address
        assert before.open("/pub").status == before.open("/exp").status == 200
        assert before.save(before.record()).status == 200
        before.start()
        assert before.complete().status == 200
    assert counted(cluster, url, "database-full") == 2


def test_with_room_everybody_is_taken(study, url):
    settings = SECRET | {"DATABASE_LIMIT_MB": "10000"}
    with cloud_server(study.path, study.python, url, **settings) as server:
        server.wait()
        assert come(server, "192.0.2.4", "somebody").status == 200


@pytest.mark.parametrize("name", ["DATABASE_LIMIT_MB", "ARRIVALS_PER_MINUTE"])
def test_a_limit_that_is_no_number_is_refused_at_the_start(study, url, name):
    with cloud_server(study.path, study.python, url, starts=True, **{name: "1 GB"}) as server:
        assert server.process.wait(60) == 1
    assert f"{name} must be a whole number" in server.output
    assert "Traceback" not in server.output
