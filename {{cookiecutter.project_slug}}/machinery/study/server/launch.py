"""Starts psiTurk's gunicorn application: ``python -m study.server``.

This is the ``web`` process of the Procfile; `study preview` and `study dashboard` start
it too.
"""

import importlib
import os
import sys
import traceback
from pathlib import Path

from gunicorn.errors import HaltServer

from study import config
from study.config import Config
from study.errors import StudyError


def launch() -> None:
    """Serve the study in the current folder until stopped.

    Raises StudyError if the settings or custom.py do not let it.
    """
    # psiTurk's module makes sockets co-operative on import, so nothing that opens one
    # may be imported before it. It reads the settings, so they are checked first.
    config.load()
    import psiturk.experiment_server

    settings = read_study()
    if settings.study.enable_dashboard and not _is_dashboard():
        raise StudyError(
            "enable_dashboard is on, and with it every participant's page would wait for Amazon.",
            "Set it to false and start the dashboard apart, with `uv run study dashboard`.",
        )
    if _is_dashboard():
        from study.server.dashboard import refuse_weak_login

        refuse_weak_login(settings)
    try:
        psiturk.experiment_server.launch()
    except HaltServer as halt:  # no worker could start; the first has said why
        sys.exit(halt.exit_status)


def read_study() -> Config:
    """What the researcher wrote for the server: all settings, and custom.py is imported.

    Raises StudyError, with file and line, for a mistake in either. psiTurk itself would
    start without custom.py if a module that it imports is missing (psiturk/experiment.py).
    """
    settings = config.load()
    sys.path.insert(0, "")  # custom.py and its modules, in the study's folder
    try:
        importlib.import_module("custom")
    except Exception as error:
        raise explain(error) or error from error
    return settings


def explain(error: Exception) -> StudyError | None:
    """Where the researcher's code went wrong, and how; None if the mistake is not in it."""
    where, said = "", str(error)
    for frame in traceback.extract_tb(error.__traceback__):
        if is_theirs(Path(frame.filename)):
            where = f"{Path(frame.filename).name}, line {frame.lineno}"
    if isinstance(error, SyntaxError) and is_theirs(Path(error.filename or "")):
        where, said = f"{Path(error.filename).name}, line {error.lineno}", error.msg
    remedy = "Correct it there."
    if isinstance(error, ModuleNotFoundError):
        remedy = f"If it is a package: uv add {error.name}. If it is a file of yours: put it here."
    return StudyError(f"{where}: {type(error).__name__}: {said}", remedy) if where else None


def is_theirs(file: Path) -> bool:
    """Whether a file is the researcher's own, neither machinery nor a package."""
    here = Path.cwd()
    return here in file.parents and file.relative_to(here).parts[0] not in (".venv", "study")


def _is_dashboard() -> bool:
    return "STUDY_DASHBOARD" in os.environ


def main() -> None:
    """Serve, or say why not and exit with 1."""
    try:
        launch()
    except StudyError as error:
        sys.exit(str(error))
