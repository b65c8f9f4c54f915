"""What the study takes a browser for, from what it says of itself, and whom it turns away."""

import json

import pytest
from server import cloud_server
from wire import ask

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
CHROME, SAFARI = "Chrome/142.0.0.0", "Version/26.0 Mobile/15E148 Safari/604.1"
# The kinds of a browser are those of psiTurk's browser_exclude_rule.
AGENTS = {
    f"(iPhone; CPU iPhone OS 18_7 like Mac OS X) {WEBKIT} {SAFARI}":
        ("Mobile Safari", "iOS", {"mobile", "touchcapable"}),
    f"(iPad; CPU OS 16_7 like Mac OS X) {WEBKIT} {SAFARI}":
        ("Mobile Safari", "iOS", {"tablet", "touchcapable"}),
    f"(Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Version/26.0 Safari/605.1.15":
        ("Safari", "Mac OS X", {"pc"}),
    f"(Windows NT 10.0; Win64; x64) {WEBKIT} {CHROME} Safari/537.36 Edg/142.0.0.0":
        ("Edge", "Windows", {"pc"}),
    "(X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0": ("Firefox", "Linux", {"pc"}),
    f"(X11; CrOS x86_64 14541.0.0) {WEBKIT} {CHROME} Safari/537.36":
        ("Chrome", "Chrome OS", {"pc"}),
    f"(Linux; Android 10; K) {WEBKIT} {CHROME} Mobile Safari/537.36":
        ("Chrome Mobile", "Android", {"mobile", "touchcapable"}),
    f"(Linux; Android 10; K) {WEBKIT} {CHROME} Safari/537.36":
        ("Chrome", "Android", {"tablet", "touchcapable"}),
    "(Android 15; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0":
        ("Firefox Mobile", "Android", {"mobile", "touchcapable"}),
    "(Android 15; Tablet; rv:145.0) Gecko/145.0 Firefox/145.0":
        ("Firefox Mobile", "Android", {"tablet", "touchcapable"}),
    "(compatible; Googlebot/2.1; +http://www.google.com/bot.html)": ("Googlebot", "Other", {"bot"}),
    "": ("Other", "Other", set()),
}  # fmt: skip
WORDS = {"mobile": "is_mobile", "tablet": "is_tablet", "pc": "is_pc", "bot": "is_bot",
         "touchcapable": "is_touch_capable"}  # fmt: skip
PARSE = f"""
import json, user_agents
for text in json.load(open(0)):
    agent = user_agents.parse(text)
    kinds = [word for word, name in {WORDS}.items() if getattr(agent, name)]
    print(json.dumps([agent.browser.family, agent.os.family, kinds]))
"""
WRONG_BROWSER = 1014  # psiTurk's number of the page


@pytest.fixture(scope="module")
def study(studies):
    return studies(recruitment="mturk", heroku_app="later")


@pytest.fixture(scope="module")
def server(study, cluster):
    rule = {"PSITURK_BROWSER_EXCLUDE_RULE": "MSIE, mobile, tablet, bot"}
    with cloud_server(study.path, study.python, cluster.create_database(), **rule) as server:
        yield server.wait()


def test_browsers_systems_and_kinds_of_devices_are_known(study):
    agents = [f"Mozilla/5.0 {text}" if text else "" for text in AGENTS]
    done = study.run("python", "-c", PARSE, input=json.dumps(agents))
    found = map(json.loads, done.stdout.splitlines())
    assert [(browser, system, {*kinds}) for browser, system, kinds in found] == [*AGENTS.values()]


@pytest.mark.parametrize("text", AGENTS)
def test_browsers_that_a_rule_names_are_turned_away(server, text):
    ids = "hitId=h&assignmentId=a&workerId=w&mode=live"
    page = ask(server, f"/pub?{ids}", User_Agent=f"Mozilla/5.0 {text}")
    is_refused = bool(AGENTS[text][2] & {"mobile", "tablet", "bot"})
    assert (f'id="errornum">{WRONG_BROWSER}<' in page.text) == is_refused
    assert page.status == (403 if is_refused else 200)
