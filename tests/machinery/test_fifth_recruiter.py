"""A recruiter that the machinery does not know: one small file makes every part work with it."""

import csv
import json
import re
import subprocess
import sys
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from lab import write_rule
from participant import Participant
from server import cloud_server

PANEL = '''\
"""The panel of our department: participants come with an id and go back with a code."""

from study.recruiters import Recruiter


class Panel(Recruiter):
    name, label = "panel", "our panel"
    placeholders = {"pid": "[PID]"}
    codes = {"completed": "PANEL_CODE"}

    def way_back(self, code: str, worker: str) -> str:
        return f"https://panel.example/{worker}?done={code}"
'''


@pytest.fixture(scope="module")
def study(live):
    """A live study whose machinery has the file, and what `study up` did about its code."""
    (live.folder / "machinery" / "study" / "recruiters" / "panel.py").write_text(PANEL)
    config = live.folder / "config.txt"
    config.write_text(re.sub(r"(?m)^recruitment = .*", "recruitment = panel", config.read_text()))
    live.machine.git("add", "--all", cwd=live.folder)
    live.machine.git("commit", "-qm", "Recruit by our panel", cwd=live.folder)

    def run(*command: str) -> subprocess.CompletedProcess:
        done = live(*command, PYTHONPATH=str(live.folder / "machinery"))
        assert "Traceback" not in done.stderr, done.stderr
        return done

    plan, made, again = run("up", "--dry-run"), run("up", "--json"), run("up", "--json")
    return SimpleNamespace(run=run, live=live, plan=plan, made=made, again=again)


@pytest.fixture(scope="module")
def server(study):
    """The study's server, with the app's database and code."""
    live = study.live
    settings = {"PYTHONPATH": str(live.folder / "machinery")}
    settings |= {name: live.app.config[name] for name in ("PANEL_CODE", "PSITURK_SECRET_KEY")}
    with cloud_server(live.folder, live.python, live.url, **settings) as server:
        yield server.wait()


def enter(server, link: str) -> Participant:
    """A visitor who has followed the link, with psiTurk's ids from it."""
    return Participant(server.address).enter(link)


def finish(visitor: Participant):
    """Consent, a task of one trial, and the ending."""
    for page in ("/consent", "/exp"):
        assert visitor.open(page).status == 200
    assert visitor.start().status == 200
    assert visitor.save(visitor.record()).status == 200
    return visitor.complete()


def test_it_is_found_before_anything_is_installed(study):
    code = "import sys; sys.path.insert(0, 'machinery'); from study.recruiters import RECRUITERS"
    command = [sys.executable, "-I", "-S", "-c", f"{code}; print(*RECRUITERS)"]
    done = subprocess.run(command, cwd=study.live.folder, capture_output=True, text=True)
    assert done.stdout.split() == ["link", "mturk", "panel", "prolific", "sona"], done.stderr


def test_study_up_makes_its_code_once_and_says_what_to_do_with_it(study):
    assert "would run: heroku config:set PANEL_CODE=… --app" in study.plan.stdout
    made, again = json.loads(study.made.stdout), json.loads(study.again.stdout)
    assert "PANEL_CODE" in made["config_vars"] and made["missing"] == []
    assert "our panel's form must have the same one" in "".join(made["notes"])
    assert not any("completion code" in note for note in again["notes"])
    assert re.fullmatch(r"[A-Z2-9]{10}", study.live.app.config["PANEL_CODE"])


def test_deploy_prints_its_link(study):
    about = ("https://a.example", "panel", "my-study", "k3y")
    code = "import sys; sys.path.insert(0, 'machinery'); from study.recruiters import *; "
    code += f"print(describe_links(*{about}))"
    command = [study.live.python, "-c", code]
    done = subprocess.run(command, cwd=study.live.folder, capture_output=True, text=True)
    assert "For our panel." in done.stdout, done.stderr
    assert "  https://a.example/start?pid=[PID]\n" in done.stdout


def test_its_participants_come_in_and_go_back_with_its_code(study, server):
    visitor = enter(server, "/start?pid=p1")
    ids = (visitor.worker, visitor.assignment, visitor.hit, visitor.mode)
    assert ids == ("p1", "p1", "panel", "panel")
    code = study.live.app.config["PANEL_CODE"]
    assert f'href="https://panel.example/p1?done={code}"' in finish(visitor).text
    assert "You can close this window." in enter(server, "/start?pid=p2").open("/declined").text
    assert enter(server, "/start?pid=[PID]").mode == "preview"
    assert Participant(server.address).browser.get_page("/start").status == 400


def test_its_participants_get_their_bonus_and_are_in_the_codebook(study, server):
    finish(enter(server, "/start?pid=p3"))
    write_rule(study.live.folder, "return 0.50")
    done = study.run("bonuses")
    assert done.returncode == 0, done.stderr
    [file] = (study.live.folder / "data" / "bonuses").glob("*-panel.csv")
    header, *lines = csv.reader(file.open(encoding="utf-8"))
    assert header == ["worker", "amount", "currency"] and ["p3", "0.50", "USD"] in lines
    assert "To pay: " in done.stdout and "Nobody new" in study.run("bonuses").stdout
    assert study.run("data").returncode == 0
    codebook = (study.live.folder / "data" / "codebook.md").read_text(encoding="utf-8")
    assert "| panel | sent by our panel |" in codebook


def test_study_check_looks_at_its_link_and_its_code_and_finds_that_in_git(study):
    notes = study.live.folder / "notes.txt"
    notes.write_text("PANEL_CODE=ABCDEFGHJK\n")
    study.live.machine.git("add", "notes.txt", cwd=study.live.folder)
    lines = json.loads(study.run("check", "--json").stdout)["lines"]
    found = {(line["colour"], line["about"]): line["text"] for line in lines}
    address = f"https://{urlsplit(study.live.app.web_url).hostname}/start?pid=[PID]"
    assert found["green", "recruiter"] == f"our panel, which gets the address {address}"
    assert found["green", "codes"].startswith("PANEL_CODE is set.")
    assert "a recruiter's code in notes.txt line 1" in found["red", "files"]
