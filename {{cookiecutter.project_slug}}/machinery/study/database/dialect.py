"""How the study reaches PostgreSQL: the dialect of psiTurk's engine, its pool, its connections.

Heroku's ``DATABASE_URL`` starts with ``postgres://``, a name that SQLAlchemy 2 does
not know and that psiTurk needs to see (models.py decides the type of the data column
by it). pyproject.toml registers the dialect below under that name, so the address
works unchanged in the server, in the release phase and in the psiturk shell.
"""

import os
from collections.abc import Mapping

import psycopg
from psycopg import Connection
from sqlalchemy import URL, QueuePool, event
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DisconnectionError

# Heroku's small plans allow 20 connections in all (devcenter.heroku.com/articles/
# heroku-postgres-plans); 4 of them are left for the release phase and for downloads. One
# dyno may use the rest; with more dynos, set the config var (`study check` says to what).
CONNECTIONS = 16
# Of psiTurk's engine: counters of incidents, and the researcher's code. The participants'
# requests have the others (store/statements.py).
ENGINE_CONNECTIONS = 2
SECONDS_TO_WAIT = 10  # for a free connection, or for the server
# How long a broken network can go unnoticed; a participant's browser tries again.
TCP = {"keepalives_idle": 20, "keepalives_interval": 5, "keepalives_count": 3,
       "tcp_user_timeout": 20_000}  # fmt: skip


def connections_per_worker(environment: Mapping[str, str] = os.environ) -> int:
    """How many connections one worker process opens at most, in this environment."""
    # As gunicorn.conf.py decides it.
    workers = environment.get("PSITURK_THREADS") or environment.get("WEB_CONCURRENCY") or "1"
    share = CONNECTIONS // int(workers) if workers.isdecimal() and int(workers) else 0
    given = environment.get("CONNECTIONS_PER_WORKER") or max(4, share)
    return max(int(given), ENGINE_CONNECTIONS + 1)


class WorkersPool(QueuePool):
    """Few connections, each looked at before it is used: Heroku restarts databases."""

    def __init__(self, creator, **options):
        few = {"pool_size": ENGINE_CONNECTIONS, "max_overflow": 0, "timeout": SECONDS_TO_WAIT}
        super().__init__(creator, **few | options)
        event.listen(self, "checkout", refuse_ended)


def refuse_ended(connection: Connection, *_) -> None:
    """Raise DisconnectionError, for which the pool makes a new one, if the server has hung up.

    It says so before it does, so the news is here already: no question to ask, which would
    take as long as a save.
    """
    try:
        for _ in range(2):  # the server's last words, and the end
            connection.pgconn.consume_input()
    except psycopg.OperationalError as error:
        raise DisconnectionError from error


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
