"""What a page of another site can do to somebody who takes part, in Chromium: nothing."""

import json
import sqlite3
from contextlib import closing
from urllib.parse import urlencode

import pytest
from arrival import find_ids
from counting import TASK
from playwright.sync_api import Page, expect

SITE = "https://elsewhere.example/"
# Each opens an address with what a page has for that, and tells when it is done.
WAYS = {
    "image": "img = new Image(); img.onerror = img.onload = done; img.src = address;",
    "script": "s = document.createElement('script'); s.onerror = s.onload = done; s.src = address;"
    "document.head.append(s);",
    "frame": "f = document.createElement('iframe'); f.onload = done; f.src = address;"
    "document.body.append(f); setTimeout(done, 3000);",
    "fetch": "fetch(address, { mode: 'no-cors', credentials: 'include' }).then(done, done);",
    "post": "fetch(address, { method: 'POST', mode: 'no-cors', credentials: 'include',"
    "body: new URLSearchParams(fields) }).then(done, done);",
    "beacon": "navigator.sendBeacon(address, new URLSearchParams(fields)); setTimeout(done, 500);",
}
# These leave the page.
MOVES = {
    "link": "a = document.createElement('a'); a.href = address; document.body.append(a);a.click();",
    "form by get": "submit('get')",
    "form by post": "submit('post')",
    "window": "window.open(address)",
}
SUBMIT = """
const submit = (method) => {
  const form = Object.assign(document.createElement("form"), { method, action: address });
  for (const [name, value] of Object.entries(fields)) {
    form.append(Object.assign(document.createElement("input"), { name, value }));
  }
  document.body.append(form);
  form.submit();
};
"""


@pytest.fixture(scope="module")
def preview(previews):
    """The preview of a study whose task numbers its trials."""
    preview = previews(experiment="stroop", num_conditions="2", project_slug="attacked")
    (preview.study.path / "static" / "js" / "task.js").write_text(TASK, encoding="utf-8")
    return preview


def row(preview, worker: str) -> tuple:
    """The status, the ending and the number of trials that are stored."""
    with closing(sqlite3.connect(preview.database)) as database:
        query = "select status, ending, datastring from assignments where workerid = ?"
        found = database.execute(query, [worker]).fetchone()
    return found and (*found[:2], len(json.loads(found[2])["data"]))


def elsewhere(page: Page) -> Page:
    """A page of another site, in the same browser."""
    other = page.context.new_page()
    body = "<!doctype html><h1>Elsewhere</h1>"
    other.context.route(
        f"{SITE}**", lambda route: route.fulfill(body=body, content_type="text/html")
    )
    other.goto(SITE)
    return other


@pytest.mark.parametrize("way", [*WAYS, *MOVES])
def test_no_page_of_another_site_changes_anything(preview, page, way):
    ids = find_ids(page, preview.address, f"busy-{way.replace(' ', '-')}")
    bait = find_ids(page, preview.address, f"bait-{way.replace(' ', '-')}")
    worker = ids["workerId"]
    page.goto(f"{preview.address}/exp?{urlencode(ids)}")
    page.get_by_role("heading", name="Counting").wait_for()
    page.evaluate("psiTurk.startTask()")
    for _ in range(5):
        page.evaluate("nextTrial()")
    page.evaluate("psiTurk.saveData()")
    page.wait_for_function("fetch(`/sync/${uniqueId}`).then((answer) => answer.ok)")
    jar = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}
    before = row(preview, worker)
    assert before == (2, None, 5)
    fields = {"uniqueId": f"{worker}:A", "reason": "left-early"}
    query = urlencode(fields)
    addresses = [
        f"{preview.address}/{path}?{query}"
        for path in ("complete", "worker_complete", "worker_submitted", "leave", "quitter", "inexp")
    ]
    addresses.append(f"{preview.address}/exp?{urlencode(bait)}")
    for address in addresses:
        other = elsewhere(page)
        setup = f"const address = {json.dumps(address)}, fields = {json.dumps(fields)};"
        if way in WAYS:
            other.evaluate(f"() => new Promise((done) => {{ {setup} {WAYS[way]} }})")
        else:
            other.evaluate(f"() => {{ {setup} {SUBMIT} setTimeout(() => {{ {MOVES[way]} }}); }}")
            other.wait_for_timeout(700)
        assert row(preview, worker) == before, address
        for window in page.context.pages[1:]:
            window.close()
    assert row(preview, bait["workerId"]) is None  # nor was a participation begun
    assert {c["name"]: c["value"] for c in page.context.cookies()}.keys() == jar.keys()
    page.evaluate("nextTrial()")
    page.evaluate("psiTurk.saveData()")  # this window goes on
    assert row(preview, worker) == (2, None, 6)


def test_who_follows_a_link_to_the_end_is_asked_and_can_finish(preview, page):
    ids = find_ids(page, preview.address, "asked")
    page.goto(f"{preview.address}/exp?{urlencode(ids)}")
    page.get_by_role("heading", name="Counting").wait_for()
    page.evaluate("psiTurk.startTask()")
    for _ in range(5):
        page.evaluate("nextTrial()")
    page.evaluate("psiTurk.saveData()")
    other = elsewhere(page)
    link = f"{preview.address}/complete?uniqueId=asked:A"
    other.evaluate("(address) => { location.href = address; }", link)
    other.get_by_role("heading", name="Have you done the whole study?").wait_for()
    assert row(preview, "asked")[0] == 2
    other.get_by_role("button", name="Finish the study").click()
    expect(other.get_by_role("heading", level=1)).to_have_text("Thank you for taking part")
    assert row(preview, "asked")[0] == 3
