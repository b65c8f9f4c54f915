"""The system's Chromium, as every test and benchmark starts it."""

import os
import shutil

OPTIONS = [
    "--disable-gpu",
    "--disable-background-networking",
    # A page of MTurk, played by a test, frames a page of this machine.
    "--disable-features=LocalNetworkAccessChecks",
    *(["--no-sandbox"] if os.geteuid() == 0 else []),
]


def program() -> str:
    """Where it is. A machine without it fails."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    assert found, "This needs Chromium: apt-get install chromium"
    return found
