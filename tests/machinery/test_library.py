"""Libraries from npm: fetched with their hashes, served by the study, and never another file."""

import os
import shutil
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

import forks
import pytest
from npm import REAL, REGISTRY, Registry

JSPSYCH = "jspsych/dist/index.browser.min.js"
CALL = "@jspsych/plugin-call-function/dist/index.browser.min.js"
LIKERT = "@jspsych/plugin-survey-likert"


@dataclass
class Folder:
    """A copy of a study on jsPsych, for one test."""

    path: Path
    python: Path
    environment: dict[str, str]

    def __call__(self, *command: str, **environment: str) -> tuple[int, str]:
        """Run `study …`; the exit code and what it said."""
        done = forks.run(
            self.python, "-m", "study", *command, cwd=self.path,
            env=self.environment | environment,
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout + done.stderr

    @property
    def static(self) -> Path:
        return self.path / "static" / "libraries"

    @property
    def files(self) -> set[str]:
        found = self.static.rglob("*")
        return {file.relative_to(self.static).as_posix() for file in found if file.is_file()}

    @property
    def table(self) -> dict:
        text = (self.path / "pyproject.toml").read_text("utf-8")
        return tomllib.loads(text)["tool"]["psiturk-heroku"]["libraries"]


@pytest.fixture
def study(studies, tmp_path) -> Folder:
    made = studies(experiment="jspsych", heroku_app="later")
    ignored = shutil.ignore_patterns(".venv", ".git")
    folder = shutil.copytree(made.path, tmp_path / "study", ignore=ignored)
    return Folder(folder, made.python, dict(os.environ))


def test_a_new_study_has_its_libraries_in_git_with_who_made_them(studies):
    made = studies(experiment="jspsych", heroku_app="later")
    listed = subprocess.run(["git", "ls-files", "static"], cwd=made.path, capture_output=True)
    committed = listed.stdout.decode()
    for name in ("jspsych", "@jspsych/plugin-call-function"):
        assert f"static/libraries/{name}/dist/index.browser.min.js" in committed
        assert f"static/libraries/{name}/package.json" in committed


def test_libraries_are_added_by_their_names_to_a_study_without_any_and_removed(study):
    project = study.path / "pyproject.toml"
    without = project.read_text("utf-8").partition("\n[tool.psiturk-heroku.libraries.")[0]
    project.write_text(without, "utf-8")
    code, said = study("library", "add", f"{LIKERT}@2.2.0")
    assert code == 1
    assert f"{LIKERT} needs jspsych, which pages must load before it." in said
    assert study("library", "add", "jspsych@8.3.0")[0] == 0
    code, said = study("library", "add", f"{LIKERT}@2.2.0")
    assert code == 0
    assert f"{LIKERT} 2.2.0 (MIT) is in static/libraries/{LIKERT}" in said
    versions = [(name, row["version"]) for name, row in study.table.items()]
    assert versions == [("jspsych", "8.3.0"), (LIKERT, "2.2.0")]
    assert f"{LIKERT}/dist/index.browser.min.js" in study.files
    assert study("library", "install") == (0, "Nothing is missing in static/libraries.\n")
    assert study("library", "remove", LIKERT)[0] == study("library", "remove", "jspsych")[0] == 0
    assert project.read_text("utf-8").strip() == without.strip()
    assert not any(file.startswith(LIKERT) for file in study.files)


def test_a_row_written_by_hand_is_written_anew_as_the_error_says(study):
    project = study.path / "pyproject.toml"
    without = project.read_text("utf-8").partition("\n[tool.psiturk-heroku.libraries.")[0]
    row = '\n[tool.psiturk-heroku.libraries]\njspsych = "8.3.0"\n'
    project.write_text(without + row, "utf-8")
    code, said = study("library", "install")
    assert code == 1
    assert "jspsych needs a version and files.\nWrite it anew: uv run study library add" in said
    assert study("library", "add", "jspsych@8.3.0")[0] == 0
    assert list(study.table["jspsych"]["files"]) == ["dist/index.browser.min.js"]


def test_a_package_that_names_no_script_for_pages_needs_the_name_of_one(study):
    code, said = study("library", "add", "ms@2.1.3")
    assert code == 1
    assert "ms 2.1.3 does not say which of its files is for a page." in said
    assert "uv run study library add ms --file PATH\nIt has: index.js" in said
    code, said = study("library", "add", "jspsych@8.3.0", "--file", "css/jspsych.css")
    assert (code, list(study.table["jspsych"]["files"])) == (0, ["css/jspsych.css"])
    code, said = study("library", "add", "jspsych@8.3.0", "--file", "dist/none.js")
    assert code == 1
    assert "jspsych 8.3.0 has no file dist/none.js." in said
    assert "css/jspsych.css" in said


def test_what_is_missing_or_changed_is_named_and_fetched_again(study):
    missing, changed = study.static / JSPSYCH, study.static / CALL
    originals = [file.read_bytes() for file in (missing, changed)]
    missing.unlink()
    changed.write_text("alert(1)")
    said = study("check")[1]
    assert "jspsych (dist/index.browser.min.js is missing)" in said
    assert "call-function (dist/index.browser.min.js differs from what npm has)" in said
    assert "uv run study library install" in said
    assert "jspsych 8.3.0 is in static/libraries/jspsych" in study("library", "install")[1]
    assert [file.read_bytes() for file in (missing, changed)] == originals


def test_a_library_that_git_ignores_is_named_before_a_deploy(study):
    ignoring = "git init -q && echo dist/ > .git/info/exclude && git add --all"
    subprocess.run(ignoring, cwd=study.path, shell=True, check=True)
    assert f"static/libraries/{JSPSYCH} is not in git" in study("check")[1]


def test_a_file_with_another_hash_is_refused(study, registry: Registry):
    project = study.path / "pyproject.toml"
    text = project.read_text("utf-8")
    project.write_text(text.replace("sha384-PPMN", "sha384-AAAA"), "utf-8")
    (study.static / JSPSYCH).unlink()
    code, said = study("library", "install")
    assert code == 1
    assert "is not the file that pyproject.toml describes" in said
    assert JSPSYCH not in study.files
    project.write_text(text, "utf-8")
    registry.is_tampering = True
    try:
        code, said = study("library", "install")
    finally:
        registry.is_tampering = False
    assert code == 1
    assert "What arrived for jspsych 8.3.0 has another hash than npm says" in said
    assert JSPSYCH not in study.files


def test_without_a_connection_it_says_what_to_type_later(study):
    (study.static / JSPSYCH).unlink()
    code, said = study("library", "install", **{REGISTRY: os.environ["HEROKU_HOST"]})
    assert code == 1
    assert "jspsych 8.3.0 could not be fetched: 127.0.0.1 cannot be reached" in said
    assert "When there is a connection: uv run study library install" in said


def test_names_that_lead_elsewhere_are_refused(study):
    for name in ("../evil", "@a/../../b"):
        code, said = study("library", "add", name)
        assert code == 1
        assert "is not the name of a package" in said
    assert "npm has no jspsych 0.0.0-none." in study("library", "add", "jspsych@0.0.0-none")[1]


def test_npms_own_registry_has_the_files_that_a_new_study_names(study):
    shutil.rmtree(study.static)
    del study.environment[REGISTRY]
    assert study("library", "install", **REAL)[0] == 0
    assert JSPSYCH in study.files
