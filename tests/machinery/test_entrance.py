"""The way in and the way out: a recruiter's link, psiTurk's ids, the ending and its codes."""

import re
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from participant import Participant
from server import Server, cloud_server, free_port
from sites import CODES

PROLIFIC_LINK = "/start?PROLIFIC_PID={0}&STUDY_ID=study1&SESSION_ID=session-{0}"
PROLIFIC = "https://app.prolific.com/submissions/complete?cc="


@pytest.fixture(scope="module")
def serve(studies, cluster):
    """A function that gives the running server of a study for one recruiter."""
    study = studies(recruitment="prolific", num_conditions="2")
    servers = {}

    def serve(recruitment: str, **settings: str) -> Server:
        key = (recruitment, *settings.items())
        if key not in servers:
            given = {"PSITURK_RECRUITMENT": recruitment, "PSITURK_SECRET_KEY": "k3y"} | CODES
            url = cluster.create_database()
            server = cloud_server(study.path, study.python, url, **given | settings)
            servers[key] = server.__enter__().wait()
        return servers[key]

    yield serve
    for server in servers.values():
        server.__exit__()


def enter(address: str, link: str) -> Participant:
    """Somebody who has followed a recruiter's link, with the ids they got from it."""
    return Participant(address).enter(link)


def finish(visitor: Participant):
    """Consent, a task of one trial, and the ending."""
    assert visitor.open("/consent").status == 200
    assert visitor.open("/exp").status == 200
    assert visitor.start().status == 200
    assert visitor.save(visitor.record()).status == 200
    return visitor.complete()


@pytest.mark.parametrize(
    ("recruitment", "link", "ids", "ending"),
    [
        ("prolific", PROLIFIC_LINK.format("p1"), ("p1", "session-p1", "study1", "prolific"),
         f"{PROLIFIC}C0MPLETED"),
        ("sona", "/start?survey_code=4711", ("4711", "4711", "sona", "sona"),
         "https://uni.sona-systems.com/webstudy_credit.aspx"
         "?experiment_id=7&amp;credit_token=t0ken&amp;survey_code=4711"),
    ],
)  # fmt: skip
def test_a_participant_of_a_recruiter_is_sent_back_with_its_code(
    serve, recruitment, link, ids, ending
):
    visitor = enter(serve(recruitment).address, link)
    assert (visitor.worker, visitor.assignment, visitor.hit, visitor.mode) == ids
    done = finish(visitor)
    assert f'href="{ending}"' in done.text
    assert visitor.complete().text == done.text  # reloaded
    assert visitor.open("/exp").text == done.text  # gone back
    assert visitor.browser.get_page(link).text == done.text  # come again by the link
    assert visitor.status() == 3


def test_no_page_and_no_answer_holds_a_code_before_the_end(serve):
    seen = []
    visitor = Participant(serve("prolific").address)
    visitor.browser.seen = seen
    visitor.enter(PROLIFIC_LINK.format("curious"))
    visitor.open("/consent")
    visitor.open("/exp")
    assert visitor.complete().error == 1017  # nothing is saved yet
    visitor.start()
    record = visitor.record()
    visitor.save(record)
    stranger = enter(visitor.address, PROLIFIC_LINK.format("stranger"))
    for path in (
        "/",
        "/static/js/task.js",
        "/static/js/participant.js",
        "/static/js/psiturk.js",
        "/send-on.html",
        "/complete.html",
        "/pub?",
        f"/sync/{visitor.uniqueid}",
    ):
        visitor.browser.get_page(path)
    assert len(seen) > 12
    said = "".join(seen)
    assert not [code for code in CODES.values() if code in said]
    assert "t0ken" not in said
    assert stranger.browser.get("/complete", uniqueId=visitor.uniqueid).error == 403
    done = visitor.complete()
    assert "C0MPLETED" in done.text
    assert "C0MPLETED" not in stranger.browser.get_page(PROLIFIC_LINK.format("curious")).text
    assert stranger.browser.get_page(PROLIFIC_LINK.format("curious")).error == 1010


def test_a_link_names_nobody_so_the_browser_remembers(serve):
    server = serve("link")
    visitor = enter(server.address, "/start?label=class-7b")
    first = visitor.uniqueid
    visitor.enter("/start?label=class-7b")
    assert visitor.uniqueid == first
    assert (visitor.hit, visitor.mode) == ("class-7b", "link")
    other = enter(server.address, "/start")
    assert other.worker != visitor.worker
    assert other.hit == "link"
    code = re.search(r'id="code">([0-9A-Z-]+)<', finish(visitor).text)[1]
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{2}", code)
    assert code not in finish(other).text
    assert code in visitor.browser.get_page("/start").text


def test_a_link_can_be_used_again_where_repeats_are_allowed(serve):
    server = serve("link", PSITURK_ALLOW_REPEATS="true")
    visitor = enter(server.address, "/start")
    first = visitor.assignment
    assert 'href="/start"' in finish(visitor).text
    visitor.enter("/start")
    assert visitor.assignment != first
    assert finish(visitor).status == 200


def test_mturk_keeps_psiturks_way(serve):
    visitor = Participant(serve("mturk").address, worker="turk", mode="live")
    for page in ("/start", "/pub", "/consent", "/exp"):
        assert visitor.open(page).status == 200, page
    visitor.start()
    visitor.save(visitor.record())
    assert "submit the HIT" in visitor.complete().text
    form = visitor.open("/pub").text
    assert 'action="https://www.mturk.com/mturk/externalSubmit"' in form
    # MTurk's frame gets no cookie of ours, but the page in it holds a token.
    told = re.search(r'data-submitted-url="([^"]+)"', form)[1].replace("&amp;", "&")
    frame = Participant(visitor.address).browser
    assert frame.post("/worker_submitted", uniqueId=visitor.uniqueid).status == 403
    assert frame.request("POST", told).json == {"status": "success"}
    assert visitor.status() == 4


@pytest.mark.parametrize(("reason", "code"), [("screened-out", "SCR33NED"), ("left-early", "L3FT")])
def test_leaving_has_an_ending_of_its_own(serve, reason, code):
    link = PROLIFIC_LINK.format(reason)
    visitor = enter(serve("prolific").address, link)
    visitor.open("/exp")
    visitor.start()
    visitor.save(visitor.record())
    uniqueid = visitor.uniqueid
    assert visitor.browser.get("/leave", uniqueId=uniqueid).error == 1013
    assert visitor.browser.post("/leave", uniqueId=uniqueid, reason="rich").status == 400
    assert visitor.browser.post("/leave", uniqueId=uniqueid, reason=reason).status == 200
    left = visitor.browser.get("/leave", uniqueId=uniqueid)
    assert f'href="{PROLIFIC}{code}"' in left.text
    assert "C0MPLETED" not in left.text
    assert visitor.complete().text == left.text  # too late to complete
    assert visitor.browser.get_page(link).text == left.text
    assert visitor.status() == 6


def test_declining_has_an_ending_of_its_own_and_stores_nothing(serve):
    visitor = enter(serve("prolific").address, PROLIFIC_LINK.format("shy"))
    declined = visitor.open("/declined")
    assert f'href="{PROLIFIC}D3CLINED"' in declined.text
    assert visitor.status() == 0
    assert visitor.open("/consent").status == 200


@pytest.mark.parametrize(
    "link",
    [
        "/start?PROLIFIC_PID=%7B%7B%25PROLIFIC_PID%25%7D%7D&STUDY_ID=s&SESSION_ID=x",
        "/start?PROLIFIC_PID=mine&STUDY_ID=s&SESSION_ID=x",
    ],
)
def test_a_preview_by_the_recruiters_staff_is_no_participation(serve, link):
    server = serve("prolific", PSITURK_PREVIEW_IDS="other, mine")
    visitor = enter(server.address, link)
    assert visitor.mode == "preview"
    done = finish(visitor)
    assert "This was a test run" in done.text
    assert "C0MPLETED" not in done.text


def test_without_a_code_nobody_is_left_empty_handed(serve):
    visitor = enter(serve("prolific", COMPLETION_CODE="").address, PROLIFIC_LINK.format("early"))
    assert re.search(r'id="code">[0-9A-Z-]{12}<', finish(visitor).text)


def test_somebody_from_an_earlier_study_is_turned_away(serve, studies, cluster):
    study = studies(project_slug="with-exclusions")
    key = "k3y"
    code = f"from study.signing import worker_pseudonym as p; print(p('{key}', 'known'))"
    pseudonym = study.run("python", "-c", code).stdout.strip()
    (study.path / "excluded.txt").write_text(f"# from pilot 1\n{pseudonym}\n", encoding="utf-8")
    settings = {"DATABASE_URL": cluster.create_database(), "PSITURK_SECRET_KEY": key}
    port = free_port()
    with Server(
        study.path, study.python, "-m", "study.server",
        port=port, PORT=str(port), ON_CLOUD="1", **settings,
    ) as server:  # fmt: skip
        known = Participant(server.wait().address).browser
        assert known.get_page(PROLIFIC_LINK.format("known")).error == 1010
        assert known.get_page(PROLIFIC_LINK.format("KNOWN")).error == 1010
        assert known.get_page(PROLIFIC_LINK.format("unknown")).status == 200


def test_ids_that_differ_in_capitals_are_one_person(serve):
    server = serve("prolific")
    finish(enter(server.address, PROLIFIC_LINK.format("capital")))
    again = PROLIFIC_LINK.format("CAPITAL")
    assert Participant(server.address).browser.get_page(again).error == 1010
    visitor = enter(server.address, PROLIFIC_LINK.format("reloads"))
    assert visitor.open("/exp").status == 200
    visitor.worker, visitor.assignment = "RELOADS", "SESSION-RELOADS"
    assert "reloads:session-reloads" in visitor.open("/exp").text


def test_strangers_are_not_told_who_took_part(serve):
    server = serve("prolific")
    visitor = enter(server.address, PROLIFIC_LINK.format("private"))
    finish(visitor)
    assert visitor.status() == 3
    stranger = Participant(server.address, visitor.worker, visitor.assignment, mode="prolific")
    assert stranger.status() == 0


# Whatever stands in an address: a page that says what to do, never a crash.
TEXT = st.text(max_size=200) | st.sampled_from(
    ["", "a" * 121, "a:b", "a\0b", "../..", "{{7*7}}", "<script>", "%00", "{{%PROLIFIC_PID%}}"]
)
NAMES = ("PROLIFIC_PID", "STUDY_ID", "SESSION_ID", "survey_code", "label", "hitId",
         "assignmentId", "workerId", "mode", "errornum", "study")  # fmt: skip


@pytest.mark.parametrize("recruitment", ["prolific", "sona", "link", "mturk"])
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    path=st.sampled_from(["/start", "/pub", "/ad", "/consent", "/exp", "/declined"]),
    query=st.lists(st.tuples(st.sampled_from(NAMES), TEXT), max_size=6),
)
def test_hostile_links_get_a_page_that_says_what_to_do(serve, recruitment, path, query):
    link = path + "?" + "&".join(f"{n}={quote(v, errors='surrogatepass')}" for n, v in query)
    answer = Participant(serve(recruitment).address).browser.get_page(link)
    assert answer.status in (200, 400, 403), answer.text
    assert "<h1" in answer.text
    assert "Traceback" not in answer.text
    assert "<script>" not in answer.text
    assert not [code for code in ("C0MPLETED", "t0ken", "49") if f">{code}<" in answer.text]
