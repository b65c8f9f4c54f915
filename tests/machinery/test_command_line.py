"""The command line: what it lists, and how little it loads before there is work to do."""

import os
import re

import pytest
from live_study import NAME

IN_ORDER = (
    *("adopt", "preview", "try", "library", "up", "deploy", "dashboard", "check", "status"),
    *("watch", "alert", "conditions", "data", "quality", "report", "bonuses", "verify", "exclude"),
    *("person", "erase", "forget", "archive", "update", "host", "down"),
)


@pytest.fixture(scope="module")
def study(studies):
    return studies(heroku_app="later", heroku_app_name=NAME)


def test_commands_are_listed_in_the_order_of_a_studys_life_as_each_describes_itself(study):
    listed = study.run("study", "--help").stdout.partition("Commands:\n")[2]
    commands = dict(line.split(maxsplit=1) for line in listed.splitlines())
    assert tuple(commands) == IN_ORDER
    for name, sentence in commands.items():
        own_help = study.run("study", name, "--help", env=os.environ | {"COLUMNS": "100"})
        assert own_help.returncode == 0, own_help.stderr
        assert own_help.stdout.splitlines()[2].strip().startswith(sentence)


@pytest.mark.parametrize(
    "command",
    ["--help", "preview --help", "up --help", "dashboard --help", "check --help", "conditions",
     "report", "verify", "exclude", "verify --nonsense"],
)  # fmt: skip
def test_what_needs_no_database_and_no_server_does_not_load_them(study, command):
    python = ("python", "-X", "importtime")
    run = study.run(*python, "-m", "study", *command.split(), starts=True)
    assert "study.messages" in run.stderr
    assert not re.search(r"\| +(sqlalchemy|flask|gunicorn|requests)$", run.stderr, re.MULTILINE)
    assert "Traceback" not in run.stderr


def test_a_misspelt_command_is_refused(study):
    refused = study.run("study", "chekc")
    assert refused.returncode == 2
    assert "No such command 'chekc'" in refused.stderr


@pytest.mark.parametrize("command", ["status", "watch", "data", "bonuses", "archive"])
def test_without_the_heroku_command_one_is_told_of_the_data_on_this_machine(study, command):
    refused = study.run("study", command)
    assert refused.returncode == 1
    assert f"The data of the app {NAME} need the heroku command" in refused.stderr
    assert "on this machine, add --local" in refused.stderr
