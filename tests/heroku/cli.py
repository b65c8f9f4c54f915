"""The real Heroku CLI, in the one version that the tests speak to.

It runs on the Node.js that comes with Playwright, and without what no test uses (lean.mjs): so a
call takes a third of the time it takes on Debian's Node.js, and no other Node.js need be installed.
"""

from __future__ import annotations

import functools
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from filelock import FileLock

from tests.npm import outside
from tests.programs import find_node

from .toolchain import cache_folder

VERSION = "11.10.0"
LEAN = Path(__file__).with_name("lean.mjs")


def find_cli() -> str:
    """How a shell runs the CLI of that version: the one in the cache, or a new one from npm.

    The cache lies outside the repository, in XDG_CACHE_HOME (~/.cache)/psiturk-heroku.
    """
    program = _cache() / "node_modules" / "heroku" / "bin" / "run.js"
    if not program.exists():
        _cache().parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{_cache()}.lock"):
            if not program.exists():
                _install()
    options = ["--no-deprecation", "--import", str(LEAN)]
    return shlex.join([find_node(), *options, str(program)])


@functools.cache
def tell_version(cli: str) -> str:
    """What `heroku --version` prints: always the same, and `study` asks it before anything else."""
    command = [*shlex.split(cli), "--version"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _cache() -> Path:
    return cache_folder() / "psiturk-heroku" / f"heroku-{VERSION}"


def _install() -> None:
    if not shutil.which("npm"):
        raise RuntimeError(f"The tests drive the Heroku CLI {VERSION}, which npm installs: get npm")
    target = _cache()
    aside = Path(tempfile.mkdtemp(prefix="heroku-", dir=target.parent))
    subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--prefix", aside, f"heroku@{VERSION}"],
        check=True,
        stdin=subprocess.DEVNULL,
        env=outside(),
    )
    aside.rename(target)
