"""What this study adds to psiTurk's tables, and how it comes into being.

``participants`` is psiTurk's own table (models.py) with two more columns, which psiTurk
does not see: ``record_version`` orders the saves of a record, ``ending`` says how somebody
ended who did not complete. The other tables are ours alone.
"""

import secrets

from psiturk.models import Participant
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Date,
    DateTime,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    inspect,
    literal_column,
    select,
)
from sqlalchemy.schema import CreateIndex

from study.database.triggers import count_from_now_on
from study.statuses import FINISHED

metadata = MetaData()

participants: Table = Participant.__table__
ADDED = (
    Column("record_version", BigInteger, nullable=False, server_default="0"),
    Column("ending", String(32)),
)
for _column in ADDED:
    participants.append_column(_column)

# Written into statements, not sent beside them, so that the database recognises its index.
FINISHED_WRITTEN = [literal_column(str(status)) for status in FINISHED]

INDEXES = (
    # psiTurk looks a worker's rows up on every visit and has no index for it.
    Index(f"{participants.name}_workerid", participants.c.workerid),
    # Those who might still finish: few, however many have taken part.
    Index(
        f"{participants.name}_unfinished",
        participants.c.beginhit,
        postgresql_where=participants.c.status.not_in(FINISHED),
        sqlite_where=participants.c.status.not_in(FINISHED),
    ),
)

keys = Table(
    "study_keys",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", String(128), nullable=False),
)
counts = Table(  # finished participants, kept by triggers
    "study_counts",
    metadata,
    Column("codeversion", String(128), primary_key=True),
    Column("mode", String(128), primary_key=True),
    Column("cond", Integer, primary_key=True, autoincrement=False),
    Column("counterbalance", Integer, primary_key=True, autoincrement=False),
    Column("finished", Integer, nullable=False),
)
incidents = Table(
    "study_incidents",
    metadata,
    Column("kind", String(32), primary_key=True),
    Column("day", Date, primary_key=True),  # UTC
    Column("count", Integer, nullable=False),
)
bonuses = Table(
    "study_bonuses",
    metadata,
    Column("uniqueid", String(128), primary_key=True),
    Column("amount", Float, nullable=False),
    Column("currency", String(8), nullable=False),
    Column("exported", DateTime, nullable=False),  # UTC
)
spare_records = Table(  # what an older window sent after a newer one had taken over
    "study_spare_records",
    metadata,
    Column("uniqueid", String(128), primary_key=True),
    Column("writer", Integer, primary_key=True, autoincrement=False),
    Column("received", DateTime, nullable=False),  # UTC
    Column("reason", String(32), nullable=False),
    Column("datastring", Text, nullable=False),
)


def prepare(connection: Connection) -> None:
    """Create what is missing, in a database that psiTurk has made its tables in.

    Run in the release phase and when a server starts; doing it again changes nothing.
    """
    there = {column["name"] for column in inspect(connection).get_columns(participants.name)}
    for column in ADDED:
        if column.name not in there:
            _add(connection, column)
    for index in INDEXES:
        connection.execute(CreateIndex(index, if_not_exists=True))
    is_counting = inspect(connection).has_table(counts.name)
    metadata.create_all(connection)
    if not is_counting:
        count_from_now_on(connection, participants, counts)
    if not connection.scalar(select(keys.c.value).where(keys.c.name == "secret")):
        connection.execute(keys.insert().values(name="secret", value=secrets.token_hex(32)))


def secret_key(connection: Connection, configured: str) -> str:
    """The key of this study: psiTurk's setting secret_key, or the one in the database.

    The database's own is for a preview, and for a server whose config var was forgotten.
    """
    return configured or connection.scalar(select(keys.c.value).where(keys.c.name == "secret"))


def _add(connection: Connection, column: Column) -> None:
    dialect = connection.dialect
    described = dialect.ddl_compiler(dialect, None).get_column_specification(column)
    table = dialect.identifier_preparer.format_table(participants)
    # Several dynos may start at once; PostgreSQL can tell whether another was faster.
    unless = "IF NOT EXISTS " if dialect.name == "postgresql" else ""
    connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {unless}{described}")
