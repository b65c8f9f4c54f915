"""The hooks: what they do on all sorts of machines, and what they say about it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent


@pytest.fixture
def bake(template, index, tmp_path):
    """Run cookiecutter as a user does; gives the finished process."""

    def run(*answers: str, folder: Path = tmp_path, options=(), **environment: str):
        command = [BIN / "cookiecutter", "--no-input", *options, template]
        return subprocess.run(
            [*command, "heroku_app=later", *answers],
            cwd=folder,
            env=os.environ | index | environment,
            capture_output=True,
            text=True,
        )

    return run


def git(folder: Path, *command: str) -> str:
    done = subprocess.run(["git", *command], cwd=folder, capture_output=True, text=True)
    return done.stdout.strip()


def path_with(tmp_path: Path, *programs: str) -> str:
    """A PATH on which only these programs are found."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for program in programs:
        (folder / program).symlink_to(shutil.which(program))
    return str(folder)


def test_the_end_says_where_the_study_is_and_what_to_type(bake, tmp_path):
    made = bake()
    assert made.returncode == 0
    assert made.stdout.splitlines() == [
        "",
        f"Your study is in {tmp_path / 'stroop-task'}",
        "Next:",
        "  cd stroop-task",
        "  uv run study preview",
        "  uv run study up        # its app on Heroku; asks before anything is bought",
        "  uv run study deploy    # puts it online",
    ]
    assert made.stderr == ""


def test_a_commit_needs_no_git_identity(bake, tmp_path):
    assert git(tmp_path, "config", "user.email") == ""
    bake("contact_email=lab@example.edu")
    author = git(tmp_path / "stroop-task", "log", "--format=%an <%ae>")
    assert author == "psiturk-heroku <lab@example.edu>"


def test_the_users_git_settings_do_not_get_in_the_way(bake, tmp_path, home):
    ignored = home / "ignored"
    ignored.write_text("*.lock\nconfig.txt\n")
    settings = home / "gitconfig-of-a-user"
    settings.write_text(
        "[user]\nname = Ada\nemail = ada@example.edu\n"
        "[commit]\ngpgsign = true\n[init]\ndefaultBranch = trunk\n"
        f"[core]\nexcludesFile = {ignored}\n"
    )
    (home / ".gitconfig").write_text(settings.read_text())
    try:
        bake()
        study = tmp_path / "stroop-task"
        assert git(study, "log", "--format=%an <%ae>") == "Ada <ada@example.edu>"
        assert git(study, "branch", "--show-current") == "main"
        assert {"uv.lock", "config.txt"} <= set(git(study, "ls-files").splitlines())
    finally:
        (home / ".gitconfig").unlink()


def test_inside_another_repository_the_study_has_its_own(bake, tmp_path):
    git(tmp_path, "init", "-q")
    made = bake(GIT_DIR=str(tmp_path / ".git"))  # as in a git hook
    study = tmp_path / "stroop-task"
    assert git(study, "rev-parse", "--show-toplevel") == str(study)
    assert git(study, "rev-list", "--count", "HEAD") == "1"
    assert f"inside another one: {tmp_path}" in made.stdout
    assert git(tmp_path, "log") == ""


def test_an_existing_folder_is_left_alone(bake, tmp_path):
    (tmp_path / "stroop-task").mkdir()
    (tmp_path / "stroop-task" / "notes.txt").write_text("mine")
    made = bake()
    assert made.returncode == 1
    assert "already exists" in made.stdout
    assert [file.name for file in (tmp_path / "stroop-task").iterdir()] == ["notes.txt"]


def test_making_it_again_over_a_study_commits_nothing(bake, tmp_path):
    bake()
    study = tmp_path / "stroop-task"
    (study / "config.txt").write_text("mine")
    made = bake(options=["--overwrite-if-exists"])
    assert made.returncode == 0
    assert "git diff" in made.stdout
    assert git(study, "rev-list", "--count", "HEAD") == "1"


def test_without_a_connection_the_study_is_made_and_its_libraries_are_left_to_do(bake, tmp_path):
    made = bake("experiment=jspsych", npm_config_registry=os.environ["HEROKU_HOST"])
    assert made.returncode == 0
    left = made.stdout.partition("Next:")[2].splitlines()[2:5]
    assert left[0].startswith("  uv run study library install    # could not be done now: jspsych")
    assert left[1:] == ["  git add --force static/libraries", "  git commit -m Libraries"]
    assert git(tmp_path / "stroop-task", "status", "--porcelain") == ""


def test_without_uv_the_files_are_made_and_the_rest_is_explained(bake, tmp_path):
    made = bake(PATH=path_with(tmp_path, "git"), UV="")
    assert made.returncode == 0
    assert "uv is not installed. Get it from https://docs.astral.sh/uv/" in made.stderr
    assert "  uv lock    # could not be done now" in made.stdout
    assert "  git add uv.lock" in made.stdout
    assert git(tmp_path / "stroop-task", "status", "--porcelain") == ""


def test_without_git_the_files_are_made_and_the_rest_is_explained(bake, tmp_path):
    made = bake(PATH=path_with(tmp_path, "uv", "python3"))
    assert made.returncode == 0
    assert "git is not installed. Get it from https://git-scm.com/" in made.stderr
    assert "  git init -b main" in made.stdout
    assert (tmp_path / "stroop-task" / "uv.lock").exists()


def test_without_a_python_that_fits_it_says_that_one_will_be_fetched(bake, tmp_path):
    nothing = {"PATH": path_with(tmp_path, "git", "uv"), "UV_PYTHON_INSTALL_DIR": str(tmp_path)}
    made = bake(**nothing, UV_PYTHON_DOWNLOADS="never")
    assert made.stdout.splitlines()[0] == (
        "Note: no Python from 3.11 to 3.13 is here, so uv fetches 3.13"
    )
    assert (tmp_path / "stroop-task" / ".python-version").read_text() == "3.13\n"


def test_offline_the_study_is_made_and_told_how_to_finish(bake, tmp_path):
    made = bake(UV_OFFLINE="1", UV_CACHE_DIR=str(tmp_path / "empty"))
    assert made.returncode == 0
    assert "  uv lock    # could not be done now" in made.stdout
    study = tmp_path / "stroop-task"
    assert git(study, "status", "--porcelain") == ""
    for command in (["uv", "lock"], ["git", "add", "uv.lock"]):
        subprocess.run(command, cwd=study, check=True, capture_output=True)
    assert git(study, "status", "--porcelain") == "A  uv.lock"


def test_cruft_makes_a_study(template, index, tmp_path):
    make = ["create", "--no-input", "--extra-context", '{"heroku_app": "later"}', template]
    made = subprocess.run([BIN / "cruft", *make], cwd=tmp_path, env=os.environ | index)
    assert made.returncode == 0
    study = tmp_path / "stroop-task"
    assert git(study, "log", "--format=%s").startswith("Start the study from psiturk-heroku")
    assert git(study, "status", "--porcelain") == "?? .cruft.json"


class TestTheAppOnHeroku:
    NEXT = [
        "  uv run study up        # its app on Heroku; asks before anything is bought",
        "  uv run study deploy    # puts it online",
    ]

    @pytest.fixture
    def create(self, bake, machine):
        """Make a study on the researcher's computer, and its app."""

        def run(**environment: str):
            answers = ("heroku_app=create", "heroku_app_name=my-study")
            return bake(*answers, **machine.environment | environment)

        return run

    def test_without_questions_it_is_made_and_nothing_is_bought(self, create, platform, tmp_path):
        made, study = create(), tmp_path / "stroop-task"
        app = platform.apps["my-study"]
        assert (made.returncode, made.stderr) == (0, "")
        assert "In all about 12 USD a month (prices of" in made.stdout
        assert made.stdout.splitlines()[-9:] == [
            "Nothing was bought. To go on: uv run study up --yes",
            f"The study's address will be https://{app.host}",
            "",
            f"Your study is in {study}",
            "Next:",
            "  cd stroop-task",
            "  uv run study preview",
            *self.NEXT,
        ]
        free = ["DATABASE_LIMIT_MB", "ON_CLOUD", "PSITURK_SECRET_KEY"]
        assert app.addons == [] and sorted(app.config) == free
        assert git(study, "remote", "get-url", "heroku") == "https://git.heroku.com/my-study.git"
        assert f"ad_url_domain = {app.host}" in git(study, "show", "HEAD:config.txt")
        assert git(study, "status", "--porcelain") == ""

    def test_a_refusal_leaves_the_study_whole(self, create, platform, tmp_path):
        platform.account.verified = False
        made = create()
        assert made.returncode == 0
        assert "Enter one: https://heroku.com/verify\n" in made.stderr
        assert made.stdout.splitlines()[-2:] == self.NEXT
        assert git(tmp_path / "stroop-task", "status", "--porcelain") == ""

    def test_without_the_heroku_command_the_study_is_whole(self, bake, tmp_path):
        made = bake("heroku_app=create")
        assert made.returncode == 0
        assert "The heroku command is not installed." in made.stderr
        assert made.stdout.splitlines()[-2:] == self.NEXT
        assert git(tmp_path / "stroop-task", "rev-list", "--count", "HEAD") == "1"

    def test_without_a_lock_it_is_not_made(self, create, machine, tmp_path):
        made = create(UV_OFFLINE="1", UV_CACHE_DIR=str(tmp_path / "empty"))
        assert made.returncode == 0
        assert "  uv lock    # could not be done now" in made.stdout
        assert made.stdout.splitlines()[-2:] == self.NEXT
        assert machine.calls == []


@pytest.mark.parametrize("runner", [["uvx", "cookiecutter"], ["python", "-m", "cookiecutter"]])
def test_other_ways_to_run_cookiecutter_work(template, tmp_path, runner):
    command = [*runner, "--no-input", template, "heroku_app=later"]
    made = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    assert git(tmp_path / "stroop-task", "status", "--porcelain") == ""
    assert (tmp_path / "stroop-task" / "uv.lock").exists()
