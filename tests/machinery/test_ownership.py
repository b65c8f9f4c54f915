"""Who may read and change a record: how long, in which browser, and who may take it over."""

import datetime
import zlib
from contextlib import ExitStack
from urllib.parse import urlencode

import pytest
from participant import Participant
from server import Server, free_port
from wire import ask


@pytest.fixture(scope="module")
def study(studies):
    return studies(recruitment="prolific", num_conditions="2")


@pytest.fixture
def participant(server, request) -> Participant:
    """Somebody new, in the task, of whom nothing is saved yet."""
    worker = f"w{zlib.crc32(request.node.name.encode())}"
    return open_task(Participant(server.address, worker, "a", mode="prolific"))


def open_task(participant: Participant) -> Participant:
    page = participant.open("/exp")
    assert page.status == 200, page.text
    return participant


def again(participant: Participant) -> Participant:
    """The same person, or somebody who knows the ids, in another browser."""
    ids = participant.worker, participant.assignment, participant.hit
    return Participant(participant.address, *ids, mode=participant.mode)


def test_a_proof_is_void_once_another_browser_opened_it_before_the_first_save(participant):
    """Whoever came first with somebody's ids keeps nothing (H1 of the attack)."""
    thief, victim = participant, open_task(again(participant))
    assert thief.save({"data": ["stolen"]}).status == 403
    assert thief.load().status == thief.complete().status == 403
    assert thief.start().status == 403
    assert victim.save({"data": ["shown"]}).status == 200
    assert thief.open("/exp").error == 403
    assert victim.load().json == {"data": ["shown"]}
    victim.start()
    assert victim.complete().status == 200
    assert thief.open("/exp").error == thief.open("/pub").error == 1010


@pytest.mark.parametrize("mode", ["prolific", "preview"])
def test_after_the_first_save_nobody_else_opens_it(server, mode):
    owner = Participant(server.address, f"saved-{mode}", "a", mode=mode)
    open_task(owner.enter())
    owner.save({"data": [1]})
    for moment in (lambda: None, owner.start, owner.complete):
        moment()
        other = Participant(server.address).browser
        assert other.get("/exp", **owner.ids).status == 403
        assert other.get(f"/sync/{owner.uniqueid}").status in (403, 429)
        assert other.get("/complete", uniqueId=owner.uniqueid).status in (403, 429)
        assert owner.load().json == {"data": [1]}


def test_a_proof_ends_a_day_after_the_participation_and_after_a_month(server):
    def come(worker: str) -> Participant:
        participant = open_task(Participant(server.address, worker, "a", mode="prolific"))
        participant.save({"data": [1]})
        return participant

    def move(participant: Participant, column: str, **ago: int) -> int:
        time = datetime.datetime.now(datetime.UTC).replace(tzinfo=None) - datetime.timedelta(**ago)
        where = f"WHERE uniqueid = '{participant.uniqueid}'"
        server.sql(f"UPDATE assignments SET {column} = '{time}' {where}")
        return participant.load().status

    slow, done = come("slow"), come("done")
    assert move(slow, "beginhit", days=29, hours=23) == 200
    assert move(slow, "beginhit", days=30, minutes=1) == 403
    assert slow.save({"data": [1, 2]}).status == 403
    assert slow.open("/exp").error == 403
    done.start()
    done.complete()
    assert move(done, "endhit", hours=23) == 200
    assert done.open("/pub").status == 200
    assert move(done, "endhit", hours=24, minutes=1) == 403
    assert done.complete().error == 403
    assert done.open("/pub").error == 1010
    quit = come("left")
    quit.browser.post("/leave", uniqueId=quit.uniqueid, reason="left-early")
    assert move(quit, "endhit", hours=24, minutes=1) == 403


def test_no_other_site_can_push_a_proof_out_of_a_browser(participant, server):
    """It can open any number of links in it (the twelve of the attack)."""
    participant.save({"data": [1]})
    before = {cookie.name for cookie in participant.browser.cookies}
    for number in range(15):
        bait = Participant(server.address, f"bait-{number}", "a", mode="prolific")
        for page in ("/pub", "/consent", "/exp"):
            assert participant.browser.get(page, **bait.ids).status == 200
    assert {cookie.name for cookie in participant.browser.cookies} == before
    assert participant.save({"data": [1, 2]}).status == 200
    assert participant.load().json == {"data": [1, 2]}


@pytest.mark.parametrize("page", ["/start", "/pub", "/consent"])
def test_two_participations_begun_at_once_in_one_browser_both_work(server, page):
    entry = "/start?PROLIFIC_PID=first&STUDY_ID=s&SESSION_ID=x"
    one, two = (Participant(server.address, f"{page[1:]}-{n}", "a", mode="prolific") for n in "ab")
    two.browser = one.browser
    one.browser.get_page(entry) if page == "/start" else one.browser.get(page, **again(one).ids)
    cookies = {"Cookie": "; ".join(f"{c.name}={c.value}" for c in one.browser.cookies)}
    own, other = again(one).ids, again(two).ids
    for ids in (own, other):  # neither has seen the answer to the other
        assert ask(server, f"/exp?{urlencode(ids)}", **cookies).status == 200
    for each in (one, two):
        assert each.load().status == 200
        assert each.save({"data": [each.worker]}).status == 200


def test_of_two_that_open_the_experiment_itself_at_once_a_reload_saves_the_first(server):
    """Nobody comes this way but by a link into the middle: the browser keeps one of two ids."""
    one, two = (Participant(server.address, f"straight-{n}", "a", mode="prolific") for n in "ab")
    for each in (one, two):
        each.enter()
        each.browser.cookies.clear()
        open_task(each)
    one.browser = two.browser
    assert one.save({"data": [1]}).status == 403
    open_task(one)
    assert one.save({"data": [1]}).status == 200
    assert two.save({"data": [2]}).status == 200


def test_a_proof_is_none_in_another_study_with_the_same_key(study, tmp_path):
    with ExitStack() as stack:
        here, there = (
            stack.enter_context(
                Server(
                    study.path, study.python, "-m", "study.server", port=(port := free_port()),
                    PSITURK_PORT=str(port), PSITURK_THREADS="1", PSITURK_SECRET_KEY="k3y",
                    PSITURK_DATABASE_URL=f"sqlite:///{tmp_path}/{name}.db",
                )
            ).wait()
            for name in ("here", "there")
        )  # fmt: skip
        thief = open_task(Participant(there.address, "w", "a", mode="prolific"))
        victim = open_task(Participant(here.address, "w", "a", mode="prolific"))
        victim.save({"data": [1]})
        cookies = {"Cookie": "; ".join(f"{c.name}={c.value}" for c in thief.browser.cookies)}
        assert ask(there, "/sync/w:a", **cookies).status == 200
        assert ask(here, "/sync/w:a", **cookies).status == 403
