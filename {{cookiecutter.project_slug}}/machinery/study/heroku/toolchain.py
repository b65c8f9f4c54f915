"""The two files by which Heroku builds what runs here: .python-version and uv.lock.

Heroku's buildpack wants both in git. uv and pyenv read .python-version too, so it names a Python
of this machine: nothing is downloaded, and a uv that pyenv installed runs beside it.
"""

import os
import shutil
import subprocess
from pathlib import Path

PYTHONS = ("3.13", "3.12", "3.11")  # Heroku builds them, and studies were tried on each
UV = os.environ.get("UV") or "uv"  # `uvx` and `uv run` say where their uv is
FIND = (UV, "python", "find", "--system", "--no-python-downloads", "--no-project")


def choose_python(folder: Path) -> str:
    """Write the newest Python that is here, and with which `uv` runs, into .python-version.

    Returns what the user should know, in a sentence, if there is no such Python.
    """
    newest = ""
    for version in PYTHONS:
        if run(*FIND, version, cwd=folder.parent).returncode == 0:
            if uv_runs_with(version, folder):
                return ""
            newest = newest or version
    uv_runs_with(newest or PYTHONS[0], folder)
    if newest or not shutil.which(UV):
        return "`uv` does not run in the study's folder: see the end of its README.md"
    return f"no Python from 3.11 to 3.13 is here, so uv fetches {PYTHONS[0]}"


def uv_runs_with(version: str, folder: Path) -> bool:
    """Write the version down; whether the user's `uv` then runs in the folder."""
    (folder / ".python-version").write_text(f"{version}\n", encoding="utf-8")
    program = Path(shutil.which("uv") or "uv")
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    if root in program.parents:  # pyenv has chosen already; its shim chooses anew, in the folder
        program = root / "shims" / "uv"
    as_typed = {name: value for name, value in os.environ.items() if name != "PYENV_VERSION"}
    return run(str(program), "--version", cwd=folder, env=as_typed).returncode == 0


def lock(folder: Path) -> str:
    """Fix the version of every package in uv.lock; returns why that failed, in a line."""
    # From outside, where a uv of pyenv runs whatever .python-version says.
    made = run(UV, "lock", "--project", str(folder), cwd=folder.parent)
    reason = made.stderr.strip().splitlines()[-1:] or ["no reason given"]
    return reason[0].strip() if made.returncode else ""


def run(*command: str, cwd: Path, env: dict | None = None) -> subprocess.CompletedProcess:
    """Run a program without a shell; one that is not installed counts as failed."""
    options = {"stdin": subprocess.DEVNULL, "capture_output": True, "encoding": "utf-8"}
    try:
        return subprocess.run(command, cwd=cwd, env=env, **options)
    except OSError as error:
        return subprocess.CompletedProcess(command, 127, "", str(error))
