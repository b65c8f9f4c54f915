"""The recruiter's codes among the config vars: asked for, checked, and never shown again.

A completion code proves that somebody took part, so it is a secret like a password: the
server holds it, and a participant meets it at the end alone. Which recruiter uses which
config var is in study/recruiters.py.
"""

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from study.recruiters import RECRUITERS

LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # without those that are easily confused
PROLIFIC_CODE = re.compile(r"[A-Za-z0-9-]{1,64}")


@dataclass(frozen=True)
class Question:
    """One code that only the researcher knows.

    ``read`` makes the value of what was typed, or raises ValueError, which says what is
    wrong and does not quote it. ``made_up`` is the value if nothing is typed; an empty one
    leaves the config var unset.
    """

    text: str
    read: Callable[[str], str]
    made_up: Callable[[], str]
    afterwards: str  # what to do if nothing was typed; {see} is the command that shows the value


def read_completion_code(typed: str) -> str:
    """Prolific's code, also out of the address that it is part of."""
    code = parse_qs(urlsplit(typed).query).get("cc", [""])[0] if "://" in typed else typed
    if not PROLIFIC_CODE.fullmatch(code):
        raise ValueError("A completion code has letters, digits and dashes, and nothing else.")
    return code


def read_sona_url(typed: str) -> str:
    """SONA's completion URL, the one that a participant's browser opens."""
    parts = urlsplit(typed)
    query = parse_qs(parts.query, keep_blank_values=True)
    if "/services/" in parts.path:
        raise ValueError("That is the server-side completion URL. Take the client-side one.")
    if parts.scheme != "https" or not parts.hostname or not query.get("credit_token", [""])[0]:
        raise ValueError("It must begin with https:// and contain credit_token and survey_code.")
    if "survey_code" not in query:
        raise ValueError("survey_code is missing. Copy the whole address, up to its end.")
    return typed


def random_code() -> str:
    """A completion code that nobody can guess (50 bits)."""
    return "".join(secrets.choice(LETTERS) for _ in range(10))


QUESTIONS = {
    "COMPLETION_CODE": Question(
        "Prolific's completion code for this study. It stands in Prolific's form, where "
        "completion codes are set up. (Enter alone: one is made here)",
        read_completion_code,
        random_code,
        "A completion code was made, and Prolific's form must have the same one. To see it: {see}\n"
        "To take Prolific's instead: heroku config:set COMPLETION_CODE=… --app {app}",
    ),
    "SONA_COMPLETION_URL": Question(
        "SONA's completion URL (client-side). SONA shows it once the study there has its "
        "address. (Enter alone: later)",
        read_sona_url,
        lambda: "",
        "SONA's completion URL is not set yet, so nobody would get credit. When SONA shows "
        "it, run again: uv run study up",
    ),
}


def question_of(recruitment: str) -> str:
    """The config var that this recruiter cannot do without; empty if there is none."""
    recruiter = RECRUITERS.get(recruitment)
    return recruiter.codes.get("completed", "") if recruiter else ""


def needed_codes(recruitment: str) -> dict[str, str]:
    """What is set for this recruiter if nobody is asked; new each time."""
    name = question_of(recruitment)
    return {name: QUESTIONS[name].made_up()} if name else {}


def ask_for_codes(
    recruitment: str, present: Mapping[str, str], ask: Callable[[str], str]
) -> dict[str, str]:
    """Ask for the code that is missing; gives what was typed, or nothing."""
    name = question_of(recruitment)
    if not name or present.get(name):
        return {}
    prompt = f"{QUESTIONS[name].text}\n{name}: "
    while True:
        try:
            typed = ask(prompt).strip()
        except EOFError:
            typed = ""
        if not typed:
            return {}
        try:
            return {name: QUESTIONS[name].read(typed)}
        except ValueError as problem:
            prompt = f"{problem}\n{name}: "
