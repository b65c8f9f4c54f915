"""psiTurk's table of participants, as it is now, for those who count and look things up.

Everything here only reads. `study data` has its own, faster way (study/download).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, MetaData, Table, create_engine, select
from sqlalchemy.exc import ArgumentError, NoSuchTableError, SQLAlchemyError

from study.config import Config
from study.errors import StudyError
from study.heroku.app import find_settings


@dataclass(frozen=True)
class Participants:
    """psiTurk's table, open for reading; ``table`` is None before the first start."""

    engine: Engine
    table: Table | None

    @property
    def place(self) -> str:
        """Where the data are, without the password."""
        return self.engine.url.render_as_string(hide_password=True)

    def own_table(self, name: str) -> Table | None:
        """A table that the study adds to psiTurk's (tables.py); None if it is not there yet.

        Raises StudyError if the database cannot be reached.
        """
        if self.table is None:
            return None
        try:
            return Table(name, MetaData(), autoload_with=self.engine)
        except NoSuchTableError:
            return None
        except SQLAlchemyError as error:
            raise unreadable(error) from error

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection that sees everything as it is at one moment, whoever writes meanwhile.

        Raises StudyError if the database cannot be read to the end.
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


def open_participants(settings: Config) -> Participants:
    """The table that these settings lead to. Raises StudyError if it cannot be reached."""
    name = settings.value("Database Parameters", "table_name")
    try:
        engine = create_engine(settings.value("Database Parameters", "database_url"))
        file = engine.url.database
        # Opening a SQLite file that is not there would make an empty one.
        if engine.dialect.name == "sqlite" and not (file and Path(file).exists()):
            return Participants(engine, None)
        return Participants(engine, Table(name, MetaData(), autoload_with=engine))
    except NoSuchTableError:
        return Participants(engine, None)
    except (SQLAlchemyError, ArgumentError, ImportError) as error:
        raise unreadable(error) from error


def find_study(folder: Path, local: bool) -> tuple[Participants, Config]:
    """The participants and the settings of the app or, with ``local``, of this machine.

    Raises StudyError if there is no such app or the database cannot be reached.
    """
    settings = find_settings(folder, local)
    return open_participants(settings), settings


def find_key(participants: Participants, settings: Config) -> str:
    """The study's secret key, by the rule of tables.py. Raises StudyError if it has none yet."""
    if configured := settings.value("Server Parameters", "secret_key"):
        return configured
    if (keys := participants.own_table("study_keys")) is not None:
        with participants.snapshot() as connection:
            query = select(keys.c.value).where(keys.c.name == "secret")
            if made := connection.scalar(query):
                return made
    raise StudyError(
        "The study has no secret key yet.",
        "The app gets one from `uv run study up`, this machine from `uv run study preview`.",
    )


def unreadable(error: Exception) -> StudyError:
    """What to tell about a database that does not answer. The driver quotes no password, while
    SQLAlchemy's own errors may."""
    told = str(error.orig).strip().splitlines()[:1] if getattr(error, "orig", None) else []
    return StudyError(
        f"The database could not be read: {told[0] if told else type(error).__name__}.",
        "If it was just made, wait a minute. Its state: heroku pg:info",
    )
