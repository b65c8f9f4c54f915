"""The README's first two commands, typed as they stand by somebody who has nothing yet.

The environment is empty but for a home folder of its own and the way to the package registries;
uv's cache is empty too.
"""

import os
import re
import shutil
import subprocess
import urllib.request
from pathlib import Path

import pytest
from generated import REPOSITORY
from heroku.toolchain import find_python, uv
from server import free_port
from terminal import Terminal

# How this machine reaches the registries of packages.
NETWORK = ("SSL_CERT_FILE", "PIP_CERT", "HTTPS_PROXY", "https_proxy", "PIP_INDEX_URL", "UV_INDEX")
SECONDS = 300  # for everything that is downloaded


def first_commands() -> list[str]:
    """The lines of the README's first block of code."""
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    return re.search(r"```\n(.*?)```", text, re.DOTALL)[1].splitlines()


@pytest.fixture
def version() -> str:
    """The oldest Python that a study runs on and that this machine has."""
    return next(version for version in ("3.11", "3.12", "3.13") if find_python(version))


@pytest.fixture
def newcomer(tmp_path, version) -> dict[str, str]:
    """The environment of a new account with one Python, under pyenv if this machine has it."""
    home = tmp_path / "home"
    python, pyenv = home / ".pyenv" / "versions" / version, shutil.which("pyenv")
    only = [uv(), "venv", "--quiet", "--seed", "--python", find_python(version), python]
    subprocess.run(only, check=True)
    path = [python / "bin", "/usr/bin", "/bin"]
    environment = {"HOME": str(home), "BROWSER": "true", "PSITURK_PORT": str(free_port())}
    environment |= {name: os.environ[name] for name in NETWORK if name in os.environ}
    if pyenv:
        (home / ".pyenv" / "version").write_text(f"{version}\n")
        path[:1] = [home / ".pyenv" / "shims", Path(pyenv).parent]
    environment["PATH"] = os.pathsep.join(map(str, path))
    if pyenv:
        subprocess.run([pyenv, "rehash"], check=True, env=environment)
    return environment


@pytest.mark.slow
def test_they_leave_a_committed_study_and_a_preview(newcomer, version, template, tmp_path):
    make, preview = first_commands()
    folder = tmp_path / "empty"
    folder.mkdir()
    made = Terminal(
        ["/bin/sh", "-c", make.replace("gh:lab/psiturk-heroku", str(template))], folder, newcomer
    )
    made.wait_for(r"\[1/13\]", SECONDS)
    made.answer(*[""] * 13)
    assert made.wait_for_end(SECONDS) == 0, made.said
    assert "could not be done" not in made.said

    study = folder / "stroop-task"
    assert (study / ".python-version").read_text() == f"{version}\n"
    state = subprocess.run(
        ["git", "-C", study, "status", "--porcelain"], capture_output=True, text=True
    )
    assert state.stdout == "" and (study / "uv.lock").exists()

    shown = Terminal(["/bin/sh", "-c", preview], folder, newcomer)
    address = f"http://localhost:{newcomer['PSITURK_PORT']}"
    shown.wait_for(re.escape(f"The study:  {address} "), SECONDS)
    assert b"Try the study" in urllib.request.urlopen(address).read()
    shown.sendintr()
    shown.wait_for_end()
    assert shown.said.endswith("\nStopped.\n"), shown.said
    assert "Traceback" not in shown.said
