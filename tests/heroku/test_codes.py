"""`study up` and the recruiter's code: asked for in a terminal, checked, set once, never shown."""

import json
import os
import pty
import subprocess
import sys

import pytest

SONA = "https://uni.sona-systems.com/webstudy_credit.aspx?experiment_id=1&credit_token=4e48"
SONA += "&survey_code=XXXX"
# Reads the answers of somebody who is asked; prints what was asked and what was taken.
ASK = """
import json, sys
from study.recruiters import find_recruiter
name, present, *answers = sys.argv[1:]
asked, answers = [], iter(answers)
def ask(prompt):
    asked.append(prompt)
    return next(answers)
print(json.dumps([find_recruiter(name).ask_for_code(json.loads(present), ask), asked]))
"""


def asked(made, recruitment, *answers, present=None):
    """What is taken of the answers, and all that was asked meanwhile."""
    command = [sys.executable, "-c", ASK, recruitment, json.dumps(present or {}), *answers]
    options = {"capture_output": True, "text": True, "check": True}
    done = subprocess.run(command, cwd=made / "machinery", **options)
    taken, prompts = json.loads(done.stdout)
    for answer in answers:
        assert not answer or answer not in "".join(prompts)
    return taken, prompts


@pytest.mark.parametrize(
    ("recruitment", "typed", "taken"),
    [
        ("prolific", " C1A2-b3 ", {"COMPLETION_CODE": "C1A2-b3"}),
        (
            "prolific",
            "https://app.prolific.com/submissions/complete?cc=C1A2B3",
            {"COMPLETION_CODE": "C1A2B3"},
        ),
        ("prolific", "", {}),
        ("sona", SONA, {"SONA_COMPLETION_URL": SONA}),
        ("sona", "", {}),
    ],
)
def test_a_code_is_taken_as_people_paste_it(made, recruitment, typed, taken):
    assert asked(made, recruitment, typed)[0] == taken


@pytest.mark.parametrize(
    ("recruitment", "typed", "reason"),
    [
        ("prolific", "C1 A2", "letters, digits and dashes"),
        ("prolific", "https://app.prolific.com/researcher/studies/1", "letters, digits and dashes"),
        ("sona", SONA.replace("https", "http"), "must begin with https://"),
        ("sona", SONA.replace("credit_token", "token"), "contain credit_token"),
        ("sona", SONA.partition("&survey_code")[0], "Copy the whole address"),
        ("sona", SONA.replace("webstudy_credit.aspx", "services/SonaAPI.svc/W"), "client-side"),
    ],
)
def test_what_cannot_be_a_code_is_asked_for_again(made, recruitment, typed, reason):
    taken, prompts = asked(made, recruitment, typed, "")
    assert taken == {} and len(prompts) == 2
    assert reason in prompts[1]


@pytest.mark.parametrize(
    ("recruitment", "present"),
    [("link", {}), ("mturk", {}), ("prolific", {"COMPLETION_CODE": "C0DE"}), ("nobody", {})],
)
def test_nothing_is_asked_for_where_nothing_is_missing(made, recruitment, present):
    assert asked(made, recruitment, present=present) == ({}, [])


def up_in_a_terminal(study, typed: str) -> str:
    """What `study up` says while somebody types these lines; it must succeed."""
    terminal, other_end = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "study.commands.up"],
        cwd=study.path,
        env=study.machine.environment | {"PYTHONPATH": str(study.path / "machinery")},
        stdin=other_end,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    os.write(terminal, typed.encode())
    said = process.communicate(timeout=120)[0]
    assert process.returncode == 0, said
    return said


def test_in_a_terminal_it_asks_and_sets_what_was_typed(study, app):
    del app.own_config["COMPLETION_CODE"]
    said = up_in_a_terminal(study, "not a code\nTYPED-C0DE\n")
    assert "Prolific's completion code for this study." in said
    assert "[y/N]" not in said  # the database is there, so nothing is bought
    assert "letters, digits and dashes" in said
    assert app.own_config["COMPLETION_CODE"] == "TYPED-C0DE" and "TYPED-C0DE" not in said
    assert "A completion code was made" not in said
    assert len([r for r in app.releases if r.description.startswith("Set ")]) == 1


def test_in_a_terminal_it_also_asks_for_an_address_that_only_sona_knows(study, app):
    study.change("recruitment", "sona", file="config.txt")
    del app.own_config["COMPLETION_CODE"]
    later = up_in_a_terminal(study, "\n")
    assert "SONA's completion URL (client-side)." in later
    assert "is not set yet" in later and "SONA_COMPLETION_URL" not in app.own_config
    said = up_in_a_terminal(study, f"{SONA}\n")
    assert app.own_config["SONA_COMPLETION_URL"] == SONA and "4e48" not in said
    assert "is not set yet" not in said


def test_for_sona_it_says_what_is_left_to_do(study, app):
    study.change("recruitment", "sona", file="config.txt")
    done = study.up("--json")
    assert done.returncode == 0
    assert "uv run study up" in json.loads(done.stdout)["notes"][0]
    assert "SONA_COMPLETION_URL" not in app.own_config
