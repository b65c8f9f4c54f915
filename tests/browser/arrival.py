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
