"""The commands of `uv run study`, one module each, and what several of them share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from study import config
from study.config import Config
from study.heroku.app import fetch_app, read_spec
from study.heroku.cli import GET_HEROKU, Heroku
from study.messages import StudyError

if TYPE_CHECKING:
    from study.database.reader import Participants


def name_app(folder: Path, local: bool) -> str:
    """Return the app that holds the data; empty if this machine or its DATABASE_URL has them.

    Raises StudyError if it is an app and there is no heroku command to ask.
    """
    if local or config.is_database_named():
        return ""
    name = read_spec(folder).app
    if not Heroku(name).program:
        cause = f"The data of the app {name} need the heroku command, which is not installed."
        raise StudyError(cause, f"For data on this machine, add --local.\n{GET_HEROKU}")
    return name


def find_study(folder: Path, local: bool) -> tuple[Participants, Config]:
    """Return the participants and settings of the app or, with ``local``, of this machine.

    Where DATABASE_URL is set, it says where the data are, and Heroku is not asked. Raises
    StudyError if there is no such app or its database cannot be read.
    """
    from study.database.reader import open_participants

    app = None
    if name := name_app(folder, local):
        app = fetch_app(Heroku(name))
        if not app:
            remedy = "For data on this machine, add --local. To make the app: uv run study up"
            raise StudyError(f"There is no app {name} on Heroku yet.", remedy)
    settings = config.read(folder, app.config if app else None)
    return open_participants(settings), settings


def read_lines(file: Path, remedy: str) -> list[str]:
    """Return the lines of a text file. Raises StudyError with the remedy if it cannot be read."""
    try:
        return file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise StudyError(f"{file} cannot be read: {reason}.", remedy) from error
