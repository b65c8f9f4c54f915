"""What `study check` looks at, asked for once."""

from dataclasses import dataclass, field
from pathlib import Path

from study import config
from study.config import Config
from study.database.reader import Participants
from study.errors import StudyError
from study.heroku.app import App, look
from study.heroku.cli import Answer, Heroku
from study.heroku.wanted import Wanted, read_wanted

QUESTIONS = {
    "releases": ("releases", "--json", "--num", "100"),
    "schedules": ("pg:backups:schedules",),
}

Finding = tuple[str, str]  # red, yellow or green, and a sentence


@dataclass
class Seen:
    """The study and its app. ``app`` is None if there is none or Heroku cannot be asked,
    ``settings`` if they
    cannot be read, ``participants`` until the check of the database has opened them."""

    folder: Path
    wanted: Wanted
    settings: Config | None
    app: App | None = None
    answers: dict[str, Answer] = field(default_factory=dict)
    participants: Participants | None = None

    @property
    def recruitment(self) -> str:
        """The recruiter's name, as the server reads it."""
        return self.settings.value("Study", "recruitment")


def look_around(folder: Path) -> tuple[Seen, list[dict[str, str]]]:
    """Ask Heroku, if possible, and read the settings that hold there or, else, here."""
    seen, found = Seen(folder, read_wanted(folder), None), []
    try:
        seen.app, seen.answers = look(Heroku(seen.wanted.app), **QUESTIONS)
        problem = "" if seen.app else f"there is no app {seen.wanted.app}: uv run study up"
    except StudyError as error:
        problem = f"not looked at. {error.cause} {error.remedy}".replace("\n", " ")
    if problem:
        found.append({"about": "app", "colour": "yellow", "text": problem})
    try:
        seen.settings = config.read(folder, seen.app.config if seen.app else None)
        _ = seen.settings.study  # raises StudyError
    except StudyError as error:
        text = f"{error.cause} {error.remedy}"
        found.append({"about": "settings", "colour": "red", "text": text})
    return seen, found
