"""How long it takes to make a study, and from a fresh one to a link that works.

    uv run python -m tests.bench.generation

With warm caches: every package has been downloaded before.
"""

import os
import re
import shutil
import signal
import statistics
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests.bench.installation import clean_environment, clone, run
from tests.server import free_port

REPEATS = 5


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        folder = Path(folder)
        template = clone(folder / "template")
        study = make(template, folder / "warm")
        run("uv", "sync", "--quiet", "--locked", cwd=study)  # fills the cache
        show("one command makes a study", lambda place: make(template, place), folder)
        show(
            "  of that: cookiecutter, without hooks",
            lambda place: make(template, place, "no"),
            folder,
        )
        show("  of that: uv lock", lambda place: lock(study, place), folder)
        show("  of that: git init, add, commit", lambda place: commit(study, place), folder)
        show(
            "uv run study preview, fresh, to its link",
            preview,
            folder,
            prepare=lambda place: make(template, place),
        )
        show("uv run study preview, again", preview, folder, prepare=lambda _: study)


def make(template: Path, place: Path, hooks: str = "yes") -> Path:
    """Run the one command; the study's folder."""
    run(
        "cookiecutter",
        "--no-input",
        "--accept-hooks",
        hooks,
        "--output-dir",
        place,
        template,
        "heroku_app=later",
    )
    return place / "stroop-task"


def lock(study: Path, place: Path) -> None:
    place.mkdir()
    for file in ("pyproject.toml", ".python-version"):
        shutil.copy(study / file, place)
    run("uv", "lock", cwd=place)


def commit(study: Path, place: Path) -> None:
    shutil.copytree(study, place, ignore=shutil.ignore_patterns(".git", ".venv"))
    identity = ("-c", "user.name=bench", "-c", "user.email=bench@example.edu")
    run("git", "init", "--quiet", cwd=place)
    run("git", "add", "--all", cwd=place)
    run("git", *identity, "commit", "--quiet", "-m", "Start", cwd=place)


def preview(study: Path) -> None:
    """Start the preview and open the link it prints."""
    command = ["uv", "run", "study", "preview", "--no-browser", "--port", str(free_port())]
    process = subprocess.Popen(
        command,
        cwd=study,
        env=clean_environment(PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        printed = iter(process.stdout.readline, "")
        link = next(filter(None, (re.search(r"http://\S+/pub\?\S+", line) for line in printed)))
        urllib.request.urlopen(link[0], timeout=30).close()
    finally:
        # As a terminal's Ctrl-C does: to every process of the group.
        os.killpg(process.pid, signal.SIGINT)
        process.wait(30)


def show(what: str, job: Callable, folder: Path, prepare: Callable | None = None) -> None:
    """Do a job several times, each in a place of its own, and print the median."""
    seconds = []
    for _ in range(REPEATS):
        place = Path(tempfile.mkdtemp(dir=folder)) / "place"
        place = prepare(place) if prepare else place
        started = time.perf_counter()
        job(place)
        seconds.append(time.perf_counter() - started)
    shown = ", ".join(f"{second:.2f}" for second in sorted(seconds))
    print(f"{what:44} {statistics.median(seconds):6.2f} s   ({shown})", flush=True)


if __name__ == "__main__":
    main()
