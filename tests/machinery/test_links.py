"""Whose word ids and mode are: the study's, which signs them, and of no visitor."""

import re
import subprocess
import zlib
from urllib.parse import urlencode

import pytest
from participant import Participant
from sites import CODES
from wire import ask

PAGES = ("/pub", "/ad", "/consent", "/exp", "/declined")
FRAME = {"User_Agent": "Mozilla/5.0 Firefox/145.0"}
COMPARE = """
import jinja2
from study import config
config.load()
from study.server.links import LinkMode

mode = LinkMode("debug.abcdefghijklmnop")
assert mode == "debug" and "debug" == mode and not mode != "debug" and mode != "live"
assert mode in ("debug", "preview") and {"debug": 1}[mode] == 1
page = '''{{ mode }} {{ mode | urlencode }} {{ {"m": mode} | urlencode }} {{ mode | tojson }}
{{ "&mode=" ~ mode }} {% if mode == "debug" %}yes{% endif %} {{ "%s" % mode }}'''
shown = jinja2.Environment(autoescape=True).from_string(page).render(mode=mode).split()
assert [word for word in shown if "debug.abcdefghijklmnop" not in word] == ["yes"], shown
"""


def finish(visitor: Participant):
    """A task of one trial, and the ending."""
    assert visitor.open("/exp").status == 200
    assert visitor.start().status == 200
    assert visitor.save(visitor.record()).status == 200
    return visitor.complete()


@pytest.fixture
def visitor(serve, request) -> Participant:
    """Somebody whom Prolific has sent."""
    worker = f"w{zlib.crc32(request.node.name.encode())}"
    return Participant(serve("prolific").address, worker, f"session-{worker}", mode="prolific")


CHANGES = {
    "another worker": {"workerId": "other"},
    "another assignment": {"assignmentId": "other"},
    "another hit": {"hitId": "other"},
    "no signature": {"mode": "prolific"},
    "a test run": {"mode": "debug"},
    "a preview": {"mode": "preview"},
    "a mode of MTurk": {"mode": "live"},
    "MTurk's sandbox": {"mode": "sandbox"},
    "another recruiter": {"mode": "link"},
    "a made-up mode": {"mode": "lab"},
    "a made-up signature": {"mode": "prolific." + "a" * 16},
    "no letters": {"mode": "prolific."},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_link_that_the_study_did_not_make_is_refused_and_stored_nowhere(serve, visitor, change):
    study, link = serve("prolific"), visitor.ids | change
    before = study.events["link-unsigned"]
    for page in PAGES:
        answer = visitor.browser.get(page, **link)
        # What has not even the form of a signed mode is a damaged link.
        expected = {1001, 1002, 1003} if change.get("mode") == "prolific." else {1101}
        assert answer.error in expected, (page, answer.text)
        assert "C0MPLETED" not in answer.text and "D3CLINED" not in answer.text
    assert not {visitor.worker, "other"} & study.rows.keys()
    assert study.events["link-unsigned"] - before == len(PAGES) * (expected == {1101})


def test_the_signature_of_one_mode_is_none_of_another(visitor):
    signature = visitor.ids["mode"].partition(".")[2]
    for mode in ("debug", "preview", "sandbox", "link"):
        link = visitor.ids | {"mode": f"{mode}.{signature}"}
        assert visitor.browser.get("/exp", **link).error == 1101


def test_ids_cannot_be_shifted_from_one_name_to_the_next(visitor):
    ids = visitor.ids
    for one, other in (("workerId", "assignmentId"), ("assignmentId", "hitId")):
        moved = ids | {one: ids[other], other: ids[one]}
        assert visitor.browser.get("/exp", **moved).error == 1101
    joined = ids | {"workerId": ids["workerId"][:-1], "assignmentId": "x" + ids["assignmentId"]}
    assert visitor.browser.get("/exp", **joined).error == 1101


def test_whoever_changed_the_link_reads_what_to_do(visitor):
    page = visitor.browser.get("/pub", **visitor.ids | {"mode": "prolific"}).text
    assert "open its link again" in page and "mailto:you@example.edu" in page
    assert 'id="try"' not in page
    # psiTurk's shell makes such links (`debug`): the researcher gets one that works.
    ids = {"hitId": "debug1", "assignmentId": "debug1", "workerId": "debug1", "mode": "debug"}
    page = visitor.browser.get("/pub", **ids).text
    [link] = re.findall(r'id="try" href="([^"]+)"', page)
    assert visitor.browser.get_page(link.replace("&amp;", "&")).status == 200


@pytest.mark.parametrize("mode", ["debug", "preview", "sandbox", "live", "lab"])
def test_no_stranger_makes_a_real_visit_a_test_run(serve, visitor, mode):
    """Whoever knows the ids may come first (H2 of the attack)."""
    stranger = Participant(visitor.address).browser
    for page in ("/pub", "/exp"):
        assert stranger.get(page, **visitor.ids | {"mode": mode}).error == 1101
    assert "cc=C0MPLETED" in finish(visitor).text
    assert serve("prolific").rows[visitor.worker] == "prolific"


def test_small_numbers_as_ids_can_be_spoilt_by_nobody_who_only_opens_them(serve):
    """SONA's survey codes can be guessed, and its links cannot be signed (H2)."""
    study = serve("sona")
    attacker = Participant(study.address)
    for code in range(100, 120):
        for mode in ("debug", "preview", "sona"):
            ids = {"hitId": "sona", "assignmentId": code, "workerId": code, "mode": mode}
            assert attacker.browser.get("/exp", **ids).error == 1101
        attacker.worker, attacker.assignment, attacker.hit = str(code), str(code), "sona"
        attacker.mode = "sona"
        assert attacker.open("/exp").status == 200
    for code in range(100, 120):
        student = Participant(study.address, str(code), mode="sona")
        assert f"survey_code={code}" in finish(student).text
    assert set(study.rows.values()) == {"sona"}


@pytest.mark.parametrize(
    "link",
    [
        "/start?PROLIFIC_PID=debugged&STUDY_ID=s&SESSION_ID=x",
        "/start?PROLIFIC_PID=x&STUDY_ID=s&SESSION_ID=debugged",
    ],
)
def test_no_participants_id_is_one_of_a_test_run(serve, link):
    browser = Participant(serve("prolific").address).browser
    assert browser.get_page(link).error == 1001


@pytest.mark.parametrize("recruitment", ["prolific", "sona", "link", "mturk"])
def test_ids_of_test_runs_can_be_told_from_those_of_participants(serve, recruitment):
    study = serve(recruitment)
    visitor = Participant(study.address, mode="debug").enter()
    assert {each[:5] for each in (visitor.worker, visitor.assignment)} == {"debug"}
    done = finish(visitor)
    assert "This was a test run" in done.text
    assert not [code for code in CODES.values() if code in done.text]
    assert study.rows[visitor.worker] == "debug"
    again = re.search(r'id="again" href="([^"]+)"', done.text)[1].replace("&amp;", "&")
    assert visitor.browser.get_page(again).status == 200


def test_a_test_run_opens_in_its_own_browser_only_and_others_get_a_new_one(serve):
    own = Participant(serve("prolific").address, mode="debug").enter()
    assert own.open("/exp").status == 200
    colleague = Participant(own.address)
    assert colleague.browser.get("/exp", **own.ids).status == 200  # nothing is saved yet
    assert own.load().status == 403
    assert own.open("/exp").status == 200
    own.start()
    assert own.save(own.record()).status == 200
    assert colleague.browser.get("/exp", **own.ids).error == 403
    assert colleague.browser.get(f"/sync/{own.uniqueid}").status == 403
    page = colleague.browser.get("/pub", **own.ids)
    assert page.status == 200 and "mode=debug." in page.url
    assert own.worker not in page.url + page.text
    assert own.open("/exp").status == 200  # reloaded, as often as its researcher likes
    own.complete()
    assert own.worker not in colleague.browser.get("/pub", **own.ids).url


def test_mturks_links_need_no_signature_on_its_own_studies_alone(serve):
    ids = {"hitId": "H", "assignmentId": "A-own", "workerId": "turk-own"}
    mturk, prolific = serve("mturk"), serve("prolific")
    for mode in ("live", "sandbox"):
        browser = Participant(mturk.address).browser
        for page in ("/pub", "/consent", "/exp"):
            link = ids | {"mode": mode, "workerId": f"turk-{mode}"}
            assert browser.get(page, **link).status == 200
            assert Participant(prolific.address).browser.get(page, **link).error == 1101
    for mode in ("debug", "preview", "prolific", "link", "lab"):
        assert browser.get("/exp", **ids | {"mode": mode}).error == 1101
    # What MTurk shows before a worker accepts is for its studies, too.
    preview = {"hitId": "H", "assignmentId": "ASSIGNMENT_ID_NOT_AVAILABLE", "mode": "live"}
    assert "Accept the HIT" in browser.get("/pub", **preview).text
    assert Participant(prolific.address).browser.get("/pub", **preview).status == 400


def test_a_sandbox_visit_of_a_stranger_does_not_decide_the_real_one(serve):
    study = serve("mturk")
    worker = Participant(study.address, "turk-1", "A1", "H", mode="live")
    stranger = Participant(study.address, "turk-1", "A1", "H", mode="sandbox")
    assert stranger.open("/exp").status == 200
    stranger.start()
    stranger.browser.post("/leave", uniqueId=stranger.uniqueid, reason="left-early")
    assert worker.open("/pub").status == worker.open("/consent").status == 200
    assert "submit the HIT" in finish(worker).text
    assert stranger.load().status == 403
    [(mode, status)] = study.sql(
        "SELECT mode, status FROM assignments WHERE uniqueid = 'turk-1:A1'"
    )
    assert (mode, status) == ("live", 3)


def test_a_worker_who_was_in_the_sandbox_can_take_part(serve):
    tester = Participant(serve("mturk").address, "turk-4", "A-test", "H", mode="sandbox")
    assert tester.open("/exp").status == 200
    tester.save(tester.record())
    worker = Participant(tester.address, "turk-4", "A4", "H", mode="live")
    assert "submit the HIT" in finish(worker).text
    again = Participant(tester.address, "turk-4", "A5", "H", mode="live")
    assert again.open("/exp").error == 1010


def test_a_real_visit_is_never_turned_into_one_of_the_sandbox(serve):
    study = serve("mturk")
    worker = Participant(study.address, "turk-2", "A2", "H", mode="live")
    assert worker.open("/exp").status == 200
    for browser in (worker.browser, Participant(study.address).browser):
        for page in ("/pub", "/exp"):
            assert browser.get(page, **worker.ids | {"mode": "sandbox"}).error == 1010
    assert worker.load().status == 200
    assert study.rows["turk-2"] == "live"


def test_what_is_saved_in_another_mode_stays_as_it_is(serve):
    study = serve("mturk")
    tester = Participant(study.address, "turk-3", "A3", "H", mode="sandbox")
    assert tester.open("/exp").status == 200
    record = tester.record()
    tester.save(record)
    live = tester.ids | {"mode": "live"}
    assert tester.browser.get("/exp", **live).error == 1010
    assert tester.browser.get("/pub", **live).error == 1010
    assert tester.load().json == record
    assert study.rows["turk-3"] == "sandbox"


def test_participants_of_an_earlier_recruiter_can_still_finish(serve):
    """The study signed their links, so they go on to count after it has changed recruiters."""
    visitor = Participant(serve("prolific").address, "early", "session-early", mode="prolific")
    assert visitor.open("/exp").status == 200
    later = serve("sona")
    browser = Participant(later.address).browser
    assert browser.get("/pub", **visitor.ids).status == 200
    assert browser.get("/pub", **visitor.ids | {"mode": "prolific"}).error == 1101
    entry = f"/start?{urlencode({'PROLIFIC_PID': 'late', 'STUDY_ID': 's', 'SESSION_ID': 'x'})}"
    assert browser.get_page(entry).status == 400


def test_ids_of_a_plain_link_are_the_studys(serve):
    """A visitor cannot choose them, not even by the cookie in which the browser keeps them."""
    study = serve("link")
    known = Participant(study.address, mode="link").enter()
    cookies = {cookie.name: cookie.value for cookie in known.browser.cookies}
    made_up = f"{'0' * 16}-{'1' * 16}"
    signature = cookies["visitor"].partition(".")[2]
    for value in (made_up, f"{made_up}.{signature}", f"{made_up}.{'0' * 64}"):
        answer = ask(study.server, "/start", Cookie=f"visitor={value}", **FRAME)
        assert answer.status == 303 and "0" * 16 not in answer.headers["Location"]
    kept = ask(study.server, "/start", Cookie=f"visitor={cookies['visitor']}", **FRAME)
    assert known.worker in kept.headers["Location"]
    ids = {"hitId": "link", "assignmentId": "1" * 16, "workerId": "0" * 16}
    for mode in ("link", f"link.{known.ids['mode'].partition('.')[2]}"):
        assert known.browser.get("/exp", **ids, mode=mode).error == 1101
    assert "0" * 16 not in study.rows


def test_templates_written_for_psiturk_pass_the_signed_mode_on(studies):
    study = studies(recruitment="prolific", num_conditions="2")
    command = [study.python, "-c", COMPARE]
    done = subprocess.run(command, cwd=study.path, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
