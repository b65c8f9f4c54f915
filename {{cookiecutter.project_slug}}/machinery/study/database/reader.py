"""psiTurk's table of participants for the commands, which only read it."""

import warnings
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, Table
from sqlalchemy.exc import NoSuchTableError, SAWarning, SQLAlchemyError

from study.config import Config
from study.database.capacity import SIZE
from study.database.entries import Save
from study.messages import StudyError

# Of psiTurk's table of participants, since version 1 (psiturk/models.py).
PSITURKS_COLUMNS = {"uniqueid", "workerid", "assignmentid", "hitid", "status", "datastring"}


@dataclass(frozen=True)
class Participants:
    """psiTurk's table; ``table`` is None before the server's first start."""

    engine: Engine
    table: Table | None
    _own_tables: dict[str, Table] = field(default_factory=dict, compare=False, repr=False)

    @property
    def place(self) -> str:
        """The URL of the database without the password."""
        return self.engine.url.render_as_string(hide_password=True)

    def own_table(self, name: str) -> Table | None:
        """Return one of the study's own tables (schema.py), or None if it is missing.

        Raises StudyError if the database cannot be read.
        """
        if self.table is None:
            return None
        if name not in self._own_tables:  # asking for it takes longer than most queries
            found = reflect(self.engine, name)
            if found is None:
                return None
            self._own_tables[name] = found
        return self._own_tables[name]

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Open a connection that sees the data as of one moment, whoever writes meanwhile.

        Raises StudyError if the database cannot be read.
        """
        try:
            with self.engine.connect() as connection:
                if self.engine.dialect.name == "postgresql":
                    connection.execution_options(
                        isolation_level="REPEATABLE READ", postgresql_readonly=True
                    )
                else:  # Python's sqlite3 would begin only at the first change
                    connection.exec_driver_sql("BEGIN")
                yield connection
        except SQLAlchemyError as error:
            raise unreadable(error) from error

    def read_entries(self, connection: Connection) -> dict[str, list[Save]]:
        """Return what browsers have sent that is in no record yet, by uniqueid.

        The server completes records when participants end, leave or are idle; who reads meanwhile
        takes these in (``complete``).
        """
        if (table := self.own_table("study_entries")) is None:
            return {}
        found = defaultdict(list)
        query = sa.select(table.c["uniqueid", "writer", "first", "entries"])
        for uniqueid, *save in connection.execute(query.order_by(table.c.writer, table.c.first)):
            found[uniqueid].append(Save.unpack(*save))
        return found

    @property
    def size(self) -> int:
        """The bytes of the whole database; 0 on SQLite. Raises StudyError if it cannot be read."""
        if self.engine.dialect.name == "sqlite":
            return 0
        with self.snapshot() as connection:
            return connection.scalar(SIZE)

    def count_by(self, column: str, statuses: Collection[int] = ()) -> Counter:
        """Count the participants, perhaps of some statuses only, by the value of a column."""
        if self.table is None:
            return Counter()
        columns = self.table.c
        query = sa.select(columns[column], sa.func.count()).group_by(columns[column])
        with self.snapshot() as connection:
            query = query.where(columns.status.in_(statuses)) if statuses else query
            return Counter(dict(connection.execute(query).all()))

    def find_key(self, settings: Config) -> str:
        """Return the study's secret key, found as by the server. Raises StudyError without one."""
        key = settings.value("Server Parameters", "secret_key")
        if not key and (keys := self.own_table("study_keys")) is not None:
            with self.snapshot() as connection:
                key = connection.scalar(sa.select(keys.c.value).where(keys.c.name == "secret"))
        if key:
            return key
        raise StudyError(
            "The study has no secret key yet.",
            "The app gets one from `uv run study up`, this machine from `uv run study preview`.",
        )


def find_key(settings: Config) -> str:
    """Return the study's secret key, found as by the server. Raises StudyError without one.

    The database is opened only if the settings have none.
    """
    key = settings.value("Server Parameters", "secret_key")
    return key or open_participants(settings).find_key(settings)


def open_participants(settings: Config) -> Participants:
    """Open the table that the settings name. Raises StudyError if it cannot be read."""
    engine = _connect(settings.value("Database Parameters", "database_url"))
    if not _exists(engine):
        return Participants(engine, None)
    name = settings.value("Database Parameters", "table_name")
    return Participants(engine, reflect(engine, name))


def open_database(url: str) -> Participants:
    """Open the participants of any psiTurk study, whatever their table is called there.

    Raises StudyError if the database cannot be read or has not just one such table.
    """
    engine = _connect(url)
    if not _exists(engine):
        raise StudyError(f"There is no file {engine.url.database}.", "Correct --database-url.")
    try:
        names = sa.inspect(engine).get_table_names()
    except SQLAlchemyError as error:
        raise unreadable(error) from error
    tables = [reflect(engine, name) for name in names]
    found = [table for table in tables if set(table.c.keys()) >= PSITURKS_COLUMNS]
    if len(found) != 1:
        raise StudyError(
            f"{len(found)} of the tables in that database are psiTurk's participants: "
            f"{', '.join(table.name for table in found) or 'none'}.",
            "One is needed. Copy the right one into a database of its own.",
        )
    return Participants(engine, found[0])


def _connect(url: str) -> Engine:
    try:
        return sa.create_engine(url)
    except (SQLAlchemyError, ImportError) as error:  # not a URL, or of an unknown database
        raise unreadable(error) from error


def _exists(engine: Engine) -> bool:
    # Opening a SQLite file that does not exist would create it.
    file = engine.url.database
    return engine.dialect.name != "sqlite" or bool(file and Path(file).exists())


def unreadable(error: Exception) -> StudyError:
    """Return what to print about a database that cannot be read.

    It quotes the driver, which never mentions the password; SQLAlchemy's own errors may.
    """
    reason = str(getattr(error, "orig", None) or "").strip().splitlines()
    return StudyError(
        f"The database could not be read: {reason[0] if reason else type(error).__name__}.",
        "If it was just made, wait a minute. To see its state: heroku pg:info",
    )


def reflect(engine: Engine, name: str) -> Table | None:
    """Return a table as the database has it, or None. Raises StudyError if it cannot be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SAWarning)  # of the index on lower(workerid)
            return Table(name, sa.MetaData(), autoload_with=engine)
    except NoSuchTableError:
        return None
    except SQLAlchemyError as error:
        raise unreadable(error) from error
