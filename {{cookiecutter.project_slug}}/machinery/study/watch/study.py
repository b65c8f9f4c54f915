"""The study that is watched: its figures, its app on Heroku, and a pause.

Heroku is asked once a minute, beside the requests of the page, and more often while a dyno starts;
the database only when the page asks, and the slower it answers, the less often.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from study import config
from study.config import Config
from study.database.browser_errors import read_browser_errors
from study.database.reader import Participants, open_participants
from study.heroku.app import AppState, fetch_app
from study.heroku.cli import Heroku
from study.heroku.hosting import Hosting, scale
from study.messages import StudyError
from study.overview import collect
from study.overview.figures import REASONS
from study.overview.incidents import DAYS, INCIDENTS
from study.overview.people import Search, list_people
from study.overview.timeline import collect_timeline
from study.signing import pseudonym, read_pseudonym_key
from study.watch.flags import find_flags

SECONDS, MOST_SECONDS = 10, 60  # between two refreshes
SHARE = 0.05  # of the time for which a refresh may last
SECONDS_OF_HEROKU = 60
MOST_ERRORS = 20  # kinds that are shown


class WatchedStudy:
    """The study in a folder, on its app or, without a name, on this computer."""

    def __init__(self, folder: Path, app_name: str = "") -> None:
        self._folder, self._lock = folder, Lock()
        self._heroku = Heroku(app_name) if app_name else None
        self._app: AppState | None = None
        self._asked = self._counted = float("-inf")
        self._pause = SECONDS
        self._figures: dict[str, Any] = {}
        if self._heroku:
            self._ask_heroku()
            if self._app is None:
                cause = f"There is no app {app_name} on Heroku."
                raise StudyError(cause, "To watch this computer: uv run study watch --local")
        self._open()

    def figures(self) -> dict[str, Any]:
        """Return everything that the page shows, but the participants one by one.

        Raises StudyError if the database cannot be read.
        """
        with self._lock:
            if self._heroku and time.monotonic() - self._asked > self._pause_of_heroku():
                self._asked = time.monotonic()
                Thread(target=self._ask_heroku_again, daemon=True).start()
            if time.monotonic() - self._counted > self._pause / 2:  # several windows ask once
                self._figures = self._read(self._count)
                self._counted = time.monotonic()
            hosting = asdict(Hosting.of(self._app)) if self._app else None
            return self._figures | {"hosting": hosting, "seconds": self._pause}

    def people(self, search: Search, with_ids: bool) -> dict[str, Any]:
        """Return a page of participants; the recruiter's ids only on demand. Raises StudyError."""
        with self._lock:
            found, number = self._read(lambda p, s: list_people(p, s, search))
        flags, people = find_flags(self._folder), []
        key = read_pseudonym_key(self._folder) if flags else b""
        for person in found:
            shown = {name: value for name, value in vars(person).items() if name != "uniqueid"}
            shown |= {"flags": flags.get(pseudonym(key, person.uniqueid), [])} if flags else {}
            people.append(shown if with_ids else shown | {"worker": None})
        return {"people": people, "number": number, "has_flags": bool(flags)}

    def scale(self, dynos: int) -> None:
        """Pause the study, with no dynos, or let it go on. Raises StudyError."""
        if self._heroku is None:
            raise StudyError("A study on this computer has no pause.", "Stop it with Ctrl-C.")
        scale(self._heroku, dynos)
        self._ask_heroku()

    def _open(self) -> None:
        self._settings = config.read(self._folder, self._app.config if self._app else None)
        self._title = self._settings.study.title
        self._participants = open_participants(self._settings)

    def _read(self, read: Callable[[Participants, Config], Any]) -> Any:
        """Read from the database; open it anew if its table was not there or it is away."""
        try:
            if self._participants.table is None:
                self._open()
            return read(self._participants, self._settings)
        except StudyError:  # Heroku may have given it another address
            self._participants.engine.dispose()
            if self._heroku:
                self._ask_heroku()
            self._open()
            return read(self._participants, self._settings)

    def _count(self, participants: Participants, settings: Config) -> dict[str, Any]:
        began = time.monotonic()
        overview = collect(participants, settings)
        timeline = collect_timeline(participants, settings, overview)
        errors = read_browser_errors(participants)
        needed = round((time.monotonic() - began) / SHARE)
        self._pause = min(max(SECONDS, needed), MOST_SECONDS)
        return {
            "title": self._title,
            "version": settings.study.code_version,
            "overview": overview.to_dict(),
            "timeline": timeline,
            "reasons": REASONS,
            "incidents": {"days": DAYS, "words": INCIDENTS},
            "errors": [
                vars(error.kind) | {"participants": error.participants, "last": error.last}
                for error in errors[:MOST_ERRORS]
            ],
            "more_errors": max(0, len(errors) - MOST_ERRORS),
        }

    def _pause_of_heroku(self) -> float:
        """Shorter while a dyno starts or stops, which takes seconds."""
        is_steady = all(dyno["state"] == "up" for dyno in self._app.web_dynos)
        return SECONDS_OF_HEROKU if is_steady else SECONDS / 2

    def _ask_heroku(self) -> None:
        self._app = fetch_app(self._heroku) or self._app
        self._asked = time.monotonic()

    def _ask_heroku_again(self) -> None:
        with suppress(StudyError):  # what was known goes on holding
            self._ask_heroku()


def to_json(value: Any) -> str:
    """Times in ISO 8601, in UTC, for json.dumps."""
    if isinstance(value, datetime):
        return f"{value.isoformat(timespec='seconds')}Z"
    return str(value)
