"""How psiTurk reaches its database, and how the tables come into being.

Heroku's ``DATABASE_URL`` starts with ``postgres://``, a name that SQLAlchemy 2 does
not know and that psiTurk needs to see (models.py decides the type of the data column
by it). pyproject.toml registers the dialect below under that name, so the address
works unchanged in the server, in the release phase and in the psiturk shell.
"""

from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg


class PostgresDialect(PGDialect_psycopg):
    """PostgreSQL through psycopg 3, under the name that Heroku uses."""

    supports_statement_cache = True  # SQLAlchemy asks every class to say so itself


def create_tables() -> None:
    """Create the tables that psiTurk needs, where they are missing.

    psiTurk does this in each worker process at once, and on an empty database two
    workers can collide. Called in the parent process, before workers exist; no
    connection stays open for them to inherit.
    """
    from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
    from psiturk.db import config, engine, init_db

    init_db()
    jobs = config.get("Database Parameters", "jobs_table_name")
    SQLAlchemyJobStore(engine=engine, tablename=jobs).jobs_t.create(engine, checkfirst=True)
    engine.dispose()
