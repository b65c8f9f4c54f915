"""Start psiTurk's gunicorn application: ``python -m study.server``.

This is the ``web`` process of the Procfile; `study preview` and `study dashboard` start
it too.
"""

import importlib
import os
import sys
import traceback
from pathlib import Path

from study import config
from study.config import Config
from study.excluded import read_excluded
from study.messages import StudyError


def main() -> None:
    """Serve, or print why not and exit with 1."""
    try:
        serve()
    except StudyError as error:
        sys.exit(str(error))


def serve() -> None:
    """Serve the study in the current folder until stopped.

    Raises StudyError if the settings, excluded.txt or custom.py have a mistake.
    """
    # psiTurk's module makes sockets co-operative when it is imported, so it comes before
    # any that opens one. It reads the settings, so these are checked first.
    config.load()
    import psiturk.experiment_server
    from gunicorn.errors import HaltServer

    settings = read_study()
    if "STUDY_DASHBOARD" in os.environ:
        from study.server.dashboard import refuse_weak_login

        refuse_weak_login(settings)
    elif settings.study.enable_dashboard:
        raise StudyError(
            "enable_dashboard is on, and with it every participant's page would wait for Amazon.",
            "Set it to false and start the dashboard apart, with `uv run study dashboard`.",
        )
    try:
        psiturk.experiment_server.launch()
    except HaltServer as halt:  # no worker could start; the first has printed why
        sys.exit(halt.exit_status)


def read_study() -> Config:
    """Read everything that the researcher wrote for the server; returns the settings.

    Raises StudyError, with file and line, for a mistake in the settings, excluded.txt or
    custom.py. psiTurk itself would start without custom.py if that imports a module that
    does not exist (psiturk/experiment.py).
    """
    settings = config.load()
    read_excluded(Path())
    sys.path.insert(0, "")  # the study's folder, with custom.py and its modules
    try:
        importlib.import_module("custom")
    except Exception as error:
        raise explain(error) or error from error
    return settings


def explain(error: Exception) -> StudyError | None:
    """Name the line of the researcher's code that failed; None if the mistake is elsewhere."""
    where, message = "", str(error)
    for frame in traceback.extract_tb(error.__traceback__):
        if is_researchers(Path(frame.filename)):
            where = f"{Path(frame.filename).name}, line {frame.lineno}"
    if isinstance(error, SyntaxError) and is_researchers(Path(error.filename or "")):
        where, message = f"{Path(error.filename).name}, line {error.lineno}", error.msg
    remedy = "Correct it there."
    if isinstance(error, ModuleNotFoundError):
        remedy = f"If it is a package: uv add {error.name}. If it is a file of yours: put it here."
    return StudyError(f"{where}: {type(error).__name__}: {message}", remedy) if where else None


def is_researchers(file: Path) -> bool:
    """Whether a file is the researcher's own, neither machinery nor a package."""
    here = Path.cwd()
    return here in file.parents and file.relative_to(here).parts[0] not in (".venv", "machinery")


if __name__ == "__main__":
    main()
