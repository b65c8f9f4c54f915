"""What ends a participation: a POST with a proof, after the work that a code is for."""

import html
import json
import os
import re
import zlib
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from participant import BROWSER, Participant
from sites import CODES, Site
from wire import ask

CODE = "C0MPLETED"
LEAST = {"PSITURK_MINIMUM_TRIALS": "3"}
FORM = {"Content_Type": "application/x-www-form-urlencoded"}
NAVIGATION = {"Accept": "text/html,application/xhtml+xml", "User_Agent": BROWSER}


def come(study: Site, worker: str, **kind: str) -> Participant:
    """Somebody on the experiment's page, of whom nothing is stored yet."""
    visitor = Participant(study.address, worker, "a", **{"mode": "prolific"} | kind)
    assert visitor.open("/exp").status == 200
    return visitor


def record(visitor: Participant, trials: int, **others) -> dict:
    line = visitor.record()["data"][0]
    return {"data": [line] * trials, "eventdata": [], "questiondata": {}} | others


def state(study: Site, visitor: Participant) -> tuple:
    query = f"SELECT status, ending FROM assignments WHERE uniqueid = '{visitor.uniqueid}'"
    return study.sql(query)[0]


def cookies(visitor: Participant) -> dict[str, str]:
    pairs = [f"{cookie.name}={cookie.value}" for cookie in visitor.browser.cookies]
    return {"Cookie": "; ".join(pairs)}


@pytest.fixture
def working(serve, request) -> Participant:
    """Somebody in the task, with enough of it stored."""
    visitor = come(serve("prolific"), f"w{zlib.crc32(request.node.name.encode())}")
    visitor.start()
    assert visitor.save(record(visitor, 3)).status == 200
    return visitor


# ------------------------------------------------------------------ codes for work (M3)

WORK = {
    "nothing": ([], 1017),
    "a begun task": (["begin"], 1017),
    "an empty record": (["begin", {}], 1017),
    "a record without entries": (["begin", "0 trials"], 1017),
    "trials of a task that never began": (["5 trials"], 1102),
    "too few trials": (["begin", "2 trials"], 1102),
    "events and answers alone": (["begin", "9 others"], 1102),
    "what is no list": (["begin", {"data": {"1": 1}, "eventdata": 7, "questiondata": None}], 1102),
    "halves of emoji": (["begin", {"data": ["\ud83d"]}], 1102),
}


@pytest.mark.parametrize("kind", ["participant", "test run"])
@pytest.mark.parametrize(("steps", "error"), WORK.values(), ids=WORK)
def test_there_is_no_code_without_the_work_for_it(serve, request, kind, steps, error):
    study = serve("prolific", **LEAST)
    worker = f"w{zlib.crc32(request.node.name.encode())}"
    visitor = come(study, worker, mode="debug" if kind == "test run" else "prolific")
    for step in steps:
        match step:
            case "begin":
                assert visitor.start().status == 200
            case dict():
                assert visitor.save(step).status == 200
            case _:
                number, what = step.split()
                others = {"eventdata": [{}] * int(number), "questiondata": {"a": 1}}
                sent = record(visitor, int(number if what == "trials" else 0))
                assert visitor.save(sent | (others if what == "others" else {})).status == 200
    before, counted = state(study, visitor), study.events["too-little"]
    stored = visitor.load().text
    form = visitor.browser.post("/complete", uniqueId=visitor.uniqueid)
    reason = "not-saved" if error == 1017 else "too-little"
    assert form.json == {"status": "bad request", "reason": reason}
    page = visitor.complete()
    assert (page.status, page.error) == (409, error)
    assert "mailto:you@example.edu" in page.text
    worker = visitor.browser.post("/worker_complete", uniqueId=visitor.uniqueid)
    assert worker.json["status"] == "bad request"
    assert not [code for code in CODES.values() if code in page.text]
    assert (state(study, visitor), visitor.load().text) == (before, stored)
    assert study.events["too-little"] - counted == (3 if error == 1102 else 0)
    # And then they go on.
    visitor.start()
    visitor.save(record(visitor, 30))
    assert visitor.complete().status == 200


def test_who_tries_the_study_reads_what_is_missing_and_participants_do_not(serve):
    study = serve("prolific", **LEAST)
    tester, visitor = come(study, "t", mode="debug"), come(study, "short")
    for person in (tester, visitor):
        person.save(record(person, 1))
    page = html.unescape(tester.complete().text)
    assert "It stored 1 of 3 lines of data: see <code>minimum_trials</code>" in page
    assert "psiTurk.finishInstructions()" in page
    page = visitor.complete().text
    assert "minimum_trials" not in page and "finishInstructions" not in page
    assert "of 3" not in page


def test_a_study_without_a_minimum_asks_for_one_entry(serve):
    study = serve("link")
    visitor = Participant(study.address, mode="link").enter()
    assert visitor.open("/exp").status == 200
    visitor.start()
    visitor.save(record(visitor, 0))
    assert visitor.complete().error == 1017
    visitor.save(record(visitor, 0, eventdata=[{"eventtype": "initialized"}]))
    assert re.search(r'id="code">[0-9A-Z-]{12}<', visitor.complete().text)


@pytest.mark.parametrize(("reason", "code"), [("screened-out", "SCR33NED"), ("left-early", "L3FT")])
def test_a_code_for_leaving_needs_something_stored(serve, reason, code):
    study = serve("prolific", **LEAST)
    for trials in (None, 0, 1):
        visitor = come(study, f"{reason}-{trials}")
        if trials is not None:
            visitor.save(record(visitor, trials))
        visitor.browser.post("/leave", uniqueId=visitor.uniqueid, reason=reason)
        page = visitor.browser.get("/leave", uniqueId=visitor.uniqueid)
        assert (page.status, code in page.text) == (200, bool(trials))


def test_a_link_study_gives_no_codes_for_ids_that_somebody_made_up(serve):
    study = serve("link")
    greedy = Participant(study.address, mode="link").enter()
    for number in range(10):
        ids = {"hitId": "link", "assignmentId": f"{number}a", "workerId": f"{number}w"}
        for mode in ("link", greedy.ids["mode"]):
            assert greedy.browser.get("/exp", **ids, mode=mode).error == 1101
    codes = set()
    for _ in range(5):  # coming again is being the same person
        greedy.enter()
        greedy.open("/exp")
        greedy.start()
        greedy.save(record(greedy, 1))
        codes |= set(re.findall(r'id="code">([0-9A-Z-]{12})<', greedy.complete().text))
    assert len(codes) == 1


# ------------------------------------------------------------------ links of other sites

ELSEWHERE = ("cross-site", "same-site", "none", None)
LINKS = (
    "/complete?uniqueId={uid}", "/worker_complete?uniqueId={uid}",
    "/worker_submitted?uniqueId={uid}", "/leave?uniqueId={uid}&reason=left-early",
    "/quitter?uniqueId={uid}", "/inexp?uniqueId={uid}",
)  # fmt: skip


@pytest.mark.parametrize("site", ELSEWHERE)
def test_a_link_from_elsewhere_changes_nothing(serve, working, site):
    """A link is all that another site can open with the participant's cookies."""
    study, uid = serve("prolific"), working.uniqueid
    headers = cookies(working) | NAVIGATION | ({"Sec_Fetch_Site": site} if site else {})
    for link in LINKS:
        page = ask(study.server, link.format(uid=uid), **headers)
        assert CODE not in page.text and "success" not in page.text
        assert state(study, working) == (2, None), link
    page = ask(study.server, LINKS[0].format(uid=uid), **headers)
    assert page.status == 200 and 'action="/complete"' in page.text
    assert CODE in working.complete().text
    assert state(study, working) == (3, None)
    # Who has completed can come back by any link.
    assert CODE in ask(study.server, LINKS[0].format(uid=uid), **headers).text
    assert ask(study.server, LINKS[1].format(uid=uid), **headers).json == {"status": "success"}


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_nothing_that_another_site_sends_changes_anything(serve, working, site):
    """Browsers keep the cookie away from it; even with it, it is refused."""
    study, uid = serve("prolific"), working.uniqueid
    before = working.load().text
    requests = [
        ("POST", "/complete", f"uniqueId={uid}", FORM), ("POST", "/inexp", f"uniqueId={uid}", FORM),
        ("POST", "/worker_complete", f"uniqueId={uid}", FORM),
        ("POST", "/worker_submitted", f"uniqueId={uid}", FORM),
        ("POST", "/leave", f"uniqueId={uid}&reason=left-early", FORM),
        ("POST", "/quitter", f"uniqueId={uid}", FORM),
        ("PUT", f"/sync/{uid}", "{}", {"Content_Type": "application/json"}),
    ]  # fmt: skip
    for method, path, body, kind in requests:
        for proof in (cookies(working), {}):
            headers = {"Sec_Fetch_Site": site, "User_Agent": BROWSER} | kind | proof
            assert ask(study.server, path, method, body, **headers).status in (403, 429), path
    assert state(study, working) == (2, None)
    assert working.load().text == before


def test_the_experiment_opens_from_our_own_pages_and_by_hand_only(serve):
    study = serve("prolific")
    visitor = Participant(study.address, "baited", "a", mode="prolific").enter()
    link = f"/exp?{urlencode(visitor.ids)}"
    for site in ("cross-site", "same-site"):
        answer = ask(study.server, link, Sec_Fetch_Site=site, **NAVIGATION)
        assert answer.status == 303
        leads_to = urlsplit(answer.headers["Location"])
        assert leads_to.path == "pub"
        assert {n: v[0] for n, v in parse_qs(leads_to.query).items()} == visitor.ids
        assert "baited" not in study.rows
    for site in ("same-origin", "none"):
        assert ask(study.server, link, Sec_Fetch_Site=site, **NAVIGATION).status == 200
    assert "baited" in study.rows


def test_an_old_browser_completes_by_the_button(serve, working):
    """It does not say where a request comes from."""
    study, uid = serve("prolific"), working.uniqueid
    headers = cookies(working) | NAVIGATION
    page = ask(study.server, f"/complete?uniqueId={uid}", **headers).text
    assert state(study, working) == (2, None)
    action = re.search(r'<form method="post" action="([^"]+)"', page)[1]
    field = re.search(r'name="(\w+)" value="([^"]+)"', page).groups()
    sent = ask(study.server, action, "POST", urlencode([field]), **headers | FORM)
    assert sent.status == 303
    assert CODE in ask(study.server, f"/{sent.headers['Location']}", **headers).text
    assert state(study, working) == (3, None)


def test_the_button_says_what_is_missing(serve):
    study = serve("prolific", **LEAST)
    visitor = come(study, "button")
    visitor.start()
    visitor.save(record(visitor, 1))
    body = urlencode({"uniqueId": visitor.uniqueid})
    page = ask(study.server, "/complete", "POST", body, **cookies(visitor) | NAVIGATION | FORM)
    assert page.status == 409 and "The study is not finished yet" in page.text


def test_scripts_complete_by_a_post(serve, working):
    study, uid = serve("prolific"), working.uniqueid
    assert working.browser.post("/complete").status == 400
    stranger = Participant(study.address).browser
    assert stranger.post("/complete", uniqueId=uid).json["reason"] == "no-proof"
    for _ in range(2):
        assert working.browser.post("/complete", uniqueId=uid).json == {"status": "success"}
    assert state(study, working) == (3, None)
    assert CODE in working.browser.get("/complete", uniqueId=uid).text


def test_mturks_form_reports_itself_by_a_post_with_its_token(serve):
    study = serve("mturk")
    worker = Participant(study.address, "turk-9", "A9", "H", mode="live")
    worker.open("/exp")
    worker.start()
    worker.save(record(worker, 1))
    assert worker.complete().status == 200
    page = Participant(study.address).browser.get("/pub", **worker.ids).text
    link = html.unescape(re.search(r'data-submitted-url="([^"]+)"', page)[1])
    for site in ELSEWHERE:
        headers = {"Sec_Fetch_Site": site} if site else {}
        assert ask(study.server, link, **headers).json == {"status": "success"}
        assert state(study, worker)[0] == 3
    assert ask(study.server, link[:-1], "POST", "").status == 403
    assert ask(study.server, link, "POST", "").json == {"status": "success"}
    assert state(study, worker)[0] == 4


def test_what_was_left_undone_is_told_by_status(serve):
    site = serve("prolific", **LEAST)
    visitor = come(site, "told")
    visitor.start()
    visitor.save(record(visitor, 1))
    visitor.complete()
    environment = os.environ | {"PSITURK_DATABASE_URL": f"sqlite:///{site.database}"}
    done = site.study.run("study", "status", "--local", env=environment)
    assert "came to the end with less done than a completion code is for" in done.stdout


def test_a_large_record_is_counted(serve):
    visitor = come(serve("prolific", **LEAST), "large")
    visitor.start()
    line = {"trialdata": {"mouse": [[1, 2]] * 1000}}
    assert visitor.save({"data": [line] * 500, "note": json.dumps({"data": []})}).status == 200
    assert CODE in visitor.complete().text


@pytest.mark.parametrize(
    ("headers", "completes"),
    [
        ({"Referer": "{own}/exp?hitId=H"}, True),
        ({"Referer": "{own}/exp", "Sec_Fetch_Site": "cross-site"}, False),
        ({"Referer": "https://evil.example/{own}/"}, False),
        ({"Referer": "{own}.evil.example/"}, False),
        ({"Referer": "{own}0/"}, False),
        ({"Referer": ""}, False),
    ],
)
def test_an_old_browser_names_the_page_that_it_comes_from(serve, working, headers, completes):
    """Pages with psiturk.js complete by going to /complete."""
    site = serve("prolific")
    headers = {name: value.format(own=site.address) for name, value in headers.items()}
    link = f"/complete?uniqueId={working.uniqueid}"
    page = ask(site.server, link, **cookies(working) | NAVIGATION | headers)
    assert page.status == 200 and (CODE in page.text) == completes
    assert state(site, working) == (3 if completes else 2, None)
