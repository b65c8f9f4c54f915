"""What `study check` looks at, asked for once."""

from dataclasses import dataclass, field
from pathlib import Path

from study.config.sources import Effective
from study.database.reader import Participants
from study.errors import StudyError
from study.heroku.app import AppSpec, AppState, fetch_app, read_settings, read_spec
from study.heroku.cli import CommandResult, Heroku

QUESTIONS = {
    "releases": ("releases", "--json", "--num", "100"),
    "schedules": ("pg:backups:schedules",),
}

Finding = tuple[str, str]  # red, yellow or green, and a sentence


@dataclass
class Seen:
    """The study and its app. ``app`` is None if there is none or Heroku cannot be asked,
    ``participants`` until the check of the database has opened them."""

    folder: Path
    wanted: AppSpec
    settings: Effective
    app: AppState | None = None
    answers: dict[str, CommandResult] = field(default_factory=dict)
    participants: Participants | None = None

    @property
    def recruitment(self) -> str:
        """The recruiter's name, as the server reads it; if that cannot be told, as written."""
        return self.settings.value("Study", "recruitment") or self.wanted.recruitment


def look_around(folder: Path) -> tuple[Seen, list[dict[str, str]]]:
    """Ask Heroku, if possible, and read the settings that hold there or, else, here."""
    seen, found = Seen(folder, read_spec(folder), Effective()), []
    try:
        seen.app, seen.answers = fetch_app(Heroku(seen.wanted.app), **QUESTIONS)
        problem = "" if seen.app else f"there is no app {seen.wanted.app}: uv run study up"
    except StudyError as error:
        problem = f"not looked at. {error.cause} {error.remedy}".replace("\n", " ")
    if problem:
        found.append({"about": "app", "colour": "yellow", "text": problem})
    try:
        seen.settings = read_settings(folder, seen.app)
    except StudyError as error:
        text = f"{error.cause} {error.remedy}"
        found.append({"about": "settings", "colour": "red", "text": text})
    return seen, found
