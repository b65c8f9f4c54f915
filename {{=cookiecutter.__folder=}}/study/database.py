"""How psiTurk reaches its database, and how the tables come into being.

Heroku's ``DATABASE_URL`` starts with ``postgres://``, a name that SQLAlchemy 2 does
not know and that psiTurk needs to see (models.py decides the type of the data column
by it). pyproject.toml registers the dialect below under that name, so the address
works unchanged in the server, in the release phase and in the psiturk shell.

``python -m study.database`` is the ``release`` line of the Procfile. The host runs it
once for each new version, before any server has that version: if it fails, the version
is not used, and participants keep the one they have.
"""

import os
import sys

from sqlalchemy import URL, QueuePool, make_url
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import ArgumentError, DBAPIError

from study import settings
from study.errors import StudyError

# Heroku's small plans allow 20 connections in all (devcenter.heroku.com/articles/
# heroku-postgres-plans). With 4 for each worker process, two workers on each of two dynos
# take 16 and leave 4 for downloads and the release phase. A request needs one for some
# milliseconds, so more would not serve more people.
CONNECTIONS_PER_WORKER = int(os.environ.get("CONNECTIONS_PER_WORKER", "4"))
SECONDS_TO_WAIT = 10  # for a free connection, or for the server
# How long a broken network can go unnoticed; a participant's browser tries again.
TCP = {"keepalives_idle": 20, "keepalives_interval": 5, "keepalives_count": 3,
       "tcp_user_timeout": 20_000}  # fmt: skip


class WorkersPool(QueuePool):
    """Few connections, tried before each use: Heroku restarts databases for maintenance."""

    def __init__(self, creator, **options):
        few = {"pool_size": CONNECTIONS_PER_WORKER, "max_overflow": 0, "timeout": SECONDS_TO_WAIT}
        super().__init__(creator, **options | few | {"pre_ping": True})


class PostgresDialect(PGDialect_psycopg):
    """PostgreSQL through psycopg 3, under the name that Heroku uses."""

    supports_statement_cache = True  # SQLAlchemy asks every class to say so itself

    @classmethod
    def get_pool_class(cls, url: URL) -> type[QueuePool]:
        """The pool of psiTurk's engine, which psiTurk gives no way to configure (db.py)."""
        return WorkersPool

    def create_connect_args(self, url: URL):
        """Add what psiTurk leaves to the server's settings.

        It stores UTC in columns without a zone, which PostgreSQL converts to the zone of
        the session: in New York, everybody would have come five hours early.
        """
        arguments, options = super().create_connect_args(url)
        asked = options.get("options", "")
        options["options"] = f"{asked} -c timezone=UTC".strip()
        return arguments, {"connect_timeout": SECONDS_TO_WAIT, **TCP, **options}


def create_tables() -> None:
    """Create the tables and indexes that psiTurk and this study need, where they are missing.

    psiTurk does this in each worker process at once, and on an empty database two
    workers can collide. Called in the parent process, before workers exist; no
    connection stays open for them to inherit.
    """
    from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
    from psiturk.db import config, engine, init_db

    from study import tables

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
