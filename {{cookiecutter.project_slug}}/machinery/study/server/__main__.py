"""Start psiTurk's gunicorn application, or prepare the database for a new version.

    python -m study.server            the ``web`` process of the Procfile, which `study preview`
                                      and `study dashboard` start too
    python -m study.server release    the release phase, its ``release`` line
    python -m study.server check      only says whether the server would start; the preview asks
                                      so before it restarts its own

The host runs the release phase once for each new version, before any server runs that version.
If it fails, the version is discarded and participants keep the one they have.
"""

import importlib
import os
import sys
import traceback
from pathlib import Path

from study import config
from study.excluded import read_excluded
from study.messages import StudyError
from study.provenance import find_commit

# What psiTurk takes from custom.py, and the line that gives it.
NEEDED = {
    "custom_code": 'custom_code = Blueprint("custom_code", __name__)',
    "init_app": "from study.server import init_app",
}


def main() -> None:
    """Do what the command line says, or print why not and exit with 1."""
    config.recognise_host()
    try:
        {"release": prepare_release, "check": check_start}.get(" ".join(sys.argv[1:]), serve)()
    except StudyError as error:
        sys.exit(str(error))


def prepare_release() -> None:
    """Create the tables; print the URL of the database without the password.

    Raises StudyError if the server could not start with these settings and custom.py, or if
    DATABASE_URL is not a PostgreSQL database that accepts us.
    """
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    address = read_study().value("Database Parameters", "database_url")
    remedy = "It must look like postgres://user:password@host/name"
    try:
        url = make_url(address)
    except ArgumentError as error:  # its text holds the URL, and so the password
        raise StudyError("DATABASE_URL is not an address of a database.", remedy) from error
    if url.drivername != "postgres":
        raise StudyError(
            f"DATABASE_URL is an address of {url.drivername}; this study keeps data in Postgres.",
            remedy,
        )
    # These make psiTurk read its settings.
    from psiturk.db import engine

    from study.database.alerts import RELEASE, note_start
    from study.database.participants import utc_now
    from study.database.schema import create_tables

    create_tables()
    note_start(engine, RELEASE, utc_now())
    print(f"Tables and indexes are ready in {url.render_as_string()}")
    print(f"Records will carry the commit {find_commit(Path())}")


def check_start() -> None:
    """Raise StudyError if the server would not start with what the researcher wrote."""
    read_study()
    from study.server.assets import add_pages_to_flask

    add_pages_to_flask()
    try:
        importlib.import_module("psiturk.experiment")  # which calls init_app of custom.py
    except Exception as error:
        raise explain(error) or error from error


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


def read_study() -> config.Config:
    """Read everything that the researcher wrote for the server; returns the settings.

    Raises StudyError, with file and line, for a mistake in the settings, excluded.txt or
    custom.py. psiTurk itself would start without custom.py if that imports a module that
    does not exist (psiturk/experiment.py).
    """
    settings = config.load()
    read_excluded(Path())
    import_custom()
    return settings


def import_custom() -> None:
    """Import custom.py. Raises StudyError with the researcher's line that failed.

    psiTurk itself would run without its `init_app`, and so without the machinery.
    """
    sys.path.insert(0, "")  # the study's folder, with custom.py and its modules
    try:
        custom = importlib.import_module("custom")
    except Exception as error:
        raise explain(error) or error from error
    for name, line in NEEDED.items():
        if not hasattr(custom, name):
            raise StudyError(f"custom.py: {name} is missing.", f"Bring it back: {line}")


def try_custom() -> None:
    """Import custom.py, or print why not and exit with 1: for the checks."""
    try:
        import_custom()
    except StudyError as error:
        sys.exit(str(error))


def explain(error: Exception) -> StudyError | None:
    """Name the line of the researcher's code that failed; None if the mistake is elsewhere."""
    message, remedy = getattr(error, "message", None) or str(error), "Correct it there."
    frames = traceback.extract_tb(error.__traceback__)
    places = [(Path(frame.filename), frame.lineno) for frame in frames]
    if isinstance(error, SyntaxError):
        message = error.msg
        places.append((Path(error.filename or ""), error.lineno))
    if isinstance(error, ModuleNotFoundError):
        remedy = f"If it is a package: uv add {error.name}. If it is a file of yours: put it here."
    own = [f"{find_own(file)}, line {line}" for file, line in places if find_own(file)]
    return StudyError(f"{own[-1]}: {type(error).__name__}: {message}", remedy) if own else None


def find_own(file: Path) -> str:
    """Return the path in the study of a file of the researcher's; empty for any other file."""
    here = Path.cwd()
    file = here / file  # Jinja names templates by relative paths
    if here not in file.parents or not file.is_file():
        return ""
    path = file.relative_to(here)
    return "" if path.parts[0] in (".venv", "machinery") else path.as_posix()


if __name__ == "__main__":
    main()
