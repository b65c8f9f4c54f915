"""The README's first two commands, typed as they stand by somebody who has nothing yet.

The environment is empty but for a home folder of its own and the way to the package registries;
uv's cache is empty too.
"""

import os
import re
import shutil
import subprocess
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from generated import REPOSITORY
from heroku.toolchain import find_python, uv
from server import free_port
from terminal import Terminal

# How this machine reaches the registries of packages.
NETWORK = ("SSL_CERT_FILE", "PIP_CERT", "HTTPS_PROXY", "https_proxy", "PIP_INDEX_URL", "UV_INDEX")
PYTHONS = ("3.11", "3.12", "3.13")
SECONDS = 300  # for everything that is downloaded


def first_commands() -> list[str]:
    """The lines of the README's first block of code."""
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    return re.search(r"```\n(.*?)```", text, re.DOTALL)[1].splitlines()


@dataclass
class Newcomer:
    """Somebody with a new account, and a Python and its pip on the PATH."""

    home: Path
    version: str = ""
    path: list[Path] = field(default_factory=lambda: [Path("/usr/bin"), Path("/bin")])
    port: int = field(default_factory=free_port)

    @property
    def environment(self) -> dict[str, str]:
        network = {name: os.environ[name] for name in NETWORK if name in os.environ}
        own = {"HOME": str(self.home), "PATH": os.pathsep.join(map(str, self.path))}
        return network | own | {"BROWSER": "true", "PSITURK_PORT": str(self.port)}

    def use_system(self) -> None:
        """The oldest Python here that a study runs on."""
        self.version = next(version for version in PYTHONS if find_python(version))
        program = Path(find_python(self.version)).resolve()
        environment = self.home / "environment"  # so that pip changes nothing on this machine
        make = [uv(), "venv", "--quiet", "--seed", "--python", program, environment]
        subprocess.run(make, check=True)
        self.path[:0] = [environment / "bin", program.parent]

    def use_pyenv(self, pyenv: Path) -> None:
        """A pyenv of their own, with a copy of the oldest such Python that pyenv has, if any."""
        root = subprocess.run([pyenv, "root"], capture_output=True, text=True, check=True)
        versions = Path(root.stdout.strip(), "versions")
        found = [python for version in PYTHONS for python in versions.glob(f"{version}.*")]
        if not found:
            return self.use_system()
        self.version = found[0].name.rpartition(".")[0]
        copy = self.home / ".pyenv" / "versions" / found[0].name
        bulk = shutil.ignore_patterns("site-packages", "test", "__pycache__", "*.a", "share")
        shutil.copytree(found[0], copy, symlinks=True, ignore=bulk)
        subprocess.run([copy / "bin" / "python3", "-m", "ensurepip", "--default-pip"], check=True)
        (self.home / ".pyenv" / "version").write_text(f"{found[0].name}\n")
        self.path[:0] = [self.home / ".pyenv" / "shims", pyenv.parent]
        subprocess.run([pyenv, "rehash"], check=True, env=self.environment)


@pytest.fixture
def newcomer(tmp_path) -> Newcomer:
    newcomer = Newcomer(tmp_path / "home")
    newcomer.home.mkdir()
    if pyenv := shutil.which("pyenv"):
        newcomer.use_pyenv(Path(pyenv))
    else:
        newcomer.use_system()
    return newcomer


@pytest.mark.slow
def test_they_leave_a_committed_study_and_a_preview(newcomer, template, tmp_path):
    make, preview = first_commands()
    folder = tmp_path / "empty"
    folder.mkdir()
    made = Terminal(
        ["/bin/sh", "-c", make.replace("gh:lab/psiturk-heroku", str(template))],
        folder,
        newcomer.environment,
    )
    made.wait_for(r"\[1/13\]", SECONDS)
    made.answer(*[""] * 13)
    assert made.wait_for_end(SECONDS) == 0, made.said
    assert "could not be done" not in made.said

    study = folder / "stroop-task"
    assert (study / ".python-version").read_text() == f"{newcomer.version}\n"
    state = subprocess.run(
        ["git", "-C", study, "status", "--porcelain"], capture_output=True, text=True
    )
    assert state.stdout == "" and (study / "uv.lock").exists()

    shown = Terminal(["/bin/sh", "-c", preview], folder, newcomer.environment)
    address = f"http://localhost:{newcomer.port}"
    shown.wait_for(re.escape(f"The study:  {address} "), SECONDS)
    assert b"Try the study" in urllib.request.urlopen(address).read()
    shown.sendintr()
    shown.wait_for_end()
    assert shown.said.endswith("\nStopped.\n"), shown.said
    assert "Traceback" not in shown.said
