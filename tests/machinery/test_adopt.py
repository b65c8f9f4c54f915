"""`study adopt`: what becomes of an old study's files, settings and code."""

import ast
import os
import re
import subprocess

import pytest
from old_lab import CUSTOM, EXP, OLD_STUDY, TASK, make_adopter, write_old_study
from server import Server, free_port, wait_for

SECRET = "hunter2secret"


@pytest.fixture(scope="module")
def adopted(studies, tmp_path_factory, old):
    """A study that has adopted the whole old one, and what was printed."""
    study = studies(project_slug="adopter", recruitment="mturk")
    adopter = make_adopter(study, tmp_path_factory.mktemp("adopted") / "study")
    before = {path: path.read_bytes() for path in old.rglob("*") if path.is_file()}
    adopter.done = adopter.adopt(old)
    assert before == {path: path.read_bytes() for path in old.rglob("*") if path.is_file()}
    return adopter


def test_it_is_one_commit_that_a_revert_undoes(adopted, studies, tmp_path):
    assert adopted.done.returncode == 1  # something is left to a person
    assert adopted.git("status", "--porcelain") == ""
    assert adopted.git("log", "--format=%s").splitlines()[0] == "Adopt the experiment of words"
    copy = make_adopter(studies(project_slug="adopter", recruitment="mturk"), tmp_path / "copy")
    before = copy.files()
    subprocess.run(["git", "pull", "-q", str(adopted.path), "main"], cwd=copy.path, check=True)
    assert copy.files() == adopted.files()
    copy.git("-c", "user.name=x", "-c", "user.email=x@example.edu", "revert", "--no-edit", "HEAD")
    assert copy.files() == before


def test_every_file_of_the_old_study_is_accounted_for(adopted):
    report = adopted.text("ADOPTED.md")
    listed = re.findall(r"^- `([^`]+)`", report.partition("Every file")[2], re.MULTILINE)
    assert sorted(listed) == sorted(OLD_STUDY)
    for name, reason in {
        "participants.db": "data: `uv run study data --database-url` reads them",
        "trialdata.csv": "participants' data do not belong in git",
        "static/.DS_Store": "left by a program",
        "Procfile": "not needed: this study has its own",
        "templates/complete.html": "lab-complete.html",
        "templates/error.html": "kept in adopted/error.html",
    }.items():
        assert re.search(rf"^- `{re.escape(name)}`.*{re.escape(reason)}", report, re.MULTILINE), (
            name
        )


def test_the_example_is_gone_and_what_the_study_shows_itself_is_there(adopted):
    files = adopted.files()
    for name in ("templates/debriefing.html", "static/js/stimuli.js", "tests/test_example.py"):
        assert name not in files
    assert files["templates/stage.html"] == OLD_STUDY["templates/stage.html"].encode()
    assert files["templates/lab-complete.html"] == OLD_STUDY["templates/complete.html"].encode()
    assert "templates/complete.html" not in files and "templates/error.html" not in files
    assert '"lab-complete.html"' in adopted.text("static/js/task.js")
    assert "participants.db" not in files


def test_values_go_where_psiturk_3_reads_them(adopted):
    shown = adopted("check", "--json").stdout
    for name, value in {
        "title": "Words & 100% Colours",
        "keywords": "colour, words",
        "institution": "Old University",
        "contact_email_on_error": "lab@old.example.edu",
        "browser_exclude_rule": "MSIE, mobile",
        "cutoff_time": "45",
        "us_only": "false",
        "experiment_code_version": "3.2",
        "num_conds": "3",
        "num_counters": "2",
        "minimum_trials": "0",
        "allow_resume": "false",
        "bonus_rate": "0.02",
        "upload_folder": "uploads",
    }.items():
        assert f'"name": "{name}",\n      "value": "{value}"' in shown, name


def test_cloud_settings_and_secrets_stay_out_and_are_named(adopted):
    text = adopted.text("config.txt")
    assert not re.search(
        r"^(host|port|threads|logfile|database_url|login_pw)\b", text, re.MULTILINE
    )
    for content in [*adopted.files().values(), adopted.done.stdout.encode()]:
        assert SECRET.encode() not in content
    for words in (
        "left out: host, port, logfile, threads (the host decides it)",
        "left out: database_url (this study has a database of its own)",
        "left out: login_username, login_pw (a secret does not belong in git)",
    ):
        assert words in adopted.done.stdout


def test_hosts_and_inline_scripts_are_allowed_and_http_becomes_https(adopted):
    text = adopted.text("config.txt")
    scripts = re.search(r"^script_sources = (.*)$", text, re.MULTILINE)[1].split()
    assert {
        *("'unsafe-inline'", "'unsafe-eval'", "https://d3js.org", "https://cdnjs.cloudflare.com"),
        *("https://fonts.googleapis.com", "https://fonts.gstatic.com"),
    } <= set(scripts)
    assert "https://images.old.example.edu" in re.search(r"^media_sources = (.*)$", text, re.M)[1]
    assert (
        "script_sources allows https://d3js.org: templates/exp.html needs it" in adopted.done.stdout
    )
    for name in ("templates/exp.html", "templates/consent.html", "static/css/lab.css"):
        assert "http://" not in adopted.text(name)


def test_python_2_becomes_python_3_with_its_modules(adopted):
    custom, helpers = adopted.text("custom.py"), adopted.text("helpers.py")
    for text in (custom, helpers):
        ast.parse(text)
        assert "has_key" not in text and "iteritems" not in text and "\t" not in text
    assert "from io import StringIO" in custom
    assert "from psiturk.psiturk_statuses import COMPLETED" in custom
    assert "from study.server import init_app" in custom
    told = adopted.done.stdout
    assert "custom.py: tabs became spaces; Python 2 became Python 3" in told
    assert "helpers.py: Python 2 became Python 3 (has_key, dict)" in told


def test_imports_come_from_where_they_are_now_and_unused_ones_are_dropped(adopter, tmp_path):
    custom = """\
import _mysql
from flask import (Blueprint, request,
                   Markup)
from jinja2 import escape as quote
from psiturk.experiment_errors import ExperimentError, InvalidUsage
from psiturk.experiment import app, STARTED
from werkzeug import secure_filename
from lab import constants
from missing_package import something
custom_code = Blueprint('custom_code', __name__)
"""
    old = write_old_study(
        tmp_path / "old",
        **{"custom.py": custom, "lab/__init__.py": "", "lab/constants.py": "a = 1\n"},
    )
    told = adopter.adopt(old, "--dry-run").stdout
    assert (
        "Packages to add: missing_package" in told
        and "the import of _mysql, which nothing uses, is gone" in told
    )
    write_old_study(tmp_path / "old", **{"custom.py": custom.replace(
        "from missing_package import something\n", "")})  # fmt: skip
    adopter.adopt(old)
    tree = ast.parse(adopter.text("custom.py"))
    imports = {
        (node.module, alias.name, alias.asname)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imports >= {
        ("flask", "Blueprint", None),
        ("flask", "request", None),
        ("flask", "current_app", "app"),
        ("markupsafe", "Markup", None),
        ("markupsafe", "escape", "quote"),
        ("psiturk.experiment_errors", "InvalidUsageError", "InvalidUsage"),
        ("psiturk.psiturk_statuses", "STARTED", None),
        ("werkzeug.utils", "secure_filename", None),
    }
    assert not {("flask", "Markup", None), ("psiturk.experiment", "app", None)} & imports
    assert adopter.text("lab/constants.py") == "a = 1\n"


def test_its_routes_work_and_ask_for_the_password_in_the_env_file(adopted, tmp_path):
    environment = dict(
        line.split("=", 1) for line in adopted.text(".env").splitlines() if "=" in line
    )
    port = free_port()
    with Server(
        adopted.path, str(adopted.python), "-m", "study.server", port=port, PSITURK_PORT=str(port),
        PSITURK_DATABASE_URL=f"sqlite:///{tmp_path}/p.db", PYTHONPATH="",
    ) as server:  # fmt: skip
        wait_for(lambda: answers(port, "/") in (200, None) and answers(port, "/") == 200)
        assert answers(port, "/count") == 401
        login = f"{environment['PSITURK_LOGIN_USERNAME']}:{environment['PSITURK_LOGIN_PW']}"
        curl = ["curl", "-s", "-u", login, f"http://localhost:{port}/count"]
        said = subprocess.run(curl, capture_output=True, text=True).stdout
        assert said == "0 in uploads"
        assert answers(port, "/compute_bonus") == 400  # psiTurk's own error, for no uniqueId
        assert server.process.poll() is None


def answers(port: int, path: str) -> int | None:
    command = [
        "curl",
        "-s",
        "-o",
        os.devnull,
        "-w",
        "%{http_code}",
        f"http://localhost:{port}{path}",
    ]
    code = subprocess.run(command, capture_output=True, text=True).stdout
    return int(code) or None


def test_what_needs_a_person_is_named_with_file_and_line(adopted):
    report = adopted.text("ADOPTED.md").partition("## Left to you")[2].partition("##")[0]
    line = EXP.splitlines().index(
        '  <script src="/static/js/missing.js" type="text/javascript"> </script>'
    )
    assert f"templates/exp.html, line {line + 1}: static/js/missing.js is not in the old" in report
    assert "PsiTurkAuthorization" in adopted.text("ADOPTED.md")


def test_libraries_that_psiturk_served_come_from_psiturk(adopted):
    files = adopted.files()
    for name in ("jquery-min.js", "underscore-min.js", "backbone-min.js"):
        assert len(files[f"static/lib/{name}"]) > 5000


def test_each_link_of_the_ad_carries_the_mode(adopted):
    # psiTurk adds it to the last one.
    assert adopted.text("templates/ad.html").count("workerId={{ workerid }}&mode={{ mode }}") == 1


def test_the_studys_own_tests_pass_after_an_adoption(adopted):
    done = subprocess.run(
        [adopted.python, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=adopted.path, env=os.environ | {"PYTHONPATH": ""}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_a_second_adoption_changes_nothing(adopted, old):
    before, head = adopted.files(), adopted.git("rev-parse", "HEAD")
    again = adopted.adopt(old)
    assert "Everything of it is here already" in again.stdout
    assert (adopted.files(), adopted.git("rev-parse", "HEAD")) == (before, head)


def test_a_dry_run_says_the_same_and_changes_nothing(adopter, adopted, old):
    before = adopter.files()
    told = adopter.adopt(old, "--dry-run", "--no-try")
    assert told.stdout.partition("Nothing was changed.")[0].strip() in adopted.done.stdout
    assert adopter.files() == before and not (adopter.path / ".env").exists()


def test_an_experiment_in_a_subfolder_of_a_repository_is_found(adopter, tmp_path):
    write_old_study(tmp_path / "repository" / "code" / "psiturk")
    (tmp_path / "repository" / "paper.md").write_text("…")
    assert "files of the old study" in adopter.adopt(tmp_path / "repository", "--dry-run").stdout


def test_an_own_init_app_goes_on_beside_the_machinerys(adopter, tmp_path):
    own = "from flask import Blueprint\ncustom_code = Blueprint('custom_code', __name__)\n\n\n" \
          "def init_app(app):\n    app.add_url_rule('/own', 'own', lambda: 'own')\n"  # fmt: skip
    adopter.adopt(write_old_study(tmp_path / "old", **{"custom.py": own}))
    port = free_port()
    with Server(
        adopter.path, str(adopter.python), "-m", "study.server", port=port, PSITURK_PORT=str(port),
        PSITURK_DATABASE_URL=f"sqlite:///{tmp_path}/p.db", PYTHONPATH="",
    ):  # fmt: skip
        wait_for(lambda: answers(port, "/own") == 200)
        assert answers(port, "/start") == 400  # the machinery's


def test_without_ad_and_consent_the_studys_own_are_shown(adopter, tmp_path):
    before = adopter.files()
    missing = {"templates/ad.html": None, "templates/consent.html": None}
    adopter.adopt(write_old_study(tmp_path / "old", **missing))
    for name in missing:
        assert adopter.files()[name] == before[name]


def test_packages_that_custom_py_imports_are_named(adopter, tmp_path):
    custom = CUSTOM.replace("import helpers", "import helpers, numpy, yaml")
    told = adopter.adopt(write_old_study(tmp_path / "old", **{"custom.py": custom}), "--dry-run")
    assert "Packages to add: numpy, pyyaml" in told.stdout


def test_a_code_that_participants_could_read_is_reported(adopter, tmp_path):
    task = TASK + "location = 'https://app.prolific.co/submissions/complete?cc=C0FFEE12'\n"
    told = adopter.adopt(write_old_study(tmp_path / "old", **{"static/js/task.js": task}))
    line = len(task.splitlines())
    assert f"static/js/task.js, line {line}: a recruiter's code" in told.stdout
