"""The release phase: ``python -m study.server.release``, the ``release`` line of the Procfile.

The host runs it once for each new version, before any server runs that version. If it fails,
the version is discarded and participants keep the one they have.
"""

import sys

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from study.config import is_on_cloud
from study.messages import StudyError
from study.server.__main__ import read_study


def prepare_release() -> str:
    """Prepare the database for a new version; return its URL without the password.

    Raises StudyError if the server could not start with these settings and custom.py, or if
    DATABASE_URL is not a PostgreSQL database that accepts us.
    """
    if not is_on_cloud():
        raise StudyError(
            "ON_CLOUD is not set, so the server would listen where nobody can reach it "
            "and keep its data in a file that the next restart deletes.",
            "Set it: heroku config:set ON_CLOUD=1",
        )
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
    from study.database.schema import create_tables  # psiTurk reads the settings on import

    create_tables()
    return url.render_as_string()


def main() -> None:
    """Prepare a release, or print why it failed and exit with 1."""
    try:
        print(f"Tables and indexes are ready in {prepare_release()}")
    except StudyError as error:
        sys.exit(f"\n{error}")


if __name__ == "__main__":
    main()
