"""The real Heroku CLI, in the one version that the tests speak to."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from .toolchain import cache_folder

VERSION = "11.10.0"


def find_cli() -> Path:
    """The CLI of that version: the one on PATH, the one in the cache, or a new one from npm.

    The cache lies outside the repository, in XDG_CACHE_HOME (~/.cache)/psiturk-heroku.
    """
    cached = _cache() / "node_modules" / ".bin" / "heroku"
    if cached.exists():
        return cached
    installed = shutil.which("heroku")
    if installed and _version(installed) == VERSION:
        return Path(installed)
    _install()
    return cached


def _cache() -> Path:
    return cache_folder() / "psiturk-heroku" / f"heroku-{VERSION}"


def _version(program: str) -> str:
    with tempfile.TemporaryDirectory() as home:  # the CLI writes to its home even for this
        said = subprocess.run(
            [program, "--version"],
            capture_output=True,
            text=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
            env={
                "PATH": os.environ["PATH"],
                "HOME": home,
                "DISABLE_TELEMETRY": "true",
                "HEROKU_SKIP_NEW_VERSION_CHECK": "1",
            },
        )
    return said.stdout.removeprefix("heroku/").split(" ")[0]


def _install() -> None:
    if not shutil.which("npm"):
        raise RuntimeError(
            f"The tests drive the Heroku CLI {VERSION}: install Node.js 20 or "
            "later, or that CLI itself."
        )
    target = _cache()
    target.parent.mkdir(parents=True, exist_ok=True)
    # Two test runs may do this at once: each installs aside, the first to finish wins.
    aside = Path(tempfile.mkdtemp(prefix="heroku-", dir=target.parent))
    subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--prefix", aside, f"heroku@{VERSION}"],
        check=True,
        stdin=subprocess.DEVNULL,
    )
    try:
        aside.rename(target)
    except OSError:
        shutil.rmtree(aside)
