"""What a study was made from.

The template writes it into .template.json. Studies of before that file are known by their first
commit, which the template's hook made; their answers are in the files of that commit.
"""

import json
import tomllib
from dataclasses import dataclass

from study.config import value_in
from study.heroku.git import Repository
from study.messages import StudyError

FILE = ".template.json"
FIRST_MESSAGE = "Start the study from psiturk-heroku"
TEMPLATE = "https://github.com/lab/psiturk-heroku"
# Of addresses, as cookiecutter reads them.
SHORT_FORMS = {
    "gh": "https://github.com/",
    "gl": "https://gitlab.com/",
    "bb": "https://bitbucket.org/",
}
# Where the answers to the questions are in config.txt and in pyproject.toml.
IN_CONFIG = {
    "study_title": ("HIT Configuration", "title"),
    "study_description": ("HIT Configuration", "description"),
    "institution": ("Study", "institution"),
    "contact_email": ("Task Parameters", "contact_email_on_error"),
    "num_conditions": ("Task Parameters", "num_conds"),
    "recruitment": ("Study", "recruitment"),
}
IN_PYPROJECT = {"heroku_app_name": "app", "heroku_region": "region", "heroku_team": "team"}
IN_PYPROJECT |= {"database": "database"}


@dataclass(frozen=True)
class Origin:
    """What a study was made from; ``commit`` is empty where that is not known."""

    template: str
    commit: str
    answers: dict[str, str]


def read_origin(repository: Repository, revision: str = "HEAD") -> Origin | None:
    """Return what .template.json says; None without it. Raises StudyError if it is no JSON."""
    text = repository.read("show", f"{revision}:{FILE}")
    try:
        return Origin(**json.loads(text)) if text else None
    except (ValueError, TypeError) as error:
        cause = f"{FILE} cannot be read: {error}."
        remedy = f"Bring it back as it was, and commit it: git checkout COMMIT -- {FILE}"
        raise StudyError(cause, remedy) from error


def recover_origin(repository: Repository) -> Origin:
    """Return the same from the files of the first commit. Raises StudyError if that is edited."""
    if not is_as_made(repository):
        cause = "What this study was made from is not known: it has no .template.json, and its "
        cause += f"first commit is not the template's own ({FIRST_MESSAGE} …)."
        remedy = "If there is a copy with the whole history, update that one. Otherwise make a new "
        remedy += "study and bring your templates/, static/, config.txt and custom.py over."
        raise StudyError(cause, remedy)
    first = repository.first
    config = repository.read("show", f"{first}:config.txt")
    project = tomllib.loads(repository.read("show", f"{first}:pyproject.toml"))
    where = project["tool"]["psiturk-heroku"]
    task = repository.read("show", f"{first}:static/js/task.js")
    found = {name: value_in(config, *place) or "" for name, place in IN_CONFIG.items()}
    answers = {name: value.replace("%%", "%") for name, value in found.items()}
    answers |= {name: where[key] for name, key in IN_PYPROJECT.items()}
    answers |= {"project_slug": project["project"]["name"].removesuffix("-study")}
    answers |= {"experiment": "jspsych" if "jsPsych" in task else "stroop", "heroku_app": "later"}
    return Origin(TEMPLATE, "", answers)


def is_as_made(repository: Repository) -> bool:
    """Return whether the first commit holds what the template made, and nothing else."""
    subject = repository.read("log", "-1", "--format=%s", repository.first)
    return subject.startswith(FIRST_MESSAGE)


def find_address(origin: Origin | None) -> str:
    """Return the address or the folder from which git gets the template."""
    named = origin.template if origin else TEMPLATE
    host, _, path = named.partition(":")
    return f"{SHORT_FORMS[host]}{path}" if host in SHORT_FORMS else named
