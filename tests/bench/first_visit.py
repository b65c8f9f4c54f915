"""A participant's first visit, up to the first page of the experiment, on a slow line.

    uv run python -m tests.bench.first_visit

Needs Chromium and a PostgreSQL server's programs. The browser adds the line's round trip and
rate to each request (DevTools); opening a connection is free there, and takes two round trips
more (TCP, TLS) in the field, once, before the invitation.
"""

import secrets
import statistics
import tempfile
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import Browser, sync_playwright

from tests import chromium
from tests.bench.installation import generated_study
from tests.bench.servers import serving
from tests.first_visit import SLOW_4G, Line, Step, visit
from tests.heroku.postgres import Cluster
from tests.participant import Participant

REPEATS = 5
# Seconds on the consent page: nobody agrees at once, but somebody may.
READING = (0, 2)


def main() -> None:
    cluster = Cluster()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium.program(), args=chromium.OPTIONS
        )
        try:
            study, _ = generated_study(Path(folder))
            recruitment = {"PSITURK_RECRUITMENT": "prolific"}  # MTurk's pages open a new window
            with serving(study, cluster.create_database(), 1, **recruitment) as server:
                server.wait()
                for reading in READING:
                    for line in (None, SLOW_4G):
                        show(line, reading, repeat(browser, server.address, line, reading))
        finally:
            browser.close()
            cluster.stop()


def repeat(browser: Browser, address: str, line: Line | None, reading: float) -> list[list[Step]]:
    """Several visits by different people, each with a browser of their own."""
    visits = []
    for _ in range(REPEATS):
        ids = urlencode(Participant(address, f"visitor{secrets.token_hex(4)}", mode="prolific").ids)
        context = browser.new_context()
        visits.append(visit(context.new_page(), f"{address}/pub?{ids}", line, reading))
        context.close()
    return visits


def show(line: Line | None, reading: float, visits: list[list[Step]]) -> None:
    """Medians, a line for each page."""
    print(f"\n{line.name if line else 'this machine'}, {reading} s on the consent page")
    for pages in zip(*visits, strict=True):
        size = statistics.median(page.size for page in pages)
        shown = statistics.median(page.shown for page in pages)
        requests = sum(1 for size in pages[0].transferred.values() if size)
        print(f"  {pages[0].name:12} {size:7,.0f} bytes {requests:3} requests {shown:6.0f} ms")
    total = statistics.median(sum(page.size for page in pages) for pages in visits)
    print(f"  {'together':12} {total:7,.0f} bytes")


if __name__ == "__main__":
    main()
