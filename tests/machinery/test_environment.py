"""What Heroku installs for a study: enough to serve it, and nothing that it never uses."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from participant import Participant
from server import cloud_server

# A route of the researcher's own, that tells which installed distributions the process uses.
DISTRIBUTIONS_IN_USE = """

@custom_code.route("/distributions")
def distributions():
    import sys
    from importlib.metadata import distributions

    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    return {
        distribution.name: any(
            str(distribution.locate_file(file)) in files for file in distribution.files
        )
        for distribution in distributions()
    }
"""


@dataclass
class Slug:
    """A study as a host has it: its files and what the buildpack installs."""

    folder: Path
    python: Path


@pytest.fixture(scope="module")
def slug(studies, tmp_path_factory) -> Slug:
    study = studies(recruitment="mturk", heroku_app="later")
    folder = tmp_path_factory.mktemp("slug") / "app"
    shutil.copytree(study.path, folder, ignore=shutil.ignore_patterns(".venv", ".git", "*.db"))
    environment = os.environ | {"UV_PROJECT_ENVIRONMENT": str(folder / "environment")}
    command = ["uv", "sync", "--locked", "--no-default-groups"]
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    with (folder / "custom.py").open("a") as custom:
        custom.write(DISTRIBUTIONS_IN_USE)
    return Slug(folder, folder / "environment" / "bin" / "python")


@pytest.fixture(scope="module")
def server(slug, cluster):
    """The web process on a fresh environment: everything is compiled while it starts."""
    settings = {"PYTHONDONTWRITEBYTECODE": "1"}
    url = cluster.create_database()
    with cloud_server(slug.folder, slug.python, url, **settings) as server:
        yield server.wait()


@pytest.fixture(scope="module")
def distributions(server) -> dict[str, bool]:
    """Each installed distribution, and whether the server that had a participant uses it."""
    participant = Participant(server.address)
    participant.take_part()
    return participant.browser.get("/distributions").json


def test_it_serves_a_whole_participation(server):
    participant = Participant(server.address, worker="another")
    participant.take_part()
    assert participant.status() == 4


def test_every_installed_distribution_is_used(distributions):
    # The study itself is installed as a link to its folder, which holds no file of its own.
    unused = {name for name, used in distributions.items() if not used} - {"stroop-task-study"}
    assert unused == set()


def test_no_tool_of_tests_shell_or_dashboard_is_installed(distributions):
    tools = {
        "boto3",
        "botocore",
        "cmd2",
        "docopt-ng",
        "faker",
        "flask-login",
        "flask-restful",
        "gitpython",
        "pyopenssl",
        "pytest",
        "rich",
        "setuptools",
    }
    assert tools.isdisjoint(name.lower() for name in distributions)


def test_the_environment_is_what_uv_shows(slug, distributions):
    tree = subprocess.run(
        [
            "uv",
            "export",
            "--frozen",
            "--no-default-groups",
            "--no-hashes",
            "--no-annotate",
            "--no-header",
            "--no-emit-project",
        ],
        cwd=slug.folder,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    # A line may end in a condition, such as another operating system.
    listed = {
        line.split("==")[0]
        for line in tree.splitlines()
        if "==" in line and "win32" not in line and "PyPy" not in line
    }
    installed = {name.lower().replace("_", "-").replace(".", "-") for name in distributions}
    assert listed == installed - {"psiturk-heroku-machinery"}


def test_a_first_start_prints_no_warning(server, distributions):
    assert "Warning" not in server.output
    assert "Traceback" not in server.output


def test_the_audit_of_packages_gets_each_with_its_version_and_hashes(studies, tmp_path):
    study = studies(recruitment="mturk", heroku_app="later")
    workflow = yaml.safe_load((study.path / ".github/workflows/ci.yml").read_text())
    steps = [step.get("run", "") for step in workflow["jobs"]["audit"]["steps"]]
    (export,) = [step for step in steps if step.startswith("uv export")]
    packages = tmp_path / "packages.txt"
    command = export.replace("packages.txt", str(packages)).split()
    subprocess.run(command, cwd=study.path, check=True)
    with_hash = r"^(\S+?)==\S+(?: ; .*)? \\\n    --hash=sha256:"
    listed = re.findall(with_hash, packages.read_text(), re.MULTILINE)
    assert "./machinery" not in packages.read_text().splitlines()  # a folder has no hash
    for name in ("psiturk", "flask", "werkzeug", "psycopg-binary", "boto3"):
        assert name in listed
    assert f"--requirement {packages.name}" in steps[-1]
