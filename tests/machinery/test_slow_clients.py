"""Clients that send or read slowly, or not at all, while others want to take part.

A study's server is reached directly here; Heroku's router would hold back half heads.
"""

import itertools
import socket
import time
from contextlib import ExitStack, closing

import pytest
from participant import Participant
from server import Server, cloud_server, wait_for
from slow_clients import ENDLESS_LINE, HALF_HEAD, PIECE, Siege, half_body

from tests.bench.processes import pss
from tests.bench.watch import Watch

MANY = 2100  # more than the connections of two workers
MOST = 200  # MB that the bodies of strangers may take on two workers
LARGE = 7_900_000
numbers = itertools.count()
READ = b"GET /static/js/participant.js HTTP/1.1\r\nHost: study\r\n\r\n"


@pytest.fixture(scope="module")
def server(studies, cluster):
    study = studies(recruitment="prolific", heroku_app="later")
    url = cluster.create_database()
    with cloud_server(study.path, study.python, url, starts=True, WEB_CONCURRENCY="2") as server:
        server.wait().started_workers(2)
        yield server


@pytest.fixture
def attacker(server) -> Participant:
    attacker = Participant(server.address, f"attacker{next(numbers)}", mode="prolific")
    attacker.open("/exp")
    return attacker


@pytest.fixture
def visitor(server) -> Participant:
    return Participant(server.address, f"visitor{next(numbers)}", mode="prolific")


def unfinished(attacker: Participant, sent: int, length: int = LARGE) -> bytes:
    """A save of the attacker's own record that stops in the middle."""
    cookie = "; ".join(f"{c.name}={c.value}" for c in attacker.browser.cookies)
    return half_body(f"/sync/{attacker.uniqueid}", cookie, length, sent)


def memory(server: Server) -> float:
    return sum(map(pss, server.workers()))


SIEGES = {
    "silent": lambda _: {"opening": b""},
    "half-heads": lambda _: {"opening": HALF_HEAD, "drip": b"a"},
    "slow-bodies": lambda attacker: {"opening": unfinished(attacker, 20), "drip": b"a"},
    "unread-answers": lambda _: {"opening": 10 * READ, "drip": b" ", "reads": False},
}


@pytest.mark.parametrize("siege", SIEGES.values(), ids=SIEGES)
def test_a_visitor_takes_part_while_2100_keep_the_server_waiting(server, attacker, visitor, siege):
    workers = server.workers()
    with Siege(server.port, connections=MANY, **siege(attacker)):
        visitor.take_part()
    assert server.workers() == workers
    assert visitor.load().json == visitor.record_saved
    assert "Traceback" not in server.output


def test_a_line_without_an_end_is_refused_and_its_worker_lives_on(server, visitor):
    workers = server.workers()
    with Siege(server.port, ENDLESS_LINE, connections=4, drip=16 * PIECE * b"a") as siege:
        visitor.take_part()
        wait_for(lambda: siege.closed >= 4)
    assert server.workers() == workers


def test_unfinished_bodies_take_little_memory_and_give_it_back(server, attacker, visitor):
    before = memory(server)
    bodies = unfinished(attacker, LARGE - 10_000)
    with Watch(lambda: memory(server), every=0.2) as watch:
        with Siege(server.port, bodies, connections=60):
            assert visitor.open("/exp").status == 200
            large = visitor.record() | {"large": "x" * 5_000_000}
            assert visitor.save(large).status == 200
        assert visitor.load().json == large
    assert watch.peak < before + MOST
    wait_for(lambda: memory(server) < before + MOST / 5)


def test_who_has_waited_longest_is_closed_and_a_body_without_an_answer(server, attacker):
    """An answer to it, such as 400, would be the study's word that the save was wrong."""
    with ExitStack() as stack:

        def begin_bodies(number: int) -> list[socket.socket]:
            clients = [stack.enter_context(closing(connect(server))) for _ in range(number)]
            for client in clients:
                client.sendall(unfinished(attacker, 20))
                client.setblocking(False)
            return clients

        bodies = begin_bodies(700)
        wait_for(lambda: sum(map(has_hung_up, bodies)) >= 300, 10)  # each worker bears 200
        later = begin_bodies(100)
        wait_for(lambda: sum(map(has_hung_up, bodies)) >= 400, 10)
        assert not any(map(has_hung_up, later))
        last = later[-1]
        last.setblocking(True)
        last.sendall((LARGE - 20) * b"a")
        assert receive(last).startswith(b"HTTP/1.1 400")  # all of it has come, and is no record


@pytest.mark.slow
def test_each_wait_has_an_end_unless_bytes_move(server, attacker):
    openings = {
        "half head": HALF_HEAD,
        "slow head": HALF_HEAD,
        "silent body": unfinished(attacker, 60_000),
        "slow body": unfinished(attacker, 20),
        "body": unfinished(attacker, 20),
    }
    with ExitStack() as stack:
        clients = {name: stack.enter_context(closing(connect(server))) for name in openings}
        for name, client in clients.items():
            client.sendall(openings[name])
            client.setblocking(False)
        deadline, closed = time.monotonic() + 40, set()
        while time.monotonic() < deadline:
            for name, size in {"slow head": 1, "slow body": 100, "body": 4000}.items():
                if name not in closed and not send(clients[name], size * b"a"):
                    closed.add(name)
            closed |= {name for name, client in clients.items() if has_hung_up(client)}
            time.sleep(1)
    assert closed == {*openings} - {"body"}


def connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=60)


def receive(client: socket.socket) -> bytes:
    """What comes next; nothing if the server hung up."""
    try:
        return client.recv(PIECE)
    except ConnectionResetError:
        return b""


def send(client: socket.socket, data: bytes) -> bool:
    """Send what fits; return whether the server takes it."""
    try:
        return bool(client.send(data))
    except BlockingIOError:
        return True
    except OSError:
        return False


def has_hung_up(client: socket.socket) -> bool:
    try:
        return client.recv(PIECE) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
