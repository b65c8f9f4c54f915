"""The tables of the study, and how they are created.

``participants`` is psiTurk's own table (psiturk/models.py) with two more columns, which psiTurk
ignores: ``record_version`` orders the saves of a record, ``ending`` says why a participant
ended without completing. Importing this module makes psiTurk read its settings.
"""

import re
import secrets
import sys
import time
from pathlib import Path

import sqlalchemy as sa
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from psiturk import db
from psiturk.models import Participant
from sqlalchemy import Column, Connection, Integer, String, Table, inspect, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateColumn, CreateIndex

from study import statuses
from study.config import is_on_cloud
from study.messages import StudyError

# Heroku gives a server 60 seconds to listen. One that exits instead is restarted at once, and
# if it exits again, after 20 minutes (devcenter.heroku.com/articles/dynos).
SECONDS_TO_WAIT = 40

metadata = sa.MetaData()

participants: Table = Participant.__table__
ADDED_COLUMNS = (
    Column("record_version", sa.BigInteger, nullable=False, server_default="0"),
    Column("ending", String(32)),
)
for _column in ADDED_COLUMNS:
    participants.append_column(_column)
INDEXES = (
    # psiTurk looks up a worker's rows on every visit and has no index for it.
    sa.Index(f"{participants.name}_workerid", participants.c.workerid),
    # Recent arrivals may still finish; their number does not grow with the study.
    sa.Index(f"{participants.name}_beginhit", participants.c.beginhit),
)

keys = Table(
    "study_keys",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", String(128), nullable=False),
)
# For previews, and for servers whose config var was forgotten.
SECRET = select(keys.c.value).where(keys.c.name == "secret")
incidents = Table(
    "study_incidents",
    metadata,
    Column("kind", String(32), primary_key=True),
    Column("day", sa.Date, primary_key=True),  # UTC
    Column("count", Integer, nullable=False),
)
bonuses = Table(
    "study_bonuses",
    metadata,
    Column("uniqueid", String(128), primary_key=True),
    Column("amount", sa.Float, nullable=False),
    Column("currency", String(8), nullable=False),
    Column("exported", sa.DateTime, nullable=False),  # UTC
)
superseded_records = Table(  # sent by a window after a newer window had taken over
    "study_superseded_records",
    metadata,
    Column("uniqueid", String(128), primary_key=True),
    Column("writer", Integer, primary_key=True, autoincrement=False),  # the window's number
    Column("received", sa.DateTime, nullable=False),  # UTC
    Column("reason", String(32), nullable=False),
    Column("datastring", sa.Text, nullable=False),
)
# Finished participants per cell. A table kept by a trigger on PostgreSQL, a view on SQLite.
counts = Table(
    "study_counts",
    sa.MetaData(),
    Column("codeversion", String(128), primary_key=True),
    Column("mode", String(128), primary_key=True),
    Column("cond", Integer, primary_key=True, autoincrement=False),
    Column("counterbalance", Integer, primary_key=True, autoincrement=False),
    Column("finished", Integer, nullable=False),
)

TABLE = db.engine.dialect.identifier_preparer.format_table(participants)
# What is read of a participant's row apart from the record.
COLUMNS = (
    "uniqueid, assignmentid, workerid, hitid, cond, counterbalance, status, mode, bonus, ending, "
    "record_version, datastring IS NOT NULL AS saved"
)
TYPES = {"now": sa.DateTime, "since": sa.DateTime, "day": sa.Date}  # of values that need one


def read_sql(file: str, **names: str) -> str:
    """Return the SQL in a file of this folder, for psiTurk's table and with its statuses."""
    text = (Path(__file__).parent / file).read_text(encoding="utf-8")
    return text.format(table=TABLE, columns=COLUMNS, **vars(statuses), **names)


def read_statements(file: str) -> dict[str, sa.TextClause]:
    """Return the statements of such a file by the names that stand above them."""
    _, *parts = re.split(r"^-- name: (\w+)\n", read_sql(file), flags=re.MULTILINE)
    statements = {}
    for name, sql in zip(parts[::2], parts[1::2], strict=True):
        typed = [sa.bindparam(key, type_=kind) for key, kind in TYPES.items() if f":{key}" in sql]
        statements[name] = sa.text(sql).bindparams(*typed)
    return statements


def create_tables() -> None:
    """Create psiTurk's tables and the study's, where they are missing.

    Raises StudyError if the database does not accept us.
    """
    try:
        db.init_db()
        jobs = db.config.get("Database Parameters", "jobs_table_name")
        SQLAlchemyJobStore(engine=db.engine, tablename=jobs).jobs_t.create(
            db.engine, checkfirst=True
        )
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
    existing = {column["name"] for column in inspect(connection).get_columns(participants.name)}
    for column in ADDED_COLUMNS:
        if column.name not in existing:
            definition = CreateColumn(column).compile(dialect=connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {TABLE} ADD COLUMN {definition}")
    for index in INDEXES:
        connection.execute(CreateIndex(index, if_not_exists=True))
    metadata.create_all(connection)
    if not connection.scalar(SECRET):
        connection.execute(keys.insert().values(name="secret", value=secrets.token_hex(32)))
    if inspect(connection).has_table(counts.name):
        return
    count = read_sql("finished.sql")
    if connection.dialect.name == "sqlite":  # of previews and labs, with few participants
        connection.exec_driver_sql(f"CREATE VIEW {counts.name} AS {count}")
        return
    counts.create(connection)
    connection.exec_driver_sql(read_sql("counting.sql", count=count))
