"""How the tables come into being.

``python -m study.database`` is the ``release`` line of the Procfile. The host runs it
once for each new version, before any server has that version: if it fails, the version
is not used, and participants keep the one they have.
"""

import sys
import time

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from study.config import is_on_cloud
from study.errors import StudyError
from study.server.launch import read_study

# Heroku gives a server 60 seconds to listen. One that ends instead is started again at once,
# and if it ends again, 20 minutes later (devcenter.heroku.com/articles/dynos).
SECONDS_TO_WAIT = 40


def create_tables() -> None:
    """Create the tables and indexes that psiTurk and this study need, where they are missing.

    Raises StudyError if the database does not let us in.
    """
    from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
    from psiturk.db import config, engine, init_db

    from study.database import schema

    try:
        init_db()
        jobs = config.get("Database Parameters", "jobs_table_name")
        SQLAlchemyJobStore(engine=engine, tablename=jobs).jobs_t.create(engine, checkfirst=True)
        with engine.begin() as connection:
            schema.prepare(connection)
    except DBAPIError as error:
        reason = str(error.orig).strip().splitlines()[0]
        raise StudyError(
            f"The database at {engine.url.host or engine.url.database} cannot be used: {reason}",
            "If the database is new or being repaired, deploy again in some minutes. "
            "Otherwise correct DATABASE_URL.",
        ) from error
    finally:
        engine.dispose()  # no connection stays open for workers to inherit


def create_tables_at_start() -> None:
    """Create them before a server has workers; exits if its database stays away.

    psiTurk does it in each worker process at once, and on an empty database two workers can
    collide. A host restarts databases and servers, and may do both at once.
    """
    deadline = time.monotonic() + SECONDS_TO_WAIT * is_on_cloud()
    while True:
        try:
            return create_tables()
        except StudyError as error:
            if time.monotonic() > deadline:
                sys.exit(f"\n{error}")
            print(f"{error.cause} Trying again.", flush=True)
            time.sleep(2)


def prepare_release() -> str:
    """Make the database ready for a new version; returns the address without its password.

    Raises StudyError if the settings or custom.py would not let the server start, if they
    lead to no database that keeps data, or if that database does not let us in.
    """
    if not is_on_cloud():
        raise StudyError(
            "ON_CLOUD is not set, so the server would listen where nobody can reach it "
            "and keep its data in a file that the next restart deletes.",
            "Set it: heroku config:set ON_CLOUD=1",
        )
    address = read_study().value("Database Parameters", "database_url")
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
    create_tables()
    return url.render_as_string()


def main() -> None:
    """Prepare a release, or say why not and exit with 1."""
    try:
        print(f"Tables and indexes are there, in {prepare_release()}")
    except StudyError as error:
        sys.exit(f"\n{error}")
