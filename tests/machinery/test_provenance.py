"""Under which code a record is made: git's commit where there is git, the build's where not."""

import os
import shutil
import sqlite3
import subprocess
import tomllib
from contextlib import closing
from urllib.parse import urlsplit

import forks
import pytest
from generated import REPOSITORY
from participant import Participant
from server import Server, cloud_server, free_port

MACHINERY = REPOSITORY / "{{cookiecutter.project_slug}}" / "machinery" / "pyproject.toml"
VERSION = tomllib.loads(MACHINERY.read_text(encoding="utf-8"))["project"]["version"]
FIND = "from pathlib import Path; from study.provenance import *; print(find_commit(Path()))"
OLD, NEW = "a" * 40, "b" * 40
ROW = 'SELECT "commit", machinery FROM assignments'


@pytest.fixture(scope="module")
def study(studies):
    return studies(recruitment="prolific", num_conditions="2")


@pytest.fixture
def folder(study, tmp_path):
    """A copy of the study with its repository."""
    return shutil.copytree(study.path, tmp_path / "study", ignore=shutil.ignore_patterns(".venv"))


def git(folder, *command: str) -> str:
    author = ("-c", "user.name=Tests", "-c", "user.email=tests@example.edu")
    command = ("git", *author, *command)
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def find(study):
    """A function that says which commit a folder's server would give to its records."""

    def find(folder, **variables: str) -> str:
        done = forks.run(study.python, "-c", FIND, cwd=folder, env=os.environ | variables)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return find


def test_git_says_which_commit_it_is_and_whether_anything_was_changed(folder, find):
    commit = git(folder, "rev-parse", "HEAD").strip()
    (folder / ".commit").write_text(OLD)  # nobody built this folder
    assert find(folder, STUDY_COMMIT=OLD, GIT_DIR="elsewhere") == commit
    (folder / "static" / "js" / "new.js").write_text("// new")
    assert find(folder) == f"{commit}+changes"
    git(folder, "add", "--all")
    assert find(folder) == f"{commit}+changes"
    git(folder, "commit", "-qm", "New")
    assert find(folder) == git(folder, "rev-parse", "HEAD").strip() != commit


def test_without_git_the_build_says_it_or_a_variable_and_else_nobody(tmp_path, find):
    git(tmp_path, "init", "-q")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "Of somebody else")
    folder = tmp_path / "study"
    folder.mkdir()
    assert find(folder) == find(folder, STUDY_COMMIT="latest; '") == "unknown"
    assert find(folder, STUDY_COMMIT="", SOURCE_VERSION=OLD) == OLD
    (folder / ".commit").write_text("\n")  # of a build that was told nothing
    assert find(folder, GIT_REV=OLD) == OLD
    (folder / ".commit").write_text(f"{NEW}\n")
    assert find(folder, STUDY_COMMIT=OLD) == NEW


def test_a_record_that_goes_on_under_another_commit_names_both(study, folder, cluster):
    url = cluster.create_database()
    shutil.rmtree(folder / ".git")

    def read() -> str:
        return cluster.run(ROW, database=urlsplit(url).path[1:]).strip()

    def serve(commit: str) -> Server:
        (folder / ".commit").write_text(f"{commit}\n")
        return cloud_server(folder, study.python, url)

    def open_window() -> None:
        answer = person.browser.request("POST", f"/sync/{person.uniqueid}/windows")
        assert answer.status == 200, answer.text

    with serve(OLD) as server:
        server.wait()
        person = Participant(server.address, mode="prolific")
        person.open("/exp")
        open_window()
        assert read() == f"{OLD}|{VERSION}"
    with serve(NEW) as server:
        person.browser.address = server.wait().address
        for _ in range(2):
            open_window()
            assert read() == f"{OLD} {NEW}|{VERSION}"
        # As a record of a machinery that did not write it down.
        cluster.run('UPDATE assignments SET "commit" = NULL', database=urlsplit(url).path[1:])
        open_window()
        assert read() == f"unknown {NEW}|{VERSION}"


def test_a_preview_sees_each_change_at_once(study, folder, tmp_path):
    port, database = free_port(), tmp_path / "participants.db"
    settings = {"PSITURK_PORT": str(port), "PSITURK_DATABASE_URL": f"sqlite:///{database}"}
    commit = git(folder, "rev-parse", "HEAD").strip()
    with Server(folder, study.python, "-m", "study.server", port=port, **settings) as server:
        server.wait()
        Participant(server.address, "one", mode="prolific").open("/exp")
        with (folder / "static" / "js" / "task.js").open("a") as script:
            script.write("\n")
        Participant(server.address, "two", mode="prolific").open("/exp")
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute(f"{ROW} ORDER BY workerid").fetchall()
    assert rows == [(commit, VERSION), (f"{commit}+changes", VERSION)]
