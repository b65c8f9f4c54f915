"""The robots' browser: Chromium, Chrome or Edge as this machine has it, or Playwright's own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from study.messages import StudyError

if TYPE_CHECKING:
    from playwright.async_api import Browser, Playwright

VARIABLE = "STUDY_BROWSER"  # chooses a program; one that does not exist means no browser
# Names on the PATH, and places where the systems keep them. The shell, which Playwright's download
# is too, has no windows to draw, so a crowd takes less time.
PROGRAMS = (
    "chromium-headless-shell",
    *("google-chrome", "google-chrome-stable", "microsoft-edge", "chromium", "chromium-browser"),
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    *("/opt/google/chrome/chrome", "/opt/microsoft/msedge/msedge"),
)
DOWNLOAD = ("-m", "playwright", "install", "chromium", "--only-shell")
OPTIONS = ["--disable-gpu", "--mute-audio"]
NO_BROWSER = StudyError(
    "There is no Chromium, Chrome or Edge that the robots could use.",
    "Install one, or get Playwright's: uv run playwright install chromium --only-shell",
)


def is_playwright_installed() -> bool:
    """Return whether the package that drives browsers is there, as it is not on Heroku."""
    from importlib.util import find_spec

    return find_spec("playwright") is not None


@asynccontextmanager
async def open_browser() -> AsyncIterator[Browser]:
    """Start the first browser that works. Raises NO_BROWSER if there is none."""
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await _launch(playwright)
        try:
            yield browser
        finally:
            await browser.close()


async def _launch(playwright: Playwright) -> Browser:
    from playwright.async_api import Error

    choices = [{"executable_path": program} for program in find_programs()]
    for choice in choices if VARIABLE in os.environ else [{}, *choices]:  # {}: Playwright's own
        try:
            return await playwright.chromium.launch(args=OPTIONS, **choice)
        except Error:
            continue
    raise NO_BROWSER


def find_programs() -> list[str]:
    """Return the browsers of this machine or, if the variable is set, the one that it names."""
    wanted = [chosen] if (chosen := os.environ.get(VARIABLE)) else PROGRAMS
    return [found for name in wanted if (found := shutil.which(name))]


def has_browser() -> bool:
    """Return whether robots can take part on this machine."""
    # The server runs on Linux and macOS only, and Heroku has no Playwright.
    if sys.platform == "win32" or not is_playwright_installed():
        return False
    if find_programs() or VARIABLE in os.environ:
        return bool(find_programs())
    place = re.search(r"Install location: +(.+)", _plan_download())
    return bool(place and Path(place[1]).exists())


def describe_download() -> str:
    """Return the name and the size of the browser that Playwright would download."""
    plan = _plan_download()
    name = re.search(r"(?im)^(chrom.*?headless[^(\n]*)", plan)
    address = re.search(r"https://\S+chrom\S*\.zip", plan)
    size = _ask_size(address[0]) if address else 0
    about = f"{size / 1e6:.0f} MB" if size else "its server does not say how large it is"
    return f"{name[1].strip() if name else 'Chromium'} ({about})"


def _plan_download() -> str:
    command = [sys.executable, *DOWNLOAD, "--dry-run"]
    return subprocess.run(command, capture_output=True, text=True).stdout


def _ask_size(address: str) -> int:
    try:
        request = urllib.request.Request(address, method="HEAD")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.headers.get("Content-Length") or 0)
    except (OSError, ValueError):
        return 0


def download() -> bool:
    """Let Playwright download its browser; return whether that worked."""
    return subprocess.run([sys.executable, *DOWNLOAD]).returncode == 0
