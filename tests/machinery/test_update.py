"""`study update`: studies that older versions made, with edits, are brought to this version."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import forks
import pytest
from live_study import NAME
from older_studies import ANSWERS, OLDER, unpack

AUTHOR = ("-c", "user.name=A Researcher", "-c", "user.email=lab@example.edu")


@dataclass
class Old:
    """A study in its folder, which an older version made."""

    path: Path
    template: Path

    def git(self, *command: str) -> str:
        done = subprocess.run(
            ["git", *AUTHOR, *command], cwd=self.path, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def text(self, name: str) -> str:
        return (self.path / name).read_text(encoding="utf-8")

    def edit(self, name: str, old: str, new: str) -> None:
        text = self.text(name)
        assert text.count(old) == 1, (name, old, text.count(old))
        (self.path / name).write_text(text.replace(old, new), encoding="utf-8")

    def write(self, name: str, text: str) -> None:
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        (self.path / name).write_text(text, encoding="utf-8")

    def commit(self, message: str = "Make it ours") -> None:
        self.git("add", "--all")
        self.git("commit", "-qm", message)

    def update(self, template: Path | None = None, **options) -> subprocess.CompletedProcess:
        """Run update.py of the newer version in the study's folder, as from outside."""
        script = (template or self.template) / "update.py"
        options = {"capture_output": True, "text": True, "timeout": 120} | options
        done = subprocess.run([sys.executable, script], cwd=self.path, **options)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def state(self) -> tuple:
        """Everything that an update could change."""
        files = sorted(path for path in self.path.rglob("*") if ".git" not in path.parts)
        contents = {path: path.read_bytes() for path in files if path.is_file()}
        told = (self.git("rev-parse", "HEAD"), self.git("status", "--porcelain", "--ignored"))
        return (*told, self.git("branch", "-a"), self.git("stash", "list"), contents)


def edit_first(study: Old) -> None:
    task = "static/js/task.js"
    study.edit(task, "const TEST_BLOCKS = 2;", "const TEST_BLOCKS = 4;")
    study.edit(task, "const FEEDBACK_MS = 1200;", "const FEEDBACK_MS = 900;")
    study.write("static/css/study.css", study.text("static/css/study.css") + ".ours { top: 0 }\n")
    board = '<mark class="todo" data-todo="ethics board">name of the ethics board</mark>'
    study.edit("templates/consent.html", board, "our own board")
    study.write("templates/layout.html", study.text("templates/layout.html") + "<!-- ours -->\n")
    study.edit("config.txt", "title = Colours & Words, 100%%", "title = Ours, 100%%")
    study.edit("config.txt", "condition_targets =\n", "condition_targets = 30, 30\n")
    route = '@custom_code.route("/ours")\ndef ours():\n    return {"message": "ours"}\n'
    study.write("custom.py", f"{study.text('custom.py')}\n\n{route}")
    study.write("templates/ours.html", "<p>Ours</p>\n")
    study.git("rm", "-q", "templates/break.html")


def edit_jspsych(study: Old) -> None:
    study.edit("static/js/task.js", "const FIXATION_MS = 500;", "const FIXATION_MS = 400;")
    page = "templates/instructions/1-colours.html"
    study.write(page, study.text(page) + "<p>Ours.</p>\n")
    study.edit("config.txt", "institution = Old University", "institution = Our University")
    needed = 'dependencies = ["psiturk-heroku-machinery"]'
    study.edit("pyproject.toml", needed, needed.replace("]", ', "numpy==2.3.0"]'))
    rule = "@bonus\ndef bonus_of(participant):\n    return 1\n"
    study.write("custom.py", f"{study.text('custom.py')}\n\n{rule}")


def edit_three_conditions(study: Old) -> None:
    study.edit("static/js/conditions.js", '{ name: "50% congruent"', '{ name: "half congruent"')
    study.edit("static/js/task.js", "const TEST_BLOCKS = 2;", "const TEST_BLOCKS = 3;")
    study.edit("templates/questionnaire.html", "Three last questions", "Our last questions")
    study.edit("config.txt", ";num_counters = 1", "num_counters = 2")
    study.write("custom.py", f"{study.text('custom.py')}\n\nLAB = 'ours'\n")


# What each study's researcher did; where git cannot decide; what stands in files afterwards, of the
# researcher's and of the newer version's; and what is not there.
EDITED = {
    "first": (
        edit_first,
        {"config.txt": "UU", "static/js/task.js": "UU", "templates/layout.html": "UD"},
        {
            "static/js/task.js": ["TEST_BLOCKS = 4;", "FEEDBACK_MS = 900;", "FEEDBACK_MS = 1500;"],
            "static/css/study.css": [".ours { top: 0 }", ".masthead"],
            "templates/consent.html": ["our own board", "study.minutes"],
            "templates/layout.html": ["<!-- ours -->"],
            "config.txt": ["title = Ours, 100%%", "condition_targets = 30, 30", "minutes = 9"],
            "custom.py": ["def ours():", "from study.server import init_app"],
            "templates/ours.html": ["Ours"],
        },
        ["templates/break.html", "study/__init__.py", "static/js/participant.js"],
    ),
    "jspsych": (
        edit_jspsych,
        {},
        {
            "static/js/task.js": ["FIXATION_MS = 400;", "checkColours();"],
            "templates/instructions/1-colours.html": ["<p>Ours.</p>", "{"],
            "config.txt": ["institution = Our University", "minutes = 9"],
            "pyproject.toml": ["numpy==2.3.0", "libraries.jspsych"],
            "custom.py": ["def bonus_of(participant):\n    return 1"],
        },
        [],
    ),
    "three-conditions": (
        edit_three_conditions,
        {"templates/questionnaire.html": "UU"},
        {
            "static/js/conditions.js": ['name: "half congruent"'],
            "static/js/task.js": ["TEST_BLOCKS = 3;", "checkColours();"],
            "templates/questionnaire.html": ["<h1>Our last questions</h1>"],
            "config.txt": ["num_counters = 2", "minutes = 9"],
            "custom.py": ["LAB = 'ours'"],
        },
        [],
    ),
}


@pytest.fixture
def old(template, tmp_path):
    """Get a study that an older version made, by its name in tests/older."""
    return lambda name: Old(unpack(name, tmp_path), template)


def render(template: Path, folder: Path, **answers: str) -> Path:
    """Let the template make the files of a study, without its hooks."""
    words = [f"{question}={answer}" for question, answer in answers.items()]
    options = ["--no-input", "--accept-hooks", "no", "--output-dir", folder, template]
    command = [sys.executable, "-m", "cookiecutter", *options, *words]
    subprocess.run(command, cwd=template, check=True, capture_output=True)
    return folder / answers["project_slug"]


@pytest.mark.parametrize("name", OLDER)
def test_a_study_without_edits_becomes_what_the_newer_version_makes(old, name, tmp_path):
    study = old(name)
    updated = study.update()
    assert updated.returncode == 0, updated.stdout + updated.stderr
    assert study.git("status", "--porcelain") == ""
    assert study.git("rev-list", "--count", "HEAD") == "2"
    answers = ANSWERS | OLDER[name][1]
    fresh = render(study.template, tmp_path / "fresh", **answers)
    made = {path.relative_to(fresh): path for path in fresh.rglob("*") if path.is_file()}
    assert {str(path) for path in made} == {*study.git("ls-files").splitlines()}
    for path, file in made.items():
        if path.name != ".template.json":
            assert (study.path / path).read_bytes() == file.read_bytes(), path
    origin = json.loads(study.text(".template.json"))
    assert origin == json.loads((fresh / ".template.json").read_text("utf-8"))
    assert study.update().stdout.splitlines()[-1].startswith("This study is up to date")


@pytest.mark.parametrize("name", EDITED)
def test_edits_are_merged_and_conflicts_are_gits_own(old, name):
    edit, conflicts, expected, absent = EDITED[name]
    study = old(name)
    edit(study)
    study.commit()
    before = study.state()
    updated = study.update()
    assert updated.returncode == bool(conflicts), updated.stdout + updated.stderr
    status = study.git("status", "--porcelain", "--no-renames").splitlines()
    unmerged = {line[3:]: line[:2] for line in status if line[:2] in ("UU", "UD", "DU", "AA")}
    assert unmerged == conflicts
    for file in conflicts:
        told = rf"(?m)^  {re.escape(file)}: .*(choose at each <<<<<<<|git rm)"
        assert re.search(told, updated.stdout)
    for file, texts in expected.items():
        for text in texts:
            assert text in study.text(file), file
    assert not [file for file in absent if (study.path / file).exists()]
    if conflicts:
        command = re.search(r"git cherry-pick --abort", updated.stdout)[0]
        study.git(*command.split()[1:])
    else:
        study.git(*re.search(r"git (revert \w+)", updated.stdout)[1].split(), "--no-edit")
        study.git("reset", "-q", "--soft", "HEAD~2")
    assert study.state() == before


def test_a_study_of_the_first_version_works_once_its_conflicts_are_resolved(old, studies):
    study = old("first")
    edit_first(study)
    study.commit()
    updated = study.update()
    study.git("checkout", "--theirs", "config.txt", "static/js/task.js")
    study.git("rm", "-q", "templates/layout.html")
    commands = re.findall(r"(?m)^  git (add --all|commit -m .*)", updated.stdout)
    for command in commands:
        study.git(*shlex.split(command))
    assert study.git("status", "--porcelain") == ""
    installed = studies(heroku_app="later", heroku_app_name=NAME)
    command = ("-m", "study", "check", "--json")
    checked = forks.run(installed.python, *command, cwd=study.path, env=os.environ)
    found = {about: [] for about in ("experiment", "machinery")}
    for line in json.loads(checked.stdout)["lines"]:
        found.setdefault(line["about"], []).append((line["colour"], line["text"]))
    # The newer task shows a page that was deleted here; nothing else is broken.
    deleted = "there is no page templates/break.html"
    assert [colour for colour, text in found["experiment"] if deleted in text] == ["red", "red"]
    assert len(found["experiment"]) == 2
    assert found["machinery"][0][1].endswith("unchanged")


def test_a_changed_machinery_is_replaced_told_and_kept_as_a_patch(old):
    study = old("three-conditions")
    study.write("machinery/study/__init__.py", "OURS = 1\n")
    study.write("machinery/study/ours.py", "ÄNDERUNG = 2\n")
    study.git("rm", "-q", "machinery/README.md")
    study.commit()
    changed = study.git("rev-parse", "HEAD:machinery")
    updated = study.update()
    assert updated.returncode == 0, updated.stdout
    assert "You had changed the machinery" in updated.stdout
    kept = re.search(r"machinery-changes/\S+\.patch", updated.stdout)[0]
    assert "OURS" not in study.text("machinery/study/__init__.py")
    assert not (study.path / "machinery/study/ours.py").exists()
    newer = study.template / "{{cookiecutter.project_slug}}" / "machinery" / "README.md"
    assert study.text("machinery/README.md") == newer.read_text("utf-8")
    # The patch has all of it: what the older version made becomes what the study had.
    study.git("checkout", "-q", "HEAD~2", "--", "machinery")
    study.git("clean", "-qfdx")
    study.git("rm", "-rqf", "--cached", "machinery")
    shutil.rmtree(study.path / "machinery")
    study.git("checkout", "-q", "HEAD~2", "--", "machinery")
    study.git("apply", "--index", kept)
    assert study.git("write-tree", "--prefix=machinery/") == changed


def make_newer(template: Path, folder: Path, version: str, **texts: tuple[str, str]) -> Path:
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


def test_a_study_without_its_first_commit_is_known_by_the_template_that_made_it(study, newer):
    study.edit("config.txt", "preview_ids =\n", "preview_ids = me\n")
    study.write("templates/test.html", "<p>Ours</p>\n")
    shutil.rmtree(study.path / ".git")
    study.git("init", "-q")
    study.commit("Copied from elsewhere")
    updated = study.update(newer)
    assert re.search(r"(?m)^  templates/test.html: both changed it", updated.stdout), updated.stderr
    assert "preview_ids = me\n" in study.text("config.txt")


def test_where_nothing_tells_what_made_a_study_it_is_refused(old):
    study = old("first")
    study.git("commit", "-q", "--amend", "-m", "Our study")
    before = study.state()
    refused = study.update()
    assert (
        refused.returncode == 1 and "What this study was made from is not known" in refused.stderr
    )
    assert study.state() == before


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


def test_a_file_that_git_ignores_is_not_written_over(old):
    study = old("jspsych")
    study.write(".git/info/exclude", "docs/\n")
    study.write("docs/cookbook.md", "ours, and not in git\n")
    before = study.state()
    refused = study.update()
    assert refused.returncode == 1
    assert "docs/cookbook.md is in the way of a new file" in refused.stderr
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
