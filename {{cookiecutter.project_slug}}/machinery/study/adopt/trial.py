"""The adopted study, tried: its pages are opened in a browser and what goes wrong is told."""

import os
import re
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from study.recruiters import debug_link

SECONDS = 60
MILLISECONDS = 6000  # for which each page is watched
# A line of Chromium's log: a message of the page's console with its place.
CONSOLE = re.compile(r'CONSOLE[:(](\d+)\)?\] "(.*)", source: (\S*) \((\d+)\)')
BAD = re.compile(
    r"^Uncaught|^Refused to|violates the following|Failed to load|[Ee]rror|^Mixed Content"
    r"|could not be loaded|^Loading |^Executing "
)


def try_pages(address: str, key: str, browser: str | None, profile: Path) -> dict[str, list[str]]:
    """Open a study's pages as one debug participant; return what went wrong on each.

    The study runs at that address with that secret key. ``profile`` is the browser's folder.
    """
    link = debug_link(key)
    query = urlsplit(link).query
    pages = {"the front page": "/", "the ad": link}
    pages |= {"the consent page": f"/consent?{query}", "the experiment": f"/exp?{query}"}
    return {name: list(open_page(address + path, browser, profile)) for name, path in pages.items()}


def open_page(url: str, browser: str | None, profile: Path) -> Iterator[str]:
    """Yield what goes wrong on a page: its status or, with a browser, what its console says."""
    request = urllib.request.Request(url, headers={"User-Agent": "Mozilla/5.0 Firefox/145.0"})
    try:
        if "/exp?" not in url or browser is None:  # the experiment is opened once, by the browser
            urllib.request.urlopen(request, timeout=SECONDS).close()
    except urllib.error.HTTPError as error:
        yield f"status {error.code}"
        return
    if browser:
        yield from dict.fromkeys(read_console(url, browser, profile))


def read_console(url: str, browser: str, profile: Path) -> Iterator[str]:
    """Yield the errors in a page's console, each with file and line."""
    command = [
        browser, "--headless", "--disable-gpu", "--no-first-run", "--enable-logging=stderr",
        "--v=0", f"--user-data-dir={profile}", f"--timeout={MILLISECONDS}", "--dump-dom", url,
    ]  # fmt: skip
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.insert(1, "--no-sandbox")  # Chromium refuses to run as root with it
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        yield f"the browser did not come to an end within {SECONDS} seconds"
        return
    for line in done.stderr.splitlines():
        if (found := CONSOLE.search(line)) and BAD.search(found[2]):
            place = urlsplit(found[3])
            where = f"{place.path.lstrip('/')}, line {found[4]}: " if place.path.strip("/") else ""
            yield f"{where}{found[2]}"
