"""Chromium, as every test and benchmark starts it."""

import os

from tests.programs import find_chromium

OPTIONS = [
    "--disable-gpu",
    "--disable-background-networking",
    # A page of MTurk, played by a test, frames a page of this machine.
    "--disable-features=LocalNetworkAccessChecks",
    *(["--no-sandbox"] if os.geteuid() == 0 else []),
]


def program() -> str:
    """Where it is. A machine without it fails."""
    found = find_chromium()
    assert found, "Chromium is missing; `uv run pytest` gets it"
    return found
