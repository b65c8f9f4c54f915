"""The study as it is now: its app on Heroku, and psiTurk's table of participants.

Everything here only reads. The address of the database is asked of Heroku each time and
stays in memory: Heroku may change it, and it holds the password.
"""

import configparser
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import Connection, Engine, MetaData, Table, create_engine
from sqlalchemy.exc import ArgumentError, NoSuchTableError, SQLAlchemyError

from study import effective
from study.effective import Effective
from study.errors import StudyError
from study.heroku.cli import Answer, Heroku, problem
from study.heroku.wanted import read_wanted

# psiTurk's words for its numbers (experiment.py), and those that mean a whole participation.
STATUSES = {
    0: "not accepted", 1: "allocated", 2: "started", 3: "completed", 4: "submitted",
    5: "credited", 6: "quit early", 7: "bonused",
}  # fmt: skip
FINISHED = (3, 4, 5, 7)


@dataclass(frozen=True)
class App:
    """What Heroku says about the app: `apps:info --json` and its config vars (secrets)."""

    info: dict
    config: dict[str, str]

    @property
    def domain(self) -> str:
        """The app's address without https://."""
        return urlsplit(self.info["app"]["web_url"]).hostname

    @property
    def databases(self) -> list[dict]:
        """Its Postgres add-ons, the one in use first."""
        postgres = "heroku-postgresql"
        found = [one for one in self.info["addons"] if one["addon_service"]["name"] == postgres]
        return sorted(found, key=lambda one: "DATABASE_URL" not in one["config_vars"])

    @property
    def web_dynos(self) -> list[dict]:
        """The dynos that serve participants."""
        return [dyno for dyno in self.info["dynos"] if dyno["type"] == "web"]


def look(heroku: Heroku, **questions: tuple[str, ...]) -> tuple[App | None, dict[str, Answer]]:
    """The app, or None if there is none, and the answers to further questions about it.

    All are asked side by side, for each takes a second. Raises StudyError if Heroku cannot
    be asked about the app; the further answers may be failures.
    """
    asked = {"info": ("apps:info", "--json"), "config": ("config", "--json"), **questions}
    with ThreadPoolExecutor(len(asked)) as pool:
        told = pool.map(lambda command: heroku.read_on_app(*command), asked.values())
        answers = dict(zip(asked, told, strict=True))
    for name, doing in (("info", "looking for the app"), ("config", "reading the config vars")):
        if answers[name].error_id == "not_found":
            return None, answers
        if answers[name].code:
            account = heroku.read("auth:whoami")  # without a login, other commands fail oddly
            raise problem(account if account.code else answers[name], doing)
    return App(answers["info"].json(), answers["config"].json()), answers


@dataclass(frozen=True)
class Participants:
    """psiTurk's table, open for reading; ``table`` is None before the first start."""

    engine: Engine
    table: Table | None

    @property
    def place(self) -> str:
        """Where the data are, without the password."""
        return self.engine.url.render_as_string(hide_password=True)

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


def open_participants(settings: Effective) -> Participants:
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


def find_participants(folder: Path, local: bool) -> Participants:
    """The participants of the app or, with ``local``, of this machine.

    Raises StudyError if there is no such app or the database cannot be reached.
    """
    if local:
        return open_participants(read_settings(folder))
    wanted = read_wanted(folder)
    app, _ = look(Heroku(wanted.app))
    if not app:
        raise StudyError(
            f"There is no app {wanted.app} on Heroku yet.",
            "For data on this machine, add --local. To make the app: uv run study up",
        )
    return open_participants(read_settings(folder, app))


def read_settings(folder: Path, app: App | None = None) -> Effective:
    """psiTurk's settings on the app or, without one, here. Raises StudyError as `load` does."""
    try:
        return effective.on_heroku(app.config, folder) if app else effective.here(folder)
    except (OSError, ValueError, configparser.Error) as error:
        # The text of the error may quote the line at fault, and that a secret.
        where = getattr(error, "option", None) or f"line {getattr(error, 'lineno', '?')}"
        raise StudyError(
            f"The settings cannot be read: {type(error).__name__}, {where}.",
            "Correct config.txt, .env, the environment or the app's config vars.",
        ) from error


def unreadable(error: Exception) -> StudyError:
    """What to tell about a database that does not answer. The driver quotes no password, while
    SQLAlchemy's own errors may."""
    told = str(error.orig).strip().splitlines()[:1] if getattr(error, "orig", None) else []
    return StudyError(
        f"The database could not be read: {told[0] if told else type(error).__name__}.",
        "If it was just made, wait a minute. Its state: heroku pg:info",
    )
