"""Each recruiter's participants in Chromium, from its link to its ending, on PostgreSQL.

The recruiters' own pages are played by the test: Prolific and SONA by the page that people come
back to, MTurk by a page that frames ours and receives its form. Both experiments are there: what
they show and save is the same (test_experiment.py), and neither knows who has sent anybody.
"""

import json
import re
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
from hurry import Hurried, shorten
from inspection import inspect
from playwright.sync_api import expect
from server import Server, free_port

SONA = "https://uni.sona-systems.com/webstudy_credit.aspx?experiment_id=7&credit_token=t0ken"
SECRETS = {
    "COMPLETION_CODE": "C0MPLETED",
    "LEFT_EARLY_CODE": "L3FT",
    "DECLINED_CODE": "D3CLINED",
    "SONA_COMPLETION_URL": f"{SONA}&survey_code=XXXX",
}
PROLIFIC_LINK = "/start?PROLIFIC_PID={0}&STUDY_ID=st&SESSION_ID=se-{0}"


class Site:
    """A running study in the cloud's settings, and its table of participants."""

    def __init__(self, study, cluster, recruitment: str):
        self.url, self.cluster, port = cluster.create_database(connections=20), cluster, free_port()
        self.server = Server(
            study.path, study.python, "-m", "study.server", port=port, PORT=str(port),
            ON_CLOUD="1", DATABASE_URL=self.url, PSITURK_RECRUITMENT=recruitment, **SECRETS,
        )  # fmt: skip
        self.address = f"http://localhost:{port}"

    def row(self, worker: str) -> dict:
        """A participant's row, with the record's trials."""
        query = f"SELECT row_to_json(a) FROM assignments a WHERE workerid = '{worker}'"
        printed = self.cluster.run(query, database=urlsplit(self.url).path[1:])
        row = json.loads(printed)
        trials = [t["trialdata"] for t in json.loads(row["datastring"])["data"]]
        return row | {"trials": [t for t in trials if "word" in t]}


@pytest.fixture(scope="module")
def site(studies, cluster):
    """A function that gives the running study of an experiment for a recruiter."""
    with ExitStack() as stack:
        sites = {}

        def site(experiment: str, recruitment: str) -> Site:
            if (experiment, recruitment) not in sites:
                study = studies(experiment=experiment, project_slug=f"short-{experiment}")
                shorten(study.path)
                made = Site(study, cluster, recruitment)
                stack.enter_context(made.server).wait()
                sites[experiment, recruitment] = made
            return sites[experiment, recruitment]

        yield site


@pytest.fixture
def window(new_page):
    """A window in which other sites are played by the test; ``said`` is all that the study sent
    before a page of the ending."""
    page = new_page()
    page.said = []
    page.context.route(re.compile(r"^http://localhost[:/]"), lambda route: listen(page, route))
    page.context.route(
        re.compile(r"^https://(app\.prolific\.com|uni\.sona-systems\.com)/"),
        lambda route: route.fulfill(body="<h1>Welcome back</h1>", content_type="text/html"),
    )
    yield page
    assert page.problems == []
    page.close()


def listen(page, route) -> None:
    """Pass a request on, and remember what the study answered."""
    answer = route.fetch(max_redirects=0)
    if not re.search(r"/(complete|leave|declined)\?", route.request.url):
        page.said.append(f"{answer.headers}{answer.body().decode(errors='replace')}")
    route.fulfill(response=answer)


def assert_no_secret_was_sent(page) -> None:
    assert len(page.said) > 8
    sent = "".join(page.said)
    assert not [value for value in [*SECRETS.values(), "t0ken"] if value in sent]


def assert_whole(site: Site, person: Hurried, worker: str, **expected) -> None:
    """What the person saw is what the database has."""
    row = site.row(worker)
    assert {name: row[name] for name in expected} == expected
    shown = [(seen["word"], seen["colour"], seen["key"]) for seen in person.seen]
    assert [(t["word"], t["colour"], t["response"]) for t in row["trials"]] == shown
    assert len(shown) == 12


def take_part(page, link: str) -> Hurried:
    person = Hurried(page)
    person.go_through(link)
    assert_no_secret_was_sent(page)
    return person


def test_prolific(site, window):
    site = site("stroop", "prolific")
    person = take_part(window, site.address + PROLIFIC_LINK.format("p1"))
    person.finish()
    inspect(window, "complete-prolific")
    expect(window.locator("#code")).to_have_text("C0MPLETED")
    window.reload()
    expect(window.locator("#code")).to_have_text("C0MPLETED")
    window.get_by_role("button", name="Stay").click()
    window.go_back()  # to the experiment
    window.wait_for_url("**/complete?*")
    window.wait_for_url("https://app.prolific.com/submissions/complete?cc=C0MPLETED")
    assert_whole(site, person, "p1", assignmentid="se-p1", hitid="st", mode="prolific", status=3)


def test_sona(site, window):
    site = site("jspsych", "sona")
    person = take_part(window, f"{site.address}/start?survey_code=4711")
    person.finish()
    window.locator("#go-on").click()
    window.wait_for_url(f"{SONA}&survey_code=4711")
    assert_whole(site, person, "4711", assignmentid="4711", hitid="sona", mode="sona", status=3)


def test_link(site, window):
    site = site("stroop", "link")
    person = take_part(window, f"{site.address}/start?label=class-7b")
    person.finish()
    inspect(window, "complete-link")
    code = window.locator("#code").inner_text()
    window.goto(f"{site.address}/start?label=class-7b")
    expect(window.locator("#code")).to_have_text(code)
    [worker] = set(workers(site))
    assert_whole(site, person, worker, hitid="class-7b", mode="link", status=3)


def workers(site: Site) -> list[str]:
    query = "SELECT workerid FROM assignments"
    return site.cluster.run(query, database=urlsplit(site.url).path[1:]).split()


def test_mturk(site, window):
    """MTurk's page frames the invitation; the task is a pop-up; the form goes to MTurk."""
    site = site("jspsych", "mturk")
    ids = "hitId=H1&assignmentId=A1&workerId=W1&turkSubmitTo=https%3A%2F%2Fworkersandbox.mturk.com"
    frame = f'<iframe src="{site.address}/pub?mode=sandbox&{ids}" width=900 height=700></iframe>'
    submitted = []

    def mturk(route):
        if route.request.method == "POST":
            submitted.append(route.request.post_data)
        route.fulfill(body=f"<!doctype html><h1>HIT</h1>{frame}", content_type="text/html")

    window.context.route(re.compile(r"^https://workersandbox\.mturk\.com/"), mturk)
    window.goto("https://workersandbox.mturk.com/tasks/1")
    ours = window.frame_locator("iframe")
    with window.expect_popup() as opened:
        ours.locator("#begin").click()
    popup = opened.value
    popup.set_viewport_size({"width": 1280, "height": 800})
    person = Hurried(popup)
    person.activate("#agree")
    popup.wait_for_url("**/exp?*")
    person.understand()
    person.do_the_task()
    person.answer_questions()
    person.heading("What this was about")
    with popup.expect_event("close"):
        person.button("Finish")
    ours.get_by_role("button", name="Submit the HIT").click()
    expect(window.get_by_role("heading", name="HIT")).to_be_visible()
    ours.get_by_role("heading", name="HIT").wait_for()  # MTurk's answer, in the frame
    assert submitted == ["assignmentId=A1&hitId=H1&workerId=W1"]
    assert_whole(site, person, "W1", assignmentid="A1", hitid="H1", mode="sandbox", status=4)


def test_leaving_at_the_break_and_declining(site, window):
    site = site("stroop", "prolific")
    person = Hurried(window)
    person.arrive(site.address + PROLIFIC_LINK.format("leaver"))
    person.understand()
    person.heading("Practice")
    person.button("Start the practice")
    person.respond(4)
    person.heading("Now for real")
    person.button("Start")
    person.respond(4)
    person.heading("Time for a break")
    assert_no_secret_was_sent(window)
    person.activate("summary")
    person.button("Leave the study")
    window.wait_for_url("**/leave?*")
    inspect(window, "left-early")
    window.locator("#go-on").click()
    window.wait_for_url("https://app.prolific.com/submissions/complete?cc=L3FT")
    row = site.row("leaver")
    assert (row["status"], row["ending"], len(row["trials"])) == (6, "left-early", 8)

    window.goto(site.address + PROLIFIC_LINK.format("shy"))
    window.locator("#begin").click()
    window.locator("#disagree").click()
    window.locator("#go-on").wait_for()
    inspect(window, "declined-prolific")
    window.locator("#go-on").click()
    window.wait_for_url("https://app.prolific.com/submissions/complete?cc=D3CLINED")


def test_the_front_page_of_a_live_study_leads_nobody_into_a_test_run(site, page):
    page.goto(site("stroop", "prolific").address)
    expect(page.get_by_text("You were invited to take part?")).to_be_visible()
    assert page.locator("#try").count() == 0
    assert "mode=debug" not in page.content()
