"""How somebody in a browser gets to a page of the study: by a recruiter's link or a debug link.

The study signs the ids in its links, so a test cannot write them itself.
"""

import html
import re
from urllib.parse import parse_qsl, urlencode, urlsplit

from playwright.sync_api import Page

ENTRIES = {
    "prolific": "/start?PROLIFIC_PID={worker}&STUDY_ID=H&SESSION_ID={assignment}",
    "preview": "/start?PROLIFIC_PID=%7B%7B%25PROLIFIC_PID%25%7D%7D",
}


def find_ids(
    page: Page, address: str, worker: str, mode: str = "prolific", assignment: str = "A"
) -> dict[str, str]:
    """The ids that the study gives this browser, signed; those of test runs are its own."""
    if mode == "debug":
        front = html.unescape(page.request.get(address).text())
        link = re.search(r'id="try" href="([^"]+)"', front)[1]
    else:
        entry = ENTRIES[mode].format(worker=worker, assignment=assignment)
        link = page.request.get(address + entry, max_redirects=0).headers["location"]
    return dict(parse_qsl(urlsplit(link).query))


def find_link(page: Page, address: str, path: str, worker: str, mode: str = "prolific") -> str:
    """The address of a page of the study for this person."""
    return f"{address}{path}?{urlencode(find_ids(page, address, worker, mode))}"


def open_experiment(page: Page, address: str, worker: str, mode: str = "prolific") -> str:
    """Open the experiment as this worker; gives the unique id."""
    ids = find_ids(page, address, worker, mode)
    page.goto(f"{address}/exp?{urlencode(ids)}")
    return f"{ids['workerId']}:{ids['assignmentId']}"


def come_back(
    address: str,
    page: Page,
    worker: str,
    done: tuple[int, ...],
    answers: dict | None = None,
    correct: bool = False,
) -> str:
    """Open the experiment again as somebody who has done so many trials of practice and blocks.

    Gives the unique id.
    """
    task = find_link(page, address, "/exp", worker)
    # Without running its scripts, which would record that somebody reads the instructions.
    number = int(re.search(r'data-condition="(\d)"', page.request.get(task).text())[1])
    conditions = page.request.get(f"{address}/static/js/conditions.js").text()
    name = re.findall(r'\{ name: "([^"]+)"', conditions)[number]
    trial = {"condition": name, "correct": correct}
    trials = [
        trial | {"phase": "TEST" if block else "PRACTICE", "block": block}
        for block, size in enumerate(done)
        for _ in range(size)
    ]
    unique_id = f"{worker}:A"
    sync = f"{address}/sync/{unique_id}"
    record = page.request.get(sync).json()
    record |= {"data": [{"trialdata": each} for each in trials], "questiondata": answers or {}}
    assert page.request.put(f"{sync}?writer=1&save=1000", data=record).ok
    assert page.request.post(f"{address}/inexp", form={"uniqueId": unique_id}).ok
    page.goto(task)
    page.get_by_role("heading", name="Welcome back").wait_for()
    page.get_by_role("button", name="Go on").click()
    return unique_id
