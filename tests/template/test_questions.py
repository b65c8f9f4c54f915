"""The questions as somebody answers them on a terminal, 80 columns wide."""

import os
import re
import shlex

import pytest
from terminal import Terminal


@pytest.fixture
def ask(template, tmp_path):
    """Start cookiecutter on a terminal, with hooks off unless options say otherwise."""

    def start(*words: str, environment: dict[str, str] | None = None) -> Terminal:
        command = ["cookiecutter", str(template), *(words or ("--accept-hooks", "no"))]
        known = os.environ | (environment or {})
        known.pop("UV", None)  # it was not started by `uvx`
        return Terminal(command, tmp_path, known)

    return start


def test_thirteen_enters_make_a_study(ask, tmp_path):
    terminal = ask()
    questions = terminal.answer(*[""] * 13)
    assert terminal.wait_for_end() == 0
    assert (tmp_path / "stroop-task" / "config.txt").exists()
    assert max(len(line) for line in terminal.said.splitlines()) <= 80
    asked = [re.search(r"\[\d+/13\] (.*)", text)[1] for text in questions]
    assert [text.startswith("For Heroku: ") for text in asked] == [False] * 8 + [True] * 5
    assert not re.search(r"20\d\d", terminal.said)  # dates belong into the README


@pytest.mark.parametrize(
    ("answers", "cause"),
    [
        ([" "], "study_title: '' cannot be used. It must not be empty."),
        (["", "Capital"], "project_slug: 'Capital' cannot be used. It must be 1 to 50 lower-case"),
        (["", "here"], "project_slug: 'here' cannot be used. A folder of this name already exists"),
        (["", "", "", "", "nobody"], "contact_email: 'nobody' cannot be used. It must be one"),
        ([*[""] * 6, "0"], "num_conditions: '0' cannot be used. It must be a whole number from 1"),
        (["100%", *[""] * 6, "2"], "study_title: '100%' cannot be used. MTurk would show"),
        ([*[""] * 9, "-"], "heroku_app_name: '-' cannot be used. Heroku takes 3 to 30"),
        ([*[""] * 11, "A Team"], "heroku_team: 'A Team' cannot be used. It must be the team's"),
    ],
)  # fmt: skip
def test_a_wrong_answer_is_refused_before_the_next_question(ask, tmp_path, answers, cause):
    (tmp_path / "here").mkdir()
    terminal = ask()
    terminal.answer(*answers)
    assert terminal.wait_for_end() == 1
    assert cause in terminal.said
    assert f"[{len(answers) + 1}/13]" not in terminal.said
    assert "Traceback" not in terminal.said
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


def test_the_command_that_goes_on_keeps_the_answers(ask, tmp_path):
    terminal = ask()
    terminal.answer("It's 100% \"fun\"", "", "", "Ünï & Sons", "nobody")
    terminal.wait_for_end()
    line = terminal.said.strip().splitlines()[-1]
    program, _, *words = shlex.split(line)
    assert program == "cookiecutter"
    again = ask(*words)
    questions = again.answer(*[""] * 4, "lab@example.edu", *[""] * 8)
    assert again.wait_for_end() == 0
    assert "Ünï & Sons" in questions[3]
    config = (tmp_path / "it-s-100-fun" / "config.txt").read_text(encoding="utf-8")
    assert "institution = Ünï & Sons\n" in config
    assert 'title = It\'s 100%% "fun"\n' in config
    assert "contact_email_on_error = lab@example.edu\n" in config


class TestTheAppOnHeroku:
    """Its price is shown, and nothing is bought without a typed yes."""

    PRICE = r"""Heroku app my-study of researcher@example\.edu\. To be made:
  app          no cost
  git remote   no cost
  address      no cost
  config vars  no cost
  database     about 5 USD a month, from now on
  code         no cost
  server       about 7 USD a month, from the first deploy on
In all about 12 USD a month \(prices of [^)]+\), by the second, until `study down`\.
"""

    QUESTION = r"Buy the database, and let the first deploy start the server\? \[y/N\] "

    @pytest.fixture
    def terminal(self, ask, machine, index) -> Terminal:
        """Every question is answered; the hook asks."""
        terminal = ask("heroku_app_name=my-study", environment=machine.environment | index)
        terminal.answer(*[""] * 13)
        return terminal

    def test_enter_means_no(self, terminal, platform):
        terminal.wait_for(self.QUESTION)
        assert re.search(self.PRICE, terminal.said)
        terminal.sendline("")
        assert terminal.wait_for_end() == 0
        assert "Nothing was bought. To go on: uv run study up\n" in terminal.said
        assert "COMPLETION_CODE" not in terminal.said
        assert "  uv run study up        # its app on Heroku; asks before" in terminal.said
        app = platform.apps["my-study"]
        free = ["DATABASE_LIMIT_MB", "ON_CLOUD", "PSITURK_SECRET_KEY"]
        assert app.addons == [] and sorted(app.config) == free

    def test_after_a_yes_the_code_is_asked_for_and_all_is_made(self, terminal, platform):
        terminal.wait_for(self.QUESTION)
        assert "completion code" not in terminal.said
        terminal.sendline("y")
        terminal.wait_for("COMPLETION_CODE: ")
        terminal.sendline("CABC123")
        assert terminal.wait_for_end() == 0
        app = platform.apps["my-study"]
        assert [addon.plan.name for addon in app.addons] == ["heroku-postgresql:essential-0"]
        assert app.config["COMPLETION_CODE"] == "CABC123"
        assert terminal.said.splitlines()[-4:] == [
            "Next:",
            "  cd stroop-task",
            "  uv run study preview",
            "  uv run study deploy    # puts it online",
        ]

    def test_ctrl_c_at_the_price_leaves_the_study_whole(self, terminal, platform, tmp_path):
        terminal.wait_for(self.QUESTION)
        terminal.sendintr()
        terminal.wait_for_end()
        assert (tmp_path / "stroop-task" / "uv.lock").exists()
        assert platform.apps["my-study"].addons == []
        assert "Traceback" not in terminal.said
