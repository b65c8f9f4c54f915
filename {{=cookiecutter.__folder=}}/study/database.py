"""How the tables come into being.

``python -m study.database`` is the ``release`` line of the Procfile. The host runs it
once for each new version, before any server has that version: if it fails, the version
is not used, and participants keep the one they have.
"""

import os
import sys

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from study import settings
from study.errors import StudyError


def create_tables() -> None:
    """Create the tables and indexes that psiTurk and this study need, where they are missing.

    psiTurk does this in each worker process at once, and on an empty database two
    workers can collide. Called in the parent process, before workers exist; no
    connection stays open for them to inherit.
    """
    from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
    from psiturk.db import config, engine, init_db

    from study.store import tables

    init_db()
    jobs = config.get("Database Parameters", "jobs_table_name")
    SQLAlchemyJobStore(engine=engine, tablename=jobs).jobs_t.create(engine, checkfirst=True)
    with engine.begin() as connection:
        tables.prepare(connection)
    engine.dispose()


def prepare_release() -> str:
    """Make the database ready for a new version; returns the address without its password.

    Raises StudyError if the settings lead to no database that keeps data, or if that
    database does not let us in.
    """
    if not {"ON_CLOUD", "ON_HEROKU"} & set(os.environ):
        raise StudyError(
            "ON_CLOUD is not set, so the server would listen where nobody can reach it "
            "and keep its data in a file that the next restart deletes.",
            "Set it: heroku config:set ON_CLOUD=1",
        )
    address = settings.load().get("Database Parameters", "database_url")
    try:
        url = make_url(address)
    except ArgumentError as error:  # its text holds the address, and that the password
        raise StudyError(
            "DATABASE_URL is not an address of a database.",
            "It must look like postgres://user:password@host/name",
        ) from error
    if url.drivername != "postgres":
        raise StudyError(
            f"DATABASE_URL is an address of {url.drivername}; this study keeps data in Postgres.",
            "It must look like postgres://user:password@host/name",
        )
    try:
        create_tables()
    except DBAPIError as error:
        reason = str(error.orig).strip().splitlines()[0]
        raise StudyError(
            f"The database at {url.host} cannot be used: {reason}",
            "If the database is new or being repaired, deploy again in some minutes. "
            "Otherwise correct DATABASE_URL.",
        ) from error
    return url.render_as_string()


if __name__ == "__main__":
    try:
        print(f"Tables and indexes are there, in {prepare_release()}")
    except StudyError as error:
        sys.exit(f"\n{error}")
