"""`study update` of this version's studies: again and again, from anywhere, or not at all."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import forks
import pytest
from live_study import NAME
from older_studies import ANSWERS
from updates import Old, render


def make_newer(template: Path, folder: Path, version: str) -> Path:
    """A later version of the template, in a copy of its repository."""
    newer = folder / f"template-{version}"
    shutil.copytree(template, newer)
    study = newer / "{{cookiecutter.project_slug}}"
    project = study / "machinery" / "pyproject.toml"
    changed = re.sub(r"(?m)^version = .*", f'version = "{version}"', project.read_text("utf-8"))
    project.write_text(changed, encoding="utf-8")
    questions = json.loads((newer / "cookiecutter.json").read_text("utf-8"))
    questions[f"asked_by_{version}"] = "by default"
    (newer / "cookiecutter.json").write_text(json.dumps(questions), encoding="utf-8")
    news = newer / "CHANGELOG.md"
    text = news.read_text("utf-8").replace(
        "\n## ", f"\n## {version}\n\n- News of {version}\n  in two lines.\n\n## ", 1
    )
    news.write_text(text, encoding="utf-8")
    page = study / "templates" / "test.html"
    page.write_text(page.read_text("utf-8") + f"<!-- {version} -->\n", encoding="utf-8")
    gone = study / "templates" / "break.html"
    gone.write_text(gone.read_text("utf-8") + f"<!-- {version} -->\n", encoding="utf-8")
    later = Old(newer, newer)
    later.commit(version)
    return newer


@pytest.fixture(scope="module")
def newer(template, tmp_path_factory) -> Path:
    return make_newer(template, tmp_path_factory.mktemp("newer"), "7.0")


@pytest.fixture(scope="module")
def made(new_folder) -> Path:
    return new_folder(heroku_app="later", project_slug="updated", study_title="It's {0}, 100%")


@pytest.fixture
def study(made, template, tmp_path) -> Old:
    return Old(shutil.copytree(made, tmp_path / "study"), template)


def test_update_after_update_goes_by_what_the_last_one_made(study, newer, tmp_path):
    study.git("rm", "-q", "templates/break.html")
    study.edit("config.txt", "preview_ids =\n", "preview_ids = me\n")
    study.commit()
    assert "News of 7.0\n  in two lines." in study.update(newer).stdout
    origin = json.loads(study.text(".template.json"))
    assert origin["answers"]["asked_by_7.0"] == "by default"
    assert origin["answers"]["study_title"] == "It's {0}, 100%"
    newest = make_newer(newer, tmp_path, "8.0")
    study.edit("config.txt", "preview_ids = me\n", "preview_ids = me, you\n")
    study.commit()
    updated = study.update(newest)
    assert updated.returncode == 0, updated.stdout + updated.stderr
    assert "News of 8.0" in updated.stdout and "News of 7.0" not in updated.stdout
    assert study.text("templates/test.html").endswith("<!-- 7.0 -->\n<!-- 8.0 -->\n")
    assert "preview_ids = me, you\n" in study.text("config.txt")
    assert not (study.path / "templates" / "break.html").exists()
    assert "machinery-changes" not in study.git("ls-files")
    # Reverted, then updated again, it is as it was.
    tree = study.git("rev-parse", "HEAD^{tree}")
    study.git("revert", "--no-edit", "HEAD")
    assert study.update(newest).returncode == 0
    assert study.git("rev-parse", "HEAD^{tree}") == tree


@pytest.fixture
def later(template, tmp_path) -> Path:
    """A later commit of the same version, of which CHANGELOG.md says nothing."""
    later = shutil.copytree(template, tmp_path / "later")
    page = later / "{{cookiecutter.project_slug}}" / "templates" / "test.html"
    page.write_text(page.read_text("utf-8") + "<!-- later -->\n", encoding="utf-8")
    Old(later, later).commit("Add a remark")
    return later


def test_without_news_it_says_so_and_from_which_commit_the_study_is(study, later):
    commit = json.loads(study.text(".template.json"))["commit"][:7]
    updated = study.update(later)
    assert updated.returncode == 0, updated.stdout + updated.stderr
    _, what, machinery, pages, news, *_ = updated.stdout.splitlines()
    assert re.search(rf", from \d+\.\d+\.\d+ \({commit}\)\.$", what)
    assert machinery == "  machinery: as it was" and "templates/test.html" in pages
    assert news == "CHANGELOG.md tells of nothing new since then."


def test_where_the_commit_is_not_known_it_says_that_nobody_knows_what_is_new(study, later):
    origin = json.loads(study.text(".template.json"))
    study.write(".template.json", json.dumps(origin | {"commit": ""}))
    study.git("commit", "-q", "--all", "--amend", "--no-edit")
    updated = study.update(later)
    assert updated.returncode == 0, updated.stdout + updated.stderr
    assert re.search(r"(?m)^Which commit of [\d.]+ made this study is not known", updated.stdout)
    assert "What is new:" not in updated.stdout


def test_a_study_without_its_first_commit_is_known_by_the_template_that_made_it(study, newer):
    study.edit("config.txt", "preview_ids =\n", "preview_ids = me\n")
    study.write("templates/test.html", "<p>Ours</p>\n")
    shutil.rmtree(study.path / ".git")
    refused = study.update(newer)
    assert refused.returncode == 1 and "Make it one: git init -b main" in refused.stderr
    study.git("init", "-q")
    study.commit("Copied from elsewhere")
    updated = study.update(newer)
    assert re.search(r"(?m)^  templates/test.html: both changed it", updated.stdout), updated.stderr
    assert "preview_ids = me\n" in study.text("config.txt")


def dirty(study: Old) -> str:
    study.write("config.txt", "half a thought")
    return "This study has changes that are not committed: config.txt."


def in_a_folder_of_the_study(study: Old) -> str:
    study.path = study.path / "templates"
    return "This folder is no study with a git repository of its own."


@pytest.mark.parametrize("prepare", [dirty, in_a_folder_of_the_study])
def test_what_cannot_be_updated_is_refused_in_a_sentence(study, newer, prepare):
    expected = prepare(study)
    before = study.state()
    refused = study.update(newer)
    assert refused.returncode == 1 and expected in refused.stderr
    assert study.state() == before


def test_an_answer_that_the_newer_version_refuses_changes_nothing(study, newer, tmp_path):
    strict = shutil.copytree(newer, tmp_path / "strict")
    extension = strict / "local_extensions.py"
    text = extension.read_text("utf-8").replace('"study_title": 120', '"study_title": 3')
    extension.write_text(text, encoding="utf-8")
    before = study.state()
    refused = study.update(strict)
    assert refused.returncode == 1 and "study_title: " in refused.stderr
    assert study.state() == before


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interruption_leaves_the_study_as_it_was(study, newer, tmp_path, how):
    slow = shutil.copytree(newer, tmp_path / "slow")
    reached = tmp_path / "reached"
    stop = (
        f"import time\nfrom pathlib import Path\nPath({str(reached)!r}).touch()\ntime.sleep(60)\n"
    )
    extension = slow / "local_extensions.py"
    extension.write_text(stop + extension.read_text("utf-8"), encoding="utf-8")
    before = study.state()
    script = [sys.executable, slow / "update.py"]
    with subprocess.Popen(
        script, cwd=study.path, text=True, stdout=-1, stderr=-1, start_new_session=True
    ) as process:
        while not reached.exists():
            time.sleep(0.02)
        os.killpg(process.pid, how)
        said = process.communicate()
    assert "Traceback" not in said[1] or how != signal.SIGINT
    if how == signal.SIGINT:
        assert said[1] == "\nStopped. The study is as it was.\n"
    assert study.state() == before


def test_the_command_fetches_the_template_and_touches_nothing_on_heroku(
    studies, template, newer, tmp_path
):
    installed = studies(heroku_app="later", heroku_app_name=NAME)
    ignored = shutil.ignore_patterns(".venv", "__pycache__")
    study = Old(shutil.copytree(installed.path, tmp_path / "study", ignore=ignored), template)
    heroku = tmp_path / "bin" / "heroku"
    study.write(str(heroku), f"#!/bin/sh\ntouch {tmp_path}/called\nexit 1\n")
    heroku.chmod(0o755)
    path = os.pathsep.join([str(heroku.parent), os.environ["PATH"]])

    def run(*command: str, **environment: str) -> subprocess.CompletedProcess:
        environment = os.environ | {"PATH": path} | environment
        command = ("-m", "study", *command)
        return forks.run(installed.python, *command, cwd=study.path, env=environment)

    before = study.state()
    for address, why in {
        "https://127.0.0.1:1/nobody": "could not be fetched from https://127.0.0.1:1/nobody",
        str(study.path): "is not this template",
    }.items():
        refused = run("update", "--from", address)
        assert refused.returncode == 1 and why in refused.stderr
    assert study.state() == before
    updated = run("update", "--from", str(newer), "--to", "main")
    assert updated.returncode == 0, updated.stdout + updated.stderr
    assert study.git("log", "-1", "--format=%s").startswith("Update to psiturk-heroku 7.0 (")
    assert study.git("status", "--porcelain") == ""
    assert not (tmp_path / "called").exists()
    lines = json.loads(run("check", "--json").stdout)["lines"]
    assert ("green", "version 7.0, unchanged") in [(each["colour"], each["text"]) for each in lines]


def test_a_study_tells_what_it_was_made_from_without_a_password(template, tmp_path):
    folder = shutil.copytree(template, tmp_path / "template")
    clone = Old(folder, folder)
    clone.git("remote", "add", "origin", "https://me:secret@git.example.edu/lab/psiturk-heroku")
    answers = ANSWERS | {"study_title": 'It\'s 100% "fun" & <b> 🎨'}
    made = render(folder, tmp_path / "made", **answers)
    origin = json.loads((made / ".template.json").read_text("utf-8"))
    assert origin["template"] == "https://git.example.edu/lab/psiturk-heroku"
    assert origin["commit"] == clone.git("rev-parse", "HEAD")
    assert origin["answers"].items() >= answers.items()
