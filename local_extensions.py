"""What this template adds to cookiecutter: a check of the answers, and their ways into files.

cookiecutter and cruft load this module because cookiecutter.json names it under
``_extensions``. The check runs while the last, hidden question is rendered: after the
answers are known and before any folder exists.
"""

import html
import random
import re
import string
import unicodedata

from cookiecutter.exceptions import FailedHookException
from jinja2.ext import Extension
from slugify import slugify

# Names that Windows keeps for devices: a colleague there could not have the folder.
DEVICES = {"con", "prn", "aux", "nul"}
DEVICES |= {f"{kind}{number}" for kind in ("com", "lpt") for number in range(10)}
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
        environment.filters |= {
            "app_name": app_name,
            "checked_folder": checked_folder,
            "config": config,
            "folder_name": folder_name,
            "markdown": markdown,
        }


def folder_name(title: str) -> str:
    """The folder to suggest for a study with this title."""
    slug = slugify(title, max_length=40, word_boundary=True)
    return slug if slug[:1].isalpha() and slug not in DEVICES else f"study-{slug}".strip("-")


def app_name(folder: str) -> str:
    """The app to suggest for this folder: names are unique among all users of Heroku."""
    suffix = "".join(random.choices(string.ascii_lowercase, k=5))
    return f"{folder[:24].strip('-')}-{suffix}"


def checked_folder(answers: dict) -> str:
    """The name of the study's folder, once all answers are found usable.

    Raises FailedHookException, which cookiecutter prints without a traceback, naming
    each question, its answer and what is allowed.
    """
    problems = {
        question: problem
        for question in (*TEXTS, *PATTERNS)
        if (problem := problem_with(question, str(answers[question]), answers))
    }
    if "project_slug" in problems:  # the app's default name is derived from it
        problems.pop("heroku_app_name", None)
    if problems:
        lines = [f"{name}: {answers[name]!r} cannot be used. {problems[name]}" for name in problems]
        advice = "Nothing was made. Run the command again with another answer."
        raise FailedHookException("\n".join([*lines, advice]))
    return answers["project_slug"]


def problem_with(question: str, answer: str, answers: dict) -> str:
    """Why an answer cannot be used, in a sentence; empty if it can."""
    if question in TEXTS:
        return problem_with_text(answer, TEXTS[question], answers["recruitment"])
    pattern, rule = PATTERNS[question]
    if question == "project_slug" and answer in DEVICES:
        return "Windows reserves this name."
    return "" if re.fullmatch(pattern, answer, re.ASCII) else rule


def problem_with_text(answer: str, longest: int, recruitment: str) -> str:
    """Why a line of free text cannot be used, in a sentence; empty if it can."""
    if not answer.strip():
        return "It must not be empty."
    if any(unicodedata.category(sign) in CONTROL for sign in answer):
        return "It must be one line without line breaks or other control characters."
    if len(answer) > longest:
        return f"It has {len(answer)} characters; {longest} are allowed."
    if recruitment == "mturk" and "%" in answer:
        return "psiTurk would send a percent sign to MTurk doubled; write the word instead."
    return ""


def config(answer: str) -> str:
    """As a value in config.txt, where Python's configparser takes % for a reference."""
    return answer.strip().replace("%", "%%")


def markdown(answer: str) -> str:
    """As text at the start of a line of a Markdown file, which may hold HTML too."""
    text = html.escape(answer.strip(), quote=False)
    text = re.sub(r"([\\`*_\[\]#|~])", r"\\\1", text)
    return re.sub(r"^(\d*)([-+=.)])", r"\1\\\2", text)  # these make lists and lines there
