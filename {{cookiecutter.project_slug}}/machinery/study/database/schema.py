"""The tables of the study, and how they are created.

psiTurk's own table of participants (psiturk/models.py) gets more columns, which psiTurk
ignores: ``record_version`` orders the saves of a record, ``ending`` says why a participant
ended without completing, ``owner`` is the browser that has the record, ``first_saved`` the time of
its first save, ``last_saved`` that of the last one in the record, ``last_place`` the page or block
that it came from, ``commit`` and ``machinery`` the code under which it was made. The other files of
this folder hold the SQL. Importing this module makes psiTurk read its settings.
"""

import re
import secrets
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from psiturk import db
from psiturk.models import Participant
from sqlalchemy import Connection, inspect
from sqlalchemy.exc import DBAPIError

from study import statuses
from study.config import is_on_cloud
from study.database.engine import LOCK
from study.messages import StudyError
from study.provenance import UNKNOWN

# Heroku gives a server 60 seconds to listen. One that exits instead is restarted at once, and
# if it exits again, after 20 minutes (devcenter.heroku.com/articles/dynos).
SECONDS_TO_WAIT = 40

NAME = Participant.__tablename__
TABLE = db.engine.dialect.identifier_preparer.quote(NAME)
ADDED_COLUMNS = {
    "record_version": "BIGINT DEFAULT 0 NOT NULL",
    "ending": "VARCHAR(32)",
    "owner": "VARCHAR(32)",
    "first_saved": "TIMESTAMP",
    "last_saved": "TIMESTAMP",
    "last_place": "VARCHAR(64)",
    "commit": "TEXT",  # a keyword of SQL, so always in quotes
    "machinery": "TEXT",
}
# What is read of a participant's row apart from the record. SQLite 3.40 says of each column of a
# row that an INSERT returns that it is not null, so `saved` is no word about a new row.
COLUMNS = (
    "uniqueid, assignmentid, workerid, hitid, cond, counterbalance, status, mode, bonus, ending, "
    "owner, record_version, (first_saved IS NOT NULL OR datastring IS NOT NULL) AS saved, "
    f"coalesce(ending, '') <> '' OR status IN {statuses.FINISHED} AS has_ended, "
    "beginhit, beginexp, endhit"
)
TIMES = dict.fromkeys(("beginhit", "beginexp", "endhit"), sa.DateTime)  # which SQLite keeps as text
MOMENTS = ("now", "since", "lately", "earliest", "ends")
TYPES = dict.fromkeys(MOMENTS, sa.DateTime) | {"day": sa.Date}
# Where a participant counts, as the key of study_cells. Version 0.1.0 sets no first_saved.
CELL = f"""{{row}}codeversion, {{row}}mode,
  CASE WHEN {{row}}status IN {statuses.FINISHED} THEN 'finished'
    WHEN {{row}}first_saved IS NOT NULL OR {{row}}datastring IS NOT NULL THEN 'saved'
    ELSE 'arrived' END,
  CASE WHEN {{row}}status IN {statuses.FINISHED} THEN '1970-01-01' ELSE {{minute}} END,
  {{row}}cond, {{row}}counterbalance"""


IS_OPEN = f"ending IS NULL AND status NOT IN {statuses.FINISHED}"  # the participation goes on
MAY_SAVE = f"{IS_OPEN} AND owner = :owner AND beginhit > :earliest"  # and this browser owns it
HAS_ENTRIES = "EXISTS (SELECT 1 FROM study_entries WHERE uniqueid = :uid) AS has_entries"
# A record that goes on under another code names that one too, after a space. Those of an older
# machinery have no value.
GOES_ON = ", ".join(
    f"""{column} = CASE WHEN ' ' || coalesce({column}, '{UNKNOWN}') LIKE '% ' || :{name}
    THEN {column} ELSE coalesce({column}, '{UNKNOWN}') || ' ' || :{name} END"""
    for name, column in (("commit", '"commit"'), ("machinery", "machinery"))
)
# What the dialects do not share. SQLite has one writer at a time.
DIALECTS = {
    "postgresql": {
        "for_share": f"FOR SHARE OF {TABLE}",
        "for_update": "FOR UPDATE",
        "octet_length": "octet_length",
        "position": "strpos",
        "newline": "chr(10)",
        "bytes": "BYTEA",
    },
    "sqlite": {
        "for_share": "",
        "for_update": "",
        "octet_length": "length",
        "position": "instr",
        "newline": "char(10)",
        "bytes": "BLOB",
    },
}


def read_sql(file: str, **names: str) -> str:
    """Return the SQL in a file of this folder, for psiTurk's table and with its statuses."""
    text = (Path(__file__).parent / file).read_text(encoding="utf-8")
    names |= DIALECTS["sqlite" if db.engine.dialect.name == "sqlite" else "postgresql"]
    fixed = {"name": NAME, "table": TABLE, "columns": COLUMNS, "IS_OPEN": IS_OPEN}
    fixed |= {"MAY_SAVE": MAY_SAVE, "has_entries": HAS_ENTRIES, "GOES_ON": GOES_ON}
    return text.format(**fixed, **vars(statuses), **names)


def _read_statements() -> Iterator[tuple[str, sa.Executable]]:
    _, *parts = re.split(r"^-- name: (\w+)\n", read_sql("statements.sql"), flags=re.MULTILINE)
    for name, sql in zip(parts[::2], parts[1::2], strict=True):
        typed = [sa.bindparam(key, type_=kind) for key, kind in TYPES.items() if f":{key}" in sql]
        statement = sa.text(sql).bindparams(*typed)
        yield name, statement.columns(**TIMES) if COLUMNS in sql else statement


SQL = dict(_read_statements())


def create_tables() -> None:
    """Create psiTurk's tables and the study's, where they are missing.

    Raises StudyError if the database does not accept us.
    """
    try:
        db.init_db()
        jobs = db.config.get("Database Parameters", "jobs_table_name")
        store = SQLAlchemyJobStore(engine=db.engine, tablename=jobs)
        store.jobs_t.create(db.engine, checkfirst=True)
        with db.engine.begin() as connection:
            _create_own_tables(connection)
    except DBAPIError as error:
        url, reason = db.engine.url, str(error.orig).strip().splitlines()[0]
        raise StudyError(
            f"The database at {url.host or url.database} cannot be used: {reason}",
            "If the database is new or being repaired, deploy again in a few minutes. "
            "Otherwise correct DATABASE_URL.",
        ) from error
    finally:
        db.engine.dispose()  # workers must not inherit an open connection


def create_tables_at_start() -> None:
    """Create the tables before a server forks its workers; exit if the database stays away.

    psiTurk does so in each worker at once, and on an empty database two workers can collide.
    A host may restart its databases and servers at the same time.
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


def _create_own_tables(connection: Connection) -> None:
    is_postgres = connection.dialect.name == "postgresql"
    if is_postgres:
        connection.execute(LOCK, {"silence": "0"})  # nobody may hold half of what is locked here
    existing = {column["name"] for column in inspect(connection).get_columns(NAME)}
    for column, kind in ADDED_COLUMNS.items():
        if column not in existing:
            connection.exec_driver_sql(f'ALTER TABLE {TABLE} ADD COLUMN "{column}" {kind}')
    had_indexes = is_postgres and _count_indexes(connection)
    for statement in read_sql("tables.sql").split(";"):
        connection.exec_driver_sql(statement)
    if is_postgres and _count_indexes(connection) > had_indexes and _has_rows(connection):
        # Without it, PostgreSQL reads all of a large table for what the index would find.
        connection.exec_driver_sql(f"ANALYZE {TABLE}")
    connection.execute(SQL["make_key"], {"value": secrets.token_hex(32)})
    if not inspect(connection).has_table("study_cells"):
        _create_counts(connection)


def _count_indexes(connection: Connection) -> int:
    return len(inspect(connection).get_indexes(NAME))


def _has_rows(connection: Connection) -> bool:
    return bool(connection.exec_driver_sql(f"SELECT 1 FROM {TABLE} LIMIT 1").first())


def _create_counts(connection: Connection) -> None:
    """Create study_cells: on PostgreSQL a table, on SQLite a view, as labs have few participants.

    A table of version 0.1.0 becomes a view, which servers of that version read until they are
    replaced.
    """
    if connection.dialect.name == "sqlite":
        cell = CELL.format(row="", minute="beginhit")
        connection.exec_driver_sql(
            "CREATE VIEW study_cells (codeversion, mode, state, minute, cond, counterbalance, "
            f"number) AS SELECT {cell}, 1 FROM {TABLE}"
        )
        return
    had_counts = inspect(connection).has_table("study_counts")
    rows = {"each": "", "old": "OLD.", "new": "NEW."}
    cells = {
        name: CELL.format(row=row, minute=f"date_trunc('minute', {row}beginhit)")
        for name, row in rows.items()
    }
    connection.exec_driver_sql(read_sql("counting.sql", **cells))
    if had_counts:
        connection.exec_driver_sql(
            "CREATE VIEW study_counts AS SELECT codeversion, mode, cond, counterbalance, "
            "number AS finished FROM study_cells WHERE state = 'finished'"
        )
