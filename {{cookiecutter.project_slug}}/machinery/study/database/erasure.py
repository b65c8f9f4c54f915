"""Deletes participants from the database: every row of theirs, in one transaction.

Their row goes first. A save holds its lock until it is committed (add_entries and set_aside in
statements.sql), so it is either there when the other tables are cleared, or finds no row and
stores nothing. The trigger of study_cells takes them out of the counts.
"""

import secrets
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import Connection, Table
from sqlalchemy.exc import SQLAlchemyError

from study import signing
from study.database.engine import LOCK
from study.database.reader import Participants, unreadable

BONUSES, MARKS = "study_bonuses", "study_erased"
# For which a browser keeps its cookie and what it could not send (client/journal.js).
REMEMBERED = timedelta(days=31)
NOBODY = "erased-"  # what the names begin with under which the ledger keeps what was paid
LONG = 8  # characters of a name that is looked for inside texts: shorter ones are everywhere
Whom = Collection[str] | None  # their uniqueids; None: everybody


def find_tables(participants: Participants) -> dict[str, Table]:
    """Return the tables with rows of participants: psiTurk's, then the study's own.

    Raises StudyError if the database cannot be read.
    """
    if participants.table is None:
        return {}
    own = {
        name: participants.own_table(name)
        for name in sorted(_list_tables(participants))
        if name.startswith("study_")
    }
    own = {name: table for name, table in own.items() if "uniqueid" in table.c}
    return {participants.table.name: participants.table} | own


def count_rows(participants: Participants, whom: Whom) -> dict[str, int]:
    """Return how many rows of theirs each table has, if any. Raises StudyError."""
    if not (tables := find_tables(participants)):
        return {}
    with participants.snapshot() as connection:
        counts = {
            name: connection.scalar(sa.select(sa.func.count()).where(_is_of(table, whom)))
            for name, table in tables.items()
        }
    return {name: number for name, number in counts.items() if number}


def delete_rows(participants: Participants, whom: Whom, key: str) -> None:
    """Delete their rows. What was paid to them stays in the ledger, under no name.

    ``key`` is the study's secret key. Raises StudyError; then nothing was deleted.
    """
    people, *others = find_tables(participants).values()
    marks = participants.own_table(MARKS)  # None in a database of an older version
    returned = [column for column in people.c if column.name in ("uniqueid", "owner")]
    try:
        with participants.engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(LOCK, {"silence": "0"})  # both change several of the counts
            else:  # overwrite what is deleted
                connection.exec_driver_sql("PRAGMA secure_delete = ON")
            gone = sa.delete(people).where(_is_of(people, whom))
            rows = connection.execute(gone.returning(*returned)).mappings().all()
            for table in others:
                if table.name == BONUSES:
                    _unname(connection, table, whom)
                else:
                    connection.execute(sa.delete(table).where(_is_of(table, whom)))
            if marks is not None:
                had = [(row["owner"], row["uniqueid"]) for row in rows if row.get("owner")]
                _leave_marks(connection, marks, [signing.erasure_mark(key, *each) for each in had])
    except SQLAlchemyError as error:
        raise unreadable(error) from error


def _is_of(table: Table, whom: Whom) -> sa.ColumnElement[bool]:
    named = table.c.uniqueid.not_like(f"{NOBODY}%")
    return named if whom is None else table.c.uniqueid.in_(whom)


def _unname(connection: Connection, ledger: Table, whom: Whom) -> None:
    whose = sa.select(ledger.c.uniqueid).where(_is_of(ledger, whom))
    for uniqueid in connection.scalars(whose).all():
        query = sa.update(ledger).where(ledger.c.uniqueid == uniqueid)
        connection.execute(query.values(uniqueid=f"{NOBODY}{secrets.token_hex(8)}"))


def _leave_marks(connection: Connection, marks: Table, new: Collection[str]) -> None:
    """Leave word for the browsers that had the records, while they keep anything of them."""
    today = datetime.now(UTC).date()
    old = (marks.c.day < today - REMEMBERED) | marks.c.mark.in_(new)
    connection.execute(sa.delete(marks).where(old))
    if new:
        connection.execute(sa.insert(marks), [{"mark": mark, "day": today} for mark in new])


def clear_remains(participants: Participants) -> bool:
    """Let the database forget what it keeps of deleted rows; return whether it could.

    SQLite has them in free parts of its file; PostgreSQL in dead rows, which no query reads, and
    in its statistics.
    """
    try:
        with participants.engine.connect() as connection:
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("VACUUM")
                return True
            quoted = connection.dialect.identifier_preparer.format_table
            for table in find_tables(participants).values():
                connection.exec_driver_sql(f"VACUUM (ANALYZE) {quoted(table)}")
        return True
    except SQLAlchemyError:  # somebody else uses the file; the rows are deleted all the same
        return False


def search(participants: Participants, names: Collection[str]) -> Iterator[tuple[str, int]]:
    """Yield the columns, of any table, whose texts still have one of the names, and how often.

    Raises StudyError.
    """
    names = [name for name in names if len(name) >= LONG]
    if participants.table is None or not names:
        return
    tables = map(participants.own_table, sorted(_list_tables(participants)))
    with participants.snapshot() as connection:
        for column in (column for table in tables for column in table.c):
            if isinstance(column.type, sa.LargeBinary | sa.Numeric | sa.Integer):
                continue
            text = sa.cast(column, sa.Text)
            has_name = sa.or_(*(text.contains(name, autoescape=True) for name in names))
            if number := connection.scalar(sa.select(sa.func.count()).where(has_name)):
                yield f"{column.table.name}.{column.name}", number


def _list_tables(participants: Participants) -> list[str]:
    try:
        return sa.inspect(participants.engine).get_table_names()
    except SQLAlchemyError as error:
        raise unreadable(error) from error
