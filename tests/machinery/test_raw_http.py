"""Bytes on a study's port: whatever they are, no server error, no traceback, and no id in the log.

A few hundred conversations; more: EXAMPLES=20000 uv run pytest -n0 tests/machinery/test_raw_http.py
"""

import os

import pytest
from hypothesis import HealthCheck, example, given, settings
from participant import Participant
from raw_http import ID, OWN_COOKIE, STATUS, UID, conversations, exchange
from server import cloud_server

NOT_IMPLEMENTED = 501  # the right answer to a Transfer-Encoding that nobody knows (RFC 9112)
SAVE = b"PUT /sync/" + UID.encode() + b" HTTP/1.1\r\nHost: study\r\nCookie: " + OWN_COOKIE
SAVE += b"\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
KNOWN = [
    b"GET /sync/" + UID.encode() + b" HTTP/1.1\r\nHost: study\r\nSCRIPT_NAME: /x\r\n\r\n",
    b"GET /pub HTTP/1.1\r\nHost: a..b\r\nX-Forwarded-Proto: http\r\n\r\n",
    b"PUT /" + UID.encode() + b" HTTP/1.1\r\nHost: study\r\nContent-Length: x\r\n\r\n",
    ID.encode() + b" / HTTP/1.1\r\nHost: study\r\n\r\n",
    b"GET /check_worker_status?workerId=%00 HTTP/1.1\r\nHost: study\r\n\r\n",
    b"GET /complete?uniqueId=%00 HTTP/1.1\r\nHost: study\r\n\r\n",
    SAVE + ID.encode() + b"\r\n",
    SAVE + b"2\r\n{}\n",
    SAVE + b"2\r\n{}\r\n0\r\nHost: " + ID.encode() + b"\r\n\r\n",
    SAVE + b"2\r\n{",
]


@pytest.fixture(scope="module")
def server(studies, cluster):
    """As Heroku's buildpack starts it: whoever connects is trusted as a proxy."""
    study, url = studies(recruitment="prolific", heroku_app="later"), cluster.create_database()
    with cloud_server(study.path, study.python, url, FORWARDED_ALLOW_IPS="*") as server:
        yield server.wait()


@pytest.fixture(scope="module")
def cookie(server) -> bytes:
    """The cookie of the participant with the ids that the conversations name."""
    owner = Participant(server.address, *UID.split(":"), mode="prolific")
    assert owner.open("/exp").status == 200
    return "; ".join(f"{each.name}={each.value}" for each in owner.browser.cookies).encode()


def known(test):
    for sent in KNOWN:
        test = example(sent)(test)
    return test


@settings(
    max_examples=int(os.environ.get("EXAMPLES", "300")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@known
@given(conversations())
def test_bytes_are_refused_without_an_error_and_without_an_id_in_the_log(server, cookie, sent):
    printed = len(server.output)
    received = exchange(server.port, sent.replace(OWN_COOKIE, cookie))
    statuses = {int(status) for status in STATUS.findall(received)} - {NOT_IMPLEMENTED}
    assert max(statuses, default=0) < 500
    said = server.output[printed:]
    assert "Traceback" not in said and 'File "' not in said
    assert not [part for part in UID.split(":") if part in said]
