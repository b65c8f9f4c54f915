"""What pages may tell of errors in participants' browsers, and what is kept of it."""

import json
import subprocess
from collections import Counter
from urllib.parse import urlsplit

import pytest
from participant import BROWSER, Participant
from server import cloud_server
from wire import ask

ERROR = {"message": "TypeError: psiTurk is undefined", "page": "/exp"}
ERROR["places"] = [["http://HOST/static/0f0f0f0f0f0f/js/task.js", 12]]
ERROR_TEXT = json.dumps(ERROR)
KINDS = 500
OF_CLIENT = 100  # a minute
ELSEWHERE = {"Sec-Fetch-Site": "cross-site"}
MALFORMED = {
    "no JSON": "x",
    "no object": "[]",
    "nothing": "{}",
    "places that are none": json.dumps(ERROR | {"places": 3}),
    "a line that is none": json.dumps(ERROR | {"places": [["http://h/x.js", "x"]]}),
    "an endless line": ERROR_TEXT.replace("12", "Infinity"),
    "an address that is none": json.dumps(ERROR | {"places": [["http://[", 1]]}),
    "a deep one": "[" * 4000,
}
# Messages as browsers and scripts make them, and what is kept of them.
MESSAGES = {
    "Uncaught ReferenceError: nosuch is not defined": "ReferenceError: … is not defined",
    "TypeError: psiTurk.taskdata is undefined": "TypeError: psiTurk.taskdata is undefined",
    "TypeError: Cannot use 'in' operator to search for 'rt' in Wretched!": (
        "TypeError: Cannot use 'in' operator to search for 'rt' in …!"
    ),
    "TypeError: Cannot use 'in' operator to search for 'rt' in 34": (
        "TypeError: Cannot use 'in' operator to search for 'rt' in …"
    ),
    "SyntaxError: Unexpected token 'I', \"I am wretched\" is not valid JSON": (
        "SyntaxError: Unexpected token 'I', \"…\" is not valid JSON"
    ),
    "RangeError: Invalid time zone specified: 5f3e9a7c2b1d4e6f8a9b0c1d": (
        "RangeError: Invalid time zone specified: …"
    ),
    "SyntaxError: JSON.parse: unexpected character at line 1 column 3 of the JSON data": (
        "SyntaxError: JSON.parse: unexpected character at line 1 column 3 of the JSON data"
    ),
    "Error: somebody@example.org is wretched": "Error: …",
    "Wretched: indeed": "…",
    "ServerError: http://h/sync/worker1:a/windows answered 503": "ServerError: … answered …",
    "ServerError: http://h/instructions/1-colours.html answered 404": (
        "ServerError: instructions/1-colours.html answered …"
    ),
    "Script error.": "Script error.",
    "number": "Something was thrown that is no Error, but a number",
    "TypeError: \ud800\0\n is undefined": "TypeError: \ufffd\ufffd is undefined",
}
CLEAN = """
import json, sys
from study import config
config.load()
from study.server.mistakes import find_wording
print(json.dumps([find_wording().clean(each) for each in json.load(sys.stdin)]))
"""


@pytest.fixture(scope="module")
def study(studies):
    return studies(num_conditions="2")


@pytest.fixture(scope="module")
def server(study, cluster):
    url = cluster.create_database()
    with cloud_server(study.path, study.python, url) as server:
        server.query = lambda sql: cluster.run(sql, database=urlsplit(url).path[1:]).strip()
        yield server.wait()


@pytest.fixture
def tell(server):
    """Tell of an error from a participant's browser, at an address of its own."""
    server.query("DELETE FROM study_browser_errors")
    participant = Participant(server.address, mode="prolific")
    assert participant.open("/pub").status == 200
    cookies = "; ".join(f"{each.name}={each.value}" for each in participant.browser.cookies)

    def tell(report: dict | str, number: int = 1, cookie: str = cookies, **headers: str) -> int:
        text = report if isinstance(report, str) else json.dumps(report)
        headers = {"X-Forwarded-For": f"192.0.2.{number}", "User-Agent": BROWSER} | headers
        body = text.replace("HOST", f"127.0.0.1:{server.port}")
        return ask(server, "/mistakes", "POST", body, Cookie=cookie, **headers).status

    return tell


def read(server) -> list[dict]:
    rows = server.query("SELECT row_to_json(e) FROM study_browser_errors e ORDER BY last")
    return [json.loads(row) for row in rows.splitlines()]


def test_an_error_is_counted_by_its_kind(server, tell):
    assert [tell(ERROR, 1), tell(ERROR | {"page": "/pub"}, 1), tell(ERROR, 1)] == [204] * 3
    other, first = read(server)
    assert (other["page"], other["participants"]) == ("/pub", 1)
    assert first.pop("first") < first.pop("last")
    assert first == {
        "message": "TypeError: psiTurk is undefined",
        "file": "static/js/task.js",
        "line": 12,
        "page": "/exp",
        "browser": "Firefox",
        "participants": 2,
    }


def test_only_a_page_of_the_study_in_a_browser_that_was_here_may_tell(server, tell):
    assert tell(ERROR, 2, cookie="browser=0123") == 403
    assert tell(ERROR, 2, **ELSEWHERE) == 403
    assert ask(server, "/mistakes").status == 404
    assert read(server) == []


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_malformed_is_refused(server, tell, name):
    assert tell(MALFORMED[name], 3) == 400
    assert read(server) == []


def test_what_is_large_is_refused_and_what_is_long_is_cut(server, tell):
    assert tell("x" * 10_000, 4) == 413
    places = [[f"http://elsewhere.example/{'x' * 3000}", 10**9]]
    long = {"message": "TypeError: " + "a " * 500, "page": "/" + "x" * 3000, "places": places}
    assert tell(long, 4) == 204
    [row] = read(server)
    assert {name: len(row[name]) for name in ("message", "file", "page")} == {
        "message": 200,
        "file": 200,
        "page": 100,
    }
    assert row["line"] == 0


def test_extensions_and_what_says_nothing_of_a_study_are_not_counted(server, tell):
    extension = ERROR | {"places": [["chrome-extension://abc/x.js", 1]]}
    harmless = ERROR | {"message": "ResizeObserver loop completed with undelivered notifications."}
    assert [tell(extension, 5), tell(harmless, 5)] == [204] * 2
    assert read(server) == []


def test_paths_are_kept_without_what_looks_like_an_id(server, tell):
    page = "/mine/5f3e9a7c2b1d4e6f8a9b0c1d/worker1:a/A1B2C3D4E5F6G7"
    places = [["http://HOST/static/123456789/cat1%00.png?workerId=w", 0]]
    assert tell({"message": "", "page": page, "places": places}, 6) == 204
    [row] = read(server)
    assert (row["page"], row["file"]) == ("/mine/…/…/…", "static/…/cat1\ufffd.png")


def test_one_client_cannot_tell_without_end(server, tell):
    statuses = Counter(tell(ERROR, 7) for _ in range(2 * OF_CLIENT + 10))
    assert set(statuses) == {204, 429}
    assert statuses[204] <= 2 * OF_CLIENT  # a minute may end in between
    assert tell(ERROR, 8) == 204


def test_the_kinds_are_limited_and_what_many_have_met_stays(server, tell):
    server.query(
        "INSERT INTO study_browser_errors SELECT 'm' || n, '', 0, '', '', 1 + n % 2, now(), now() "
        f"FROM generate_series(1, {KINDS}) n"
    )
    assert tell(ERROR, 9) == 204
    count = "SELECT count(*), sum(CASE WHEN participants > 1 THEN 1 END) FROM study_browser_errors"
    assert server.query(count) == f"{KINDS}|{KINDS // 2}"
    assert read(server)[-1]["file"] == "static/js/task.js"


def test_a_message_is_kept_without_what_somebody_may_have_typed(study):
    done = subprocess.run(
        [study.python, "-c", CLEAN],
        cwd=study.path,
        input=json.dumps(list(MESSAGES)),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert dict(zip(MESSAGES, json.loads(done.stdout), strict=True)) == MESSAGES
