"""Who gets the workshop of a debug run, and how much of it outside of a preview."""

import pytest
from participant import Participant

WORDS = ("workshop", "Workshop")


@pytest.fixture(scope="module")
def site(serve):
    return serve("prolific")


@pytest.fixture
def debug(site) -> Participant:
    return Participant(site.address, mode="debug")


def test_the_pages_of_a_debug_run_load_it_and_no_others_do(site, debug):
    for page in ("/pub", "/consent", "/exp"):
        assert debug.open(page).text.count("/static/js/workshop/") == 2
        for mode in ("prolific", "preview"):
            text = Participant(site.address, f"w-{mode}", f"a-{mode}", mode=mode).open(page).text
            assert not any(word in text for word in WORDS), page
    assert "workshop" not in debug.browser.get("/questionnaire.html").text


def test_it_answers_debug_runs_alone(site, debug):
    others = [
        Participant(site.address, "curious", "curious", mode="prolific"),
        Participant(site.address, mode="preview"),
    ]
    for other in others:
        other.open("/exp")
        for path in ("state", "data", "data.json"):
            assert other.open(f"/workshop/{path}").status == 403
            known = {"uniqueId": other.uniqueid, "mode": "debug"}
            assert other.browser.get(f"/workshop/{path}", **known).status == 403
    forged = debug.ids | {"mode": "debug." + "a" * 16}
    assert debug.browser.get("/workshop/state", **forged).status == 403


def test_a_debug_run_online_is_told_what_is_stored_and_no_file(debug):
    debug.open("/exp")
    debug.save({"data": [{"trialdata": {"word": "<b>"}}] * 3, "questiondata": {"age": 30}})
    assert debug.open("/workshop/state").json == {"trials": 3, "others": 1}
    assert debug.open("/workshop/data").text.count("<td>&lt;b&gt;</td>") == 3
    assert debug.open("/workshop/data.json").json["questiondata"] == {"age": 30}
    query = "?" + "&".join(f"{name}={value}" for name, value in debug.ids.items())
    problem = {"message": "x", "file": "config.txt", "line": 1}
    sent = debug.browser.request("POST", f"/workshop/problems{query}", data=problem)
    assert sent.status == 404
    assert debug.browser.get(f"/static/js/task.js.parse{query}").status == 404


def test_another_run_gets_the_condition_that_was_chosen(site, debug):
    query = "?" + "&".join(f"{name}={value}" for name, value in debug.ids.items())

    def begin(headers: dict | None = None, **form: str):
        body = "&".join(f"{name}={value}" for name, value in form.items()).encode()
        headers = {"Accept": "text/html"} | (headers or {})
        return debug.browser.send("POST", f"/workshop/run{query}", body, headers)

    for condition in "1101":
        began = begin(condition=condition)
        assert began.status == 200 and f'data-condition="{condition}"' in began.text
    assert begin(condition="2").status == begin(condition="-1").status == 400
    assert begin({"Sec-Fetch-Site": "cross-site"}, condition="1").status == 403
