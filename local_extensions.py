"""What this template adds to cookiecutter: a check of each answer, and their ways into files.

cookiecutter and cruft load this module because cookiecutter.json names it under
``_extensions``. Behind each question stands a hidden one, whose value is the answer once it
was found usable: so a wrong answer ends the questions before the next one is asked.
"""

import html
import json
import os
import random
import re
import shlex
import shutil
import string
import subprocess
import sys
import unicodedata
from pathlib import Path

import click
from cookiecutter.cli import main as cookiecutter_command
from cookiecutter.exceptions import FailedHookException
from jinja2.ext import Extension
from slugify import slugify

HERE = Path.cwd()  # cookiecutter goes elsewhere while it writes files
# Names that Windows keeps for devices: a colleague there could not have the folder.
DEVICES = {"con", "prn", "aux", "nul"}
DEVICES |= {f"{kind}{number}" for kind in ("com", "lpt") for number in range(10)}
JINJA = ("{{", "{%", "{#")
NO_JINJA = "It must not contain {{, {% or {#, which cookiecutter takes for commands of its own."
CONTROL = ("Cc", "Cs", "Zl", "Zp")  # Unicode's categories of line breaks and other controls

# Question, what a usable answer looks like, and the same in words.
PATTERNS = {
    "project_slug": (
        r"(?=.{1,50}$)[a-z][a-z0-9]*(-[a-z0-9]+)*",
        "It must be 1 to 50 lower-case letters, digits and single dashes, and begin with a letter.",
    ),
    "contact_email": (
        r"(?=.{3,254}$)[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+",
        "It must be one e-mail address, such as lab@example.edu.",
    ),
    "num_conditions": (r"[1-9]\d?|100", "It must be a whole number from 1 to 100."),
    "heroku_app_name": (
        r"[a-z][a-z0-9-]{1,28}[a-z0-9]",
        "Heroku takes 3 to 30 lower-case letters, digits and dashes; the first must be a letter, "
        "the last no dash.",
    ),
    "heroku_team": (
        r"([a-z0-9][a-z0-9-]*)?",
        "It must be the team's name as Heroku's address bar shows it, or nothing.",
    ),
}
# Question and the greatest length of a line of free text, in characters.
TEXTS = {"study_title": 120, "study_description": 500, "institution": 120}


class AnswerExtension(Extension):
    """The filters that the template's files use."""

    def __init__(self, environment):
        super().__init__(environment)
        refuse_jinja_on_the_command_line()
        environment.globals["is_asking"] = is_asking
        environment.filters |= {
            "app_name": app_name,
            "checked": checked,
            "checked_all": checked_all,
            "config": config,
            "folder_name": folder_name,
            "markdown": markdown,
            "new_folder": new_folder,
            "origin": origin,
        }


def folder_name(title: str) -> str:
    """The folder to suggest for a study with this title."""
    slug = slugify(title, max_length=40, word_boundary=True)
    return slug if slug[:1].isalpha() and slug not in DEVICES else f"study-{slug}".strip("-")


def app_name(folder: str) -> str:
    """The app to suggest for this folder: names are unique among all users of Heroku."""
    suffix = "".join(random.choices(string.ascii_lowercase, k=5))
    return f"{folder[:24].strip('-')}-{suffix}"


def checked(answers: dict, question: str) -> str:
    """The answer to a question, once it is found usable.

    Raises FailedHookException, which cookiecutter prints without a traceback: it names the
    question, the answer and what is allowed, and how to go on with the other answers.
    """
    answer = str(answers[question])
    if question in TEXTS:
        problem = problem_with_text(answer, TEXTS[question])
    elif question == "recruitment":
        return checked_recruitment(answers)
    else:
        pattern, rule = PATTERNS[question]
        problem = "" if re.fullmatch(pattern, answer, re.ASCII) else rule
        if question == "project_slug" and answer in DEVICES:
            problem = "Windows reserves this name."
    if problem:
        raise refusal(answers, question, problem)
    return answer


def checked_recruitment(answers: dict) -> str:
    """The recruiter. Raises FailedHookException for texts that would reach MTurk changed."""
    for question in TEXTS:
        if answers["recruitment"] == "mturk" and "%" in answers[question]:
            # psiTurk reads them without undoing what config.txt needs (amt_services_wrapper.py).
            problem = "MTurk would show its percent sign doubled; write the word instead."
            raise refusal(answers, question, problem)
    return answers["recruitment"]


def checked_all(answers: dict) -> str:
    """Nothing, once every answer is found usable. Raises FailedHookException."""
    for question in (*TEXTS, *PATTERNS, "recruitment"):
        checked(answers, question)
    return ""


def refuse_jinja_on_the_command_line() -> None:
    """Raise FailedHookException for answers that cookiecutter would render and so change."""
    for question, answer in (command_line().get("extra_context") or {}).items():
        if any(sign in answer for sign in JINJA):
            raise FailedHookException(
                f"{question}: {answer!r} cannot be used. {NO_JINJA}\n"
                "Nothing was made. Run the command again with another answer."
            )


def new_folder(answers: dict) -> str:
    """The folder to make. Raises FailedHookException if it is there and cookiecutter's command,
    which tells where, was not told to write over it."""
    options = command_line()
    folder = Path(options.get("output_dir", ""), answers["project_slug"]).absolute()
    writes_over = options.get("overwrite_if_exists") or options.get("skip_if_file_exists")
    if options and not writes_over and folder.exists():
        raise refusal(answers, "project_slug", f"A folder of this name already exists: {folder}")
    return answers["project_slug"]


def origin(answers: dict) -> str:
    """Where the study comes from, as JSON: the template's address and commit, and the answers.

    `study update` starts from it. The commit is empty where files of the template were changed.
    """
    folder = Path(answers.get("_repo_dir") or Path(__file__).parent)  # cruft does not say
    named = str(answers.get("_template", ""))
    here = str(HERE / named) if (HERE / named).is_dir() else named
    address = ask_git(folder, "remote", "get-url", "origin") or here
    # Cookiecutter makes hooks executable.
    is_changed = ask_git(folder, "-c", "core.fileMode=false", "status", "--porcelain")
    made = {
        "template": re.sub(r"(?<=://)[^/@]*@", "", address),  # which may have a password
        "commit": "" if is_changed else ask_git(folder, "rev-parse", "HEAD"),
        "answers": {name: answer for name, answer in answers.items() if name[0] != "_"},
    }
    return json.dumps(made, ensure_ascii=False, indent=2)


def ask_git(folder: Path, *command: str) -> str:
    """What git says about a repository in this very folder; nothing if there is none."""
    if not shutil.which("git") or not (folder / ".git").exists():
        return ""
    done = subprocess.run(
        ["git", *command], cwd=folder, capture_output=True, encoding="utf-8", errors="replace"
    )
    return "" if done.returncode else done.stdout.strip()


def refusal(answers: dict, question: str, problem: str) -> FailedHookException:
    """What to raise for an answer that cannot be used."""
    cause = f"{question}: {str(answers[question])!r} cannot be used. {problem}"
    return FailedHookException(f"{cause}\nNothing was made. {how_to_go_on(answers, question)}")


def problem_with_text(answer: str, longest: int) -> str:
    """Why a line of free text cannot be used, in a sentence; empty if it can."""
    if not answer.strip():
        return "It must not be empty."
    if any(unicodedata.category(sign) in CONTROL for sign in answer):
        return "It must be one line without line breaks or other control characters."
    if any(sign in answer for sign in JINJA):
        return NO_JINJA
    if len(answer) > longest:
        return f"It has {len(answer)} characters; {longest} are allowed."
    return ""


def how_to_go_on(answers: dict, wrong: str) -> str:
    """One command that holds the answers so far and asks for the rest."""
    options = command_line()
    if not options or options["replay"] or options["replay_file"]:
        return "Run the command again with another answer."
    given = {name: answer for name, answer in answers.items() if name[0] != "_" and name != wrong}
    if options["no_input"]:
        given[wrong] = "…"
    typed = [word for word in sys.argv[1:] if word.partition("=")[0] not in answers]
    words = [*launcher(), *typed, *(f"{name}={answer}" for name, answer in given.items())]
    again = subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
    return f"To go on from here, with another {wrong}:\n  {again}"


def launcher() -> list[str]:
    """How cookiecutter was started, as far as it can be told from inside."""
    if os.environ.get("UV"):
        return ["uvx", "cookiecutter"]
    if Path(sys.argv[0]).name == "__main__.py":
        return [Path(sys.executable).name, "-m", "cookiecutter"]
    return ["cookiecutter"] if shutil.which("cookiecutter") else ["pipx", "run", "cookiecutter"]


def command_line() -> dict:
    """The options of the cookiecutter command; empty where another program makes the study."""
    context = click.get_current_context(silent=True)
    return context.params if context and context.command is cookiecutter_command else {}


def is_asking() -> bool:
    """Whether somebody answers the questions, and could answer one more."""
    return command_line().get("no_input") is False


def config(answer: str) -> str:
    """As a value in config.txt, where Python's configparser takes % for a reference."""
    return answer.strip().replace("%", "%%")


def markdown(answer: str) -> str:
    """As text at the start of a line of a Markdown file, which may hold HTML too."""
    text = html.escape(answer.strip(), quote=False)
    text = re.sub(r"([\\`*_\[\]#|~])", r"\\\1", text)
    return re.sub(r"^(\d*)([-+=.)])", r"\1\\\2", text)  # these make lists and lines there
