"""psiTurk's table of participants, as it is at one moment, in PostgreSQL or SQLite.

Every value comes as its text in UTF-8, or None. SQLAlchemy stays out of this: importing it
and having it translate takes longer than reading a thousand participants.
"""

import json
import re
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from study.config import Config
from study.errors import StudyError
from study.text import mask_passwords

SECONDS_TO_CONNECT = 10
# Whatever the server and this machine are set to.
OPTIONS = "-c timezone=UTC -c datestyle=ISO -c statement_timeout=0"
DATABASE_ERRORS = (psycopg.Error, sqlite3.Error)


@dataclass(frozen=True)
class Source:
    """Where the table is. ``address`` may hold a password."""

    address: str
    table: str

    @classmethod
    def of(cls, settings: Config) -> "Source":
        """Where these settings lead."""
        section = "Database Parameters"
        return cls(settings.value(section, "database_url"), settings.value(section, "table_name"))

    @property
    def place(self) -> str:
        """The address without the password."""
        return mask_passwords(self.address)

    @property
    def is_resumable(self) -> bool:
        """Whether the database tells what has changed since."""
        return not self.address.startswith("sqlite:")

    @contextmanager
    def open(self) -> Iterator["Reader"]:
        """The table as it is now, whoever writes meanwhile.

        Raises StudyError if the database cannot be read to the end.
        """
        try:
            reader = self.connect()
            try:
                yield reader
            finally:
                reader.connection.close()
        except DATABASE_ERRORS as error:
            told = str(error).strip().splitlines()[:1]
            raise StudyError(
                f"The database could not be read: {told[0] if told else type(error).__name__}.",
                "If it was just made, wait a minute. Its state: heroku pg:info",
            ) from error

    def connect(self, snapshot: str = "") -> "Reader":
        """A reader, which sees what the reader that told its snapshot sees."""
        return (PostgreSQL if self.is_resumable else SQLite)(self, snapshot)


class Reader(ABC):
    """One connection. In statements, ``%s`` stands for a parameter."""

    connection: Any
    # What changes with every change of a row; None if the database tells nothing like that.
    version: str | None
    # The bytes of a record, told without reading it.
    size: str
    # A table ``chosen`` of ids and their places, from one parameter.
    chosen: str
    # Other readers that see the same: what to tell them, or empty.
    snapshot = ""

    def __init__(self, source: Source):
        self.table = quoted(source.table)

    @abstractmethod
    def rows(self, statement: str, *parameters: Any) -> Iterator[tuple[bytes | None, ...]]:
        """What a query gives, one row after the other. Its columns must be texts."""

    @abstractmethod
    def columns(self, table: str = "") -> list[str]:
        """The names of a table's columns (by default, psiTurk's); none if there is no table."""

    def of(self, ids: list[str], columns: list[str]) -> Iterator[tuple[bytes | None, ...]]:
        """These columns of these participants, in the order of their ids."""
        texts = ", ".join(as_text(quoted(column)) for column in columns)
        return self.rows(
            f"select {texts} from {self.chosen} join {self.table} on uniqueid = id order by place",
            self.many(ids),
        )

    @abstractmethod
    def many(self, ids: list[str]) -> Any:
        """Ids as the one parameter of ``chosen``."""


class PostgreSQL(Reader):
    # The transaction that wrote the row, and where: not the same twice.
    version = "xmin::text || ' ' || ctid::text"
    size = "octet_length(datastring)"
    chosen = "unnest(cast(%s as text[])) with ordinality as chosen(id, place)"

    def __init__(self, source: Source, snapshot: str = ""):
        super().__init__(source)
        self.connection = psycopg.connect(
            source.address, connect_timeout=SECONDS_TO_CONNECT, options=OPTIONS,
            client_encoding="utf8",
        )  # fmt: skip
        self.connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        self.connection.read_only = True
        if snapshot:
            self.connection.execute(f"set transaction snapshot '{snapshot}'")
        else:
            (self.snapshot,) = self.connection.execute("select pg_export_snapshot()").fetchone()

    def rows(self, statement, *parameters):
        # COPY: the server sends all rows without being asked for each, and as they are stored.
        copy = f"copy ({statement}) to stdout (format binary)"
        with self.connection.cursor() as cursor, cursor.copy(copy, parameters) as answer:
            yield from answer.rows()

    def columns(self, table=""):
        table = table or self.table
        there = self.connection.execute("select to_regclass(%s)", [table]).fetchone() != (None,)
        if not there:
            return []
        described = self.connection.execute(f"select * from {table} limit 0").description
        return [column.name for column in described]

    def many(self, ids):
        return list(ids)


class SQLite(Reader):
    version = None
    size = "length(cast(datastring as blob))"
    chosen = "(select value as id, key as place from json_each(%s)) as chosen"

    def __init__(self, source: Source, snapshot: str = ""):
        super().__init__(source)
        path = Path(re.sub(r"^sqlite:/{0,3}", "", source.address).partition("?")[0])
        # Opening a file that is not there would make an empty one.
        where = f"{path.resolve().as_uri()}?mode=ro" if path.exists() else ":memory:"
        self.connection = sqlite3.connect(where, uri=True)
        self.connection.text_factory = bytes
        self.connection.execute("begin")

    def rows(self, statement, *parameters):
        yield from self.connection.execute(statement.replace("%s", "?"), parameters)

    def columns(self, table=""):
        try:
            described = self.connection.execute(f"select * from {table or self.table} limit 0")
        except sqlite3.OperationalError:  # no such table
            return []
        return [column[0] for column in described.description]

    def many(self, ids):
        return json.dumps(list(ids))


def quoted(name: str) -> str:
    """A table or column under exactly this name."""
    return '"' + name.replace('"', '""') + '"'


def as_text(expression: str) -> str:
    """A value as its text."""
    return f"cast({expression} as text)"
