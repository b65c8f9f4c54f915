"""`study update`: studies that older versions made, with edits, are brought to this version."""

import json
import os
import re
import shlex
import shutil

import forks
import pytest
from live_study import NAME
from older_studies import ANSWERS, OLDER, unpack
from updates import Old, render


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
    told = study.update().stdout.splitlines()[-1]
    assert told.startswith("This study is up to date: psiturk-heroku ")
    assert told.endswith(f"({origin['commit'][:7]}). Nothing newer is there.")


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


def test_where_nothing_tells_what_made_a_study_it_is_refused(old):
    study = old("first")
    study.git("commit", "-q", "--amend", "-m", "Our study")
    before = study.state()
    refused = study.update()
    assert (
        refused.returncode == 1 and "What this study was made from is not known" in refused.stderr
    )
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
