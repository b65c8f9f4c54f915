"""What a save's body may be, with a length or in chunks, and what a refusal says."""

import http.client
from collections.abc import Iterable

import pytest
from participant import Participant
from server import cloud_server
from wire import Answer

LIMIT = 8_000_000  # bytes: max_record_mb in config.txt


@pytest.fixture(scope="module")
def server(studies, cluster):
    study = studies(recruitment="prolific", heroku_app="later")
    settings = {"PSITURK_MAX_RECORD_MB": str(LIMIT // 1_000_000)}
    with cloud_server(study.path, study.python, cluster.create_database(), **settings) as server:
        yield server.wait()


@pytest.fixture
def participant(server, request) -> Participant:
    worker = request.node.callspec.id
    participant = Participant(server.address, worker, "a", mode="prolific")
    assert participant.open("/exp").status == 200
    return participant


def put(participant: Participant, body: bytes | Iterable[bytes], **headers: str) -> Answer:
    """Save a body: an iterable in chunks, as it comes."""
    cookie = "; ".join(f"{each.name}={each.value}" for each in participant.browser.cookies)
    headers |= {"Cookie": cookie, "Content-Type": "application/json"}
    connection = http.client.HTTPConnection(participant.address.rpartition("/")[2], timeout=30)
    connection.request("PUT", f"/sync/{participant.uniqueid}", body, headers)
    response = connection.getresponse()
    return Answer(response.status, response.headers, response.read())


def text(size: int) -> bytes:
    """A record of that size."""
    return b'{"data":["' + b"a" * (size - 13) + b'"]}'


def pieces(body: bytes) -> Iterable[bytes]:
    return (body[start : start + 100_000] for start in range(0, len(body), 100_000))


@pytest.mark.parametrize("send", [lambda body: body, pieces], ids=["whole", "in-chunks"])
def test_a_body_above_the_limit_is_too_large_and_one_below_is_stored(server, participant, send):
    assert put(participant, send(text(LIMIT - 10))).status == 200
    stored = participant.load().text
    for size in (LIMIT + 1, LIMIT + 100_000, 4 * LIMIT):
        answer = put(participant, send(text(size)))
        assert (answer.status, answer.json["reason"]) == (413, "too-large")
        answer = put(participant, send(text(size)), Connection="close")
        assert (answer.status, answer.json["reason"]) == (413, "too-large")
    assert put(participant, send(b'{"data":["\xff"]}')).json["reason"] == "malformed"
    assert participant.load().text == stored
    assert "Traceback" not in server.output
