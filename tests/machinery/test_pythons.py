"""A study on each Python that it says it runs on and that this machine has."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from dashboard import running
from generated import Study
from heroku.toolchain import find_python
from participant import Participant
from server import cloud_server

pytestmark = pytest.mark.slow
PYTHONS = {version: find_python(version) for version in ("3.11", "3.12", "3.13")}
HERE = [version for version, program in PYTHONS.items() if program]


@dataclass
class StudyOnPython(Study):
    """A study that is installed and run with one Python."""

    program: str

    def run(self, *command: str, **options):
        environment = options.pop("env", os.environ) | {"UV_PYTHON": self.program}
        return super().run(*command, starts=True, env=environment, **options)


@pytest.fixture(scope="module", params=HERE)
def study(request, new_folder) -> StudyOnPython:
    """One whose .python-version names it, as on a machine that has no newer one."""
    version = request.param
    folder = Path(new_folder(project_slug=f"on-{version.replace('.', '-')}", recruitment="mturk"))
    (folder / ".python-version").write_text(f"{version}\n")
    study = StudyOnPython(folder, PYTHONS[version])
    printed = study.run("python", "--version")
    assert printed.stdout.startswith(f"Python {version}."), printed.stderr
    return study


def test_its_own_tests_pass(study):
    tested = study.run("pytest", "-q", "-p", "no:cacheprovider")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "warning" not in tested.stdout


def test_the_lock_is_the_same_for_all(study):
    assert study.run("uv", "lock", "--check", "--offline").returncode == 0


@pytest.mark.parametrize("command", ["version", "config print", "debug --print-only"])
def test_psiturks_shell_works(study, command):
    shown = study.run("psiturk", *command.split())
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout


def test_the_server_takes_a_participant_on_postgres(study, cluster):
    url = cluster.create_database()
    with cloud_server(study.path, study.python, url, starts=True) as server:
        Participant(server.wait().address).take_part()
        assert "Traceback" not in server.output


def test_psiturks_dashboard_works(study, tmp_path):
    with running(study, tmp_path, f"sqlite:///{tmp_path}/participants.db") as dashboard:
        assert "Logged in successfully." in dashboard.log_in(dashboard.password).text
        assert dashboard.api("hits/") == []


def test_pythons_that_are_here_are_tried():
    assert HERE, "a study needs one of these Pythons"
