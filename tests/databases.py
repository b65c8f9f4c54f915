"""A study's server on each of the two databases that a study can have.

server   the server of the file's `study`; the file's tests run on PostgreSQL, then on SQLite.
         ``server.sql`` runs a statement on its database
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from server import Server, free_port


@pytest.fixture(scope="module", params=["postgresql", "sqlite"])
def server(request, study, cluster, tmp_path_factory) -> Iterator[Server]:
    if request.param == "postgresql":
        url = cluster.create_database()
        settings = {"DATABASE_URL": url, "ON_CLOUD": "1"}
        sql = partial(cluster.run, database=urlsplit(url).path[1:])
    else:
        database = tmp_path_factory.mktemp("sqlite") / "participants.db"
        settings = {"PSITURK_DATABASE_URL": f"sqlite:///{database}"}
        sql = partial(run_sqlite, database)
    port = free_port()
    with Server(
        study.path, study.python, "-m", "study.server",
        port=port, PSITURK_PORT=str(port), PSITURK_THREADS="2", PSITURK_ERRORLOG="-",
        PSITURK_MAX_RECORD_MB="8", **settings,
    ) as server:  # fmt: skip
        server.sql = sql
        yield server.wait()


def run_sqlite(database: Path, statement: str) -> str:
    """What the statement gives, as psql prints it: a line for each row, values apart by |."""
    with closing(sqlite3.connect(database)) as connection, connection:
        rows = connection.execute(statement).fetchall()
    return "".join("|".join(map(str, row)) + "\n" for row in rows)
