"""`study deploy` against the double of Heroku: what it refuses, what it waits for, what it prints.

One study goes through its life here, so the tests run in the order of the file.
"""

import csv
import json
import re
import shutil
from collections.abc import Iterator
from types import SimpleNamespace

import forks
import pytest
from participant import Participant

from heroku.fixtures import open_platform
from heroku.machine import Machine
from heroku.test_release import assert_same_app
from tests.programs import find_chromium

APP = "deploy-me-abcde"
TASK, MARK = "static/js/task.js", ":root::before"
START = "\n\ndef init_app(app, start=init_app):\n    start(app)\n    app.nonsense()\n"
SECRET, CODE = "correct-horse-battery", "C1A2B3D4"


class Scene(SimpleNamespace):
    """A researcher in front of the study's folder."""

    def run(self, *command: str) -> SimpleNamespace:
        done = self.machine.run(*command, cwd=self.folder)
        return SimpleNamespace(code=done.returncode, out=done.stdout + done.stderr)

    def study(self, *command: str, starts: bool = False) -> SimpleNamespace:
        """Run `study …`; by a fork, unless uv shall start it as the researcher does."""
        if starts:
            done = self.run("uv", "run", "--frozen", "study", *command)
        else:
            environment = self.machine.environment | {"PYTHONPATH": ""}
            command = ("-m", "study", *command)
            ended = forks.run(self.python, *command, cwd=self.folder, env=environment)
            done = SimpleNamespace(code=ended.returncode, out=ended.stdout + ended.stderr)
        assert "Traceback" not in done.out or "log ends" in done.out, done.out
        return done

    def commit(self, **files: str) -> None:
        for name, text in files.items():
            (self.folder / name.replace("__", ".")).write_text(text, encoding="utf-8")
        self.run("git", "add", "--all")
        made = self.run("git", "commit", "--allow-empty", "-m", "A change")
        assert made.code == 0, made.out

    def text(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")

    def forget(self, commits: int) -> None:
        self.run("git", "reset", "--hard", f"HEAD~{commits}")

    @property
    def app(self):
        return self.platform.apps[APP]

    @property
    def deploys(self) -> list:
        return [r for r in self.app.releases if r.description.startswith("Deploy")]


@pytest.fixture(scope="module")
def scene(
    studies, tmp_path_factory, cluster, certificate, heroku_cli
) -> Iterator[Scene]:
    study = studies(heroku_app="later", heroku_app_name=APP)
    folder = tmp_path_factory.mktemp("deploy")
    with open_platform(folder / "heroku", cluster, certificate) as platform:
        machine = Machine(folder / "machine", platform, certificate, heroku_cli)
        python = study.python
        yield Scene(folder=study.path, python=python, platform=platform, machine=machine)


def test_before_the_yes_to_its_price_no_server_starts(scene, tmp_path):
    early = Scene(**vars(scene) | {"folder": tmp_path / "early"})
    shutil.copytree(scene.folder, early.folder, ignore=shutil.ignore_patterns(".venv"))
    early.commit(pyproject__toml=early.text("pyproject.toml").replace(APP, "early-abcde"))
    assert early.study("up").code == 1
    app = scene.platform.apps["early-abcde"]
    refused = early.study("deploy")
    assert refused.code == 1
    assert "NO   the app early-abcde has no database yet" in refused.out
    assert "- Get one: uv run study up\n" in refused.out
    pushed = early.run("git", "push", "heroku", "main")
    assert "On Heroku: uv run study up" in pushed.out
    assert app.releases[-1].status == "failed" and not app.dynos.running


def test_without_an_app_it_says_how_to_make_one(scene):
    refused = scene.study("deploy")
    assert refused.code == 1
    assert f"NO   the app {APP} is not there" in refused.out
    assert "uv run study up" in refused.out
    made = scene.study("up", "--yes")
    assert made.code == 0, made.out


def test_every_problem_is_told_at_once_with_its_remedy_and_nothing_is_pushed(scene):
    config = scene.text("config.txt").replace(";port = 22362", "port = 5000")
    scene.commit(
        config__txt=config.replace(";login_pw =", f"login_pw = {SECRET}"),
        notes__md=f"postgres://me:{SECRET}@db.example.edu/x\nAKIAIOSFODNN7EXAMPLE\n"
        f"https://app.prolific.com/submissions/complete?cc={CODE}\nCOMPLETION_CODE={CODE}\n",
        excluded__txt="60ffe5c8371090c7041d43f8\n",
        pyproject__toml=scene.text("pyproject.toml").replace("pytest==", "pytest>"),
        **{TASK: scene.text(TASK) + 'psiTurk.showPage("nowhere.html");\n'},
    )
    scene.run("git", "checkout", "--detach")
    scene.run("git", "remote", "set-url", "heroku", "https://git.heroku.com/another.git")
    (scene.folder / "new.txt").write_text("new")
    refused = scene.study("deploy")
    (scene.folder / "new.txt").unlink()
    scene.run("git", "remote", "set-url", "heroku", scene.app.git_url)
    scene.run("git", "switch", "main")
    line = config.splitlines().index("port = 5000") + 1
    in_task = f"{TASK}, line {len(scene.text(TASK).splitlines())}"
    for cause in (
        "everything is committed: new.txt",
        "a branch is checked out: an old commit",
        "NO   uv.lock fits pyproject.toml: ",
        f"what Heroku decides: line {line} sets port",
        "a secret setting in config.txt line",
        "a database's password in notes.md line 1",
        "an Amazon key in notes.md line 2",
        "a recruiter's address in notes.md line 3",
        "a recruiter's code in notes.md line 4",
        "no participant's id is in git: excluded.txt line 1",
        "the git remote `heroku` leads to https://git.heroku.com/another.git",
        f"NO   {in_task}: it shows nowhere.html, and there is no page",
        ": principal investigator is still to be filled in",
        "participants write to you@example.edu, an example",
    ):
        assert cause in refused.out
    remedies = ("git add --all", "git switch main", "uv lock", ".env", "git remote remove")
    for remedy in (*remedies, f"{in_task}: Make it", "Set contact_email", "deploy --pilot"):
        assert remedy in refused.out.partition("What to do:")[2]
    assert refused.code == 1
    assert SECRET not in refused.out and CODE not in refused.out
    assert scene.deploys == []
    scene.forget(1)


def test_what_robots_cannot_finish_is_not_pushed(scene, monkeypatch):
    script, begin = scene.folder / "static" / "js" / "task.js", "async function main() {"
    script.write_text(script.read_text().replace(begin, f"{begin} throw new Error('planted');"))
    scene.commit()
    monkeypatch.setitem(scene.machine.environment, "STUDY_BROWSER", find_chromium())
    refused = scene.study("deploy", "--pilot")
    assert refused.code == 1
    line = script.read_text().partition(begin)[0].count("\n") + 1
    assert refused.out.count(f"static/js/task.js, line {line}: Error: planted") == 2  # conditions
    assert "study deploy --untried" in refused.out
    assert scene.deploys == []
    scene.forget(1)


def test_with_passages_to_fill_in_it_goes_online_as_a_pilot_alone(scene):
    refused = scene.study("deploy")
    assert refused.code == 1 and "uv run study deploy --pilot" in refused.out
    assert scene.deploys == [] and "STUDY_PILOT" not in scene.app.config
    done = scene.study("deploy", "--pilot", starts=True)
    assert done.code == 0, done.out
    assert "note not tried by robots, for want of a browser" in done.out
    assert len(scene.deploys) == 1
    assert "Tables and indexes are ready" in scene.deploys[0].output
    web = scene.app.formation["web"]
    assert (web.quantity, web.size) == (1, "Basic")
    asked = json.loads(scene.text("app.json"))
    assert_same_app(asked, scene.app)
    assert asked["formation"]["web"] == {"quantity": web.quantity, "size": web.size.lower()}
    assert re.search(r"note templates/consent.html, line \d+: principal investigator", done.out)
    assert "The study is online, as a pilot: every page says so." in done.out
    address = re.escape(scene.app.web_url)
    link = rf"{address}pub\?hitId=debug\w+&assignmentId=debug\w+&workerId=debug\w+&mode=debug\.\w+"
    assert re.search(rf"(?m)^  {link}$", done.out)
    assert (
        f"{scene.app.web_url}start?PROLIFIC_PID={{{{%PROLIFIC_PID%}}}}&STUDY_ID={{{{%STUDY_ID%}}}}"
        "&SESSION_ID={{%SESSION_ID%}}\n"
    ) in done.out
    assert f"heroku config:get COMPLETION_CODE --app {APP}" in done.out
    assert f"heroku logs --tail --app {APP}" in done.out
    for secret in scene.app.config.values():
        assert len(secret) < 8 or secret not in done.out
    print(done.out)


def test_every_page_of_a_pilot_says_so_and_so_do_check_and_status(scene):
    for path in ("", "start?PROLIFIC_PID=a&STUDY_ID=b&SESSION_ID=c"):
        assert MARK in scene.machine.open(scene.app.web_url + path).stdout, path
    assert MARK not in scene.machine.open(f"{scene.app.web_url}practice.html").stdout
    for command in ("check", "status"):
        said = " ".join(scene.study(command).out.split())
        assert "every page says so. To go live: uv run study deploy" in said


def test_once_everything_is_filled_in_it_goes_live_and_the_mark_is_gone(scene):
    pages = {name: scene.text(name) for name in ("templates/ad.html", "templates/consent.html")}
    scene.commit(
        config__txt=scene.text("config.txt").replace("you@example.edu", "lab@psychology.uni.edu"),
        **{name: re.sub("<mark[^>]*>|</mark>", "", text) for name, text in pages.items()},
    )
    done = scene.study("deploy")
    assert done.code == 0, done.out
    assert "ok   nothing in the experiment is broken" in done.out
    assert "STUDY_PILOT" not in scene.app.config
    page = scene.machine.open(scene.app.web_url).stdout
    assert "Stroop" in page and MARK not in page
    assert "says so" not in scene.study("status").out


def test_somebody_takes_part_through_the_recruiters_link(scene, monkeypatch):
    for name in ("https_proxy", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, scene.machine.environment[name])
    link = re.search(r"https:\S+/(start\?\S+)", links(scene, "prolific"))[1]
    # Prolific puts its ids into the places that the link marks.
    link = re.sub(r"[{]{2}%(\w+)%[}]{2}", r"the-\1", link)
    person = Participant(scene.app.web_url.rstrip("/")).enter(f"/{link}")
    assert (person.hit, person.assignment) == ("the-STUDY_ID", "the-SESSION_ID")
    assert (person.worker, person.mode) == ("the-PROLIFIC_PID", "prolific")
    person.take_part(trials=40)
    assert person.status() == 4
    assert f"cc={scene.app.config['COMPLETION_CODE']}" in person.complete().text
    assert scene.study("data").code == 0
    [row] = csv.DictReader(scene.text("data/participants.csv").splitlines())
    assert row["commit"] == scene.run("git", "rev-parse", "HEAD").out.strip()


@pytest.mark.parametrize(
    ("recruitment", "told"),
    [
        ("sona", "https://a.example/start?survey_code=%SURVEY_CODE%\n"),
        ("link", "https://a.example/start?label=class-a\n"),
        ("mturk", "hit create 9 0.50 1.5"),
    ],
)
def test_other_recruiters_get_what_they_need(scene, recruitment, told):
    assert told in links(scene, recruitment, "https://a.example")


def links(scene, recruitment: str, address: str = "") -> str:
    """What `study deploy` prints at its end for a recruiter."""
    about = (address or scene.app.web_url.rstrip("/"), recruitment, APP, "k3y")
    code = f"from study.recruiters import describe_links; print(describe_links(*{about}))"
    return scene.run(".venv/bin/python", "-c", code).out


def test_somebody_who_is_not_logged_in_is_told(scene, monkeypatch):
    monkeypatch.delitem(scene.machine.environment, "HEROKU_API_KEY")
    told = scene.study("deploy")
    assert told.code == 1
    assert "You are not logged in to Heroku" in told.out
    assert "heroku login" in told.out


def test_deploying_the_same_again_changes_nothing(scene):
    again = scene.study("deploy")
    assert again.code == 0, again.out
    assert "Everything up-to-date" in again.out
    assert len(scene.deploys) == 2


def test_deploying_what_was_rolled_back_is_told(scene):
    scene.app.release("Rollback to v3", slug=scene.deploys[0].slug)  # the double has no rollback
    told = scene.study("deploy")
    assert told.code == 1
    assert "was rolled back to another one" in told.out
    assert 'git commit --allow-empty -m "Deploy again"' in told.out


def test_a_failed_release_phase_is_told_and_the_old_version_goes_on(scene):
    scene.app.set_config({"PSITURK_DATABASE_URL": "oracle://x/y"}, scene.platform.account)
    scene.commit()
    failed = scene.study("deploy")
    assert failed.code == 1
    assert f"The release phase of v{scene.app.releases[-1].version} failed" in failed.out
    assert "this study keeps data in Postgres" in failed.out
    assert 'git commit --allow-empty -m "Deploy again"' in failed.out
    assert scene.machine.open(scene.app.web_url).returncode == 0
    scene.app.set_config({"PSITURK_DATABASE_URL": None}, scene.platform.account)


def test_a_mistake_in_custom_py_is_refused_or_fails_the_release_phase(scene):
    text = scene.text("custom.py") + "\nimport reqeusts\n"
    line = len(text.splitlines())
    scene.commit(custom__py=text)
    refused = scene.study("deploy")
    told = f"NO   custom.py, line {line}: ModuleNotFoundError: No module named 'reqeusts'\n"
    assert refused.code == 1 and told in refused.out
    scene.forget(1)
    text = scene.text("custom.py") + "\nimport os\nx = os.environ.get('ON_CLOUD') and 1 / 0\n"
    line = len(text.splitlines())
    scene.commit(custom__py=text)
    failed = scene.study("deploy")
    assert failed.code == 1
    assert f"The release phase of v{scene.app.releases[-1].version} failed" in failed.out
    found = f"  custom.py, line {line}: ZeroDivisionError: division by zero\n"
    assert found in failed.out
    scene.run("git", "revert", "--no-edit", "HEAD")


def test_a_server_that_does_not_start_is_told_with_the_end_of_its_log(scene):
    text = scene.text("custom.py") + START
    line = len(text.splitlines())
    scene.commit(custom__py=text)
    failed = scene.study("deploy")
    assert failed.code == 1
    assert "The new version does not serve: the server did not start" in failed.out
    found = f"custom.py, line {line}: AttributeError: 'Flask' object has no attribute"
    assert found in failed.out
    assert f"heroku rollback --app {APP}" in failed.out
    scene.run("git", "revert", "--no-edit", "HEAD")


def test_a_push_that_is_refused_is_told(scene):
    scene.commit(requirements__txt="flask\n")
    failed = scene.study("deploy")
    assert failed.code == 1
    assert "Multiple Python package manager files" in failed.out
    assert "Heroku did not take the push" in failed.out
    scene.forget(1)


def test_a_plain_push_works_as_well(scene):
    pushed = scene.run("git", "push", "heroku", "main")
    assert pushed.code == 0, pushed.out
    scene.app.wait_until_up()
    assert scene.machine.open(scene.app.web_url).returncode == 0
    head = scene.run("git", "rev-parse", "HEAD").out.strip()
    assert f"Records will carry the commit {head}\n" in scene.app.releases[-1].output


def test_a_study_that_is_scaled_to_nothing_is_told(scene):
    scene.app.scale([{"type": "web", "quantity": 0}])
    told = scene.study("deploy")
    assert told.code == 1
    assert f"heroku ps:scale web=1 --app {APP}" in told.out
