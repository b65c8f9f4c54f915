"""PSITURK_RECRUITMENT on the app overrules config.txt: for its server and for every command.

config.txt says Prolific, the config var SONA. One study goes through its life here, so the tests
run in the order of the file.
"""

import json
from types import SimpleNamespace

import pytest
from live_study import fill, participant
from participant import Participant

APP = "overruled-abcde"
RULE = "\n\n@bonus\ndef bonus_of(participant):\n    return 1\n"


@pytest.fixture(scope="module")
def scene(studies, live_platform, live_machine) -> SimpleNamespace:
    """A study whose app exists, and got the config var before anything was bought."""
    study = studies(heroku_app="later", heroku_app_name=APP, recruitment="prolific")

    def run(*command: str) -> str:
        command = (study.python, "-m", "study", *command)
        done = live_machine.run(*command, cwd=study.path)
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout if "--json" in command else done.stdout + done.stderr

    run("up")
    app = live_platform.apps[APP]
    app.set_config({"PSITURK_RECRUITMENT": "sona"}, live_platform.account)
    return SimpleNamespace(run=run, app=app, study=study, machine=live_machine)


def test_up_asks_for_the_code_of_that_recruiter(scene):
    state = json.loads(scene.run("up", "--dry-run", "--json"))
    assert state["missing"] == ["database"]
    done = scene.run("up", "--yes")
    assert "Note: SONA's completion URL is not set yet" in done
    assert "COMPLETION_CODE" not in scene.app.config


def test_deploy_prints_the_links_for_it(scene):
    done = scene.run("deploy", "--pilot")
    assert "The study is online, as a pilot" in done
    assert "For SONA" in done and f"{scene.app.web_url}start?survey_code=%SURVEY_CODE%" in done
    assert "PROLIFIC_PID" not in done


def test_the_server_lets_its_participants_in(scene, monkeypatch):
    for name in ("https_proxy", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, scene.machine.environment[name])
    visitor = Participant(scene.app.web_url.rstrip("/"))
    assert "mode=sona" in visitor.browser.get_page("/start?survey_code=12345").url


def test_check_names_it_and_its_source(scene):
    checked = json.loads(scene.run("check", "--json"))
    (setting,) = (each for each in checked["settings"] if each["name"] == "recruitment")
    assert setting["value"] == "sona"
    assert setting["source"] == "Heroku config var PSITURK_RECRUITMENT"
    said = {line["about"]: line["text"] for line in checked["lines"]}
    assert said["recruiter"].startswith("SONA")
    assert said["codes"].startswith("SONA_COMPLETION_URL is not set")
    assert "previews" not in said  # of Prolific


def test_bonuses_are_written_for_it(scene):
    with (scene.study.path / "custom.py").open("a", encoding="utf-8") as custom:
        custom.write(RULE)
    row = participant(1, mode="sona")
    fill(scene.study.path, scene.study.python, [row], scene.app.config["DATABASE_URL"])
    done = scene.run("bonuses")
    assert "-sona.csv" in done and "To pay: SONA gives credit" in done


def test_a_setting_that_cannot_be_used_is_found_before_the_push(scene):
    scene.app.set_config({"PSITURK_RECRUITMENT": "profilic"}, scene.machine.platform.account)
    refused = scene.run("deploy")
    assert "Nothing was pushed." in refused
    assert "The setting recruitment cannot be used: 'profilic' is none of" in refused
    assert "Correct it: Heroku config var PSITURK_RECRUITMENT." in refused
    checked = json.loads(scene.run("check", "--json"))
    (line,) = (line for line in checked["lines"] if line["about"] == "settings")
    assert line["colour"] == "red" and "'profilic' is none of" in line["text"]
