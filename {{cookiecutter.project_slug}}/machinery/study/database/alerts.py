"""What alerts need to know of other processes, and of this one before it was restarted."""

import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from study.database.schema import SQL

LEASE = timedelta(seconds=30)
REMEMBERED = timedelta(days=30)  # for which the starts of servers are kept
MILLISECONDS = 5000  # that a statement may take
RELEASE = "release"  # a server's name in study_starts, for the release phase
STARTS = sa.table("study_starts", sa.column("server"), sa.column("started", sa.DateTime))
INCIDENTS = sa.table("study_incidents", sa.column("kind"), sa.column("count", sa.Integer))
ALERTS = sa.table(
    "study_alerts",
    *(sa.column("name"), sa.column("is_over", sa.Boolean), sa.column("unsent")),
)


@dataclass
class Alert:
    """A fault that goes on or is over, and the text that is yet to be sent."""

    name: str
    is_over: bool = False
    unsent: str = ""


def note_start(engine: Engine, server: str, now: datetime) -> None:
    """Note that a server has started, or a version was released. Raises SQLAlchemyError."""
    with engine.begin() as connection:
        connection.execute(SQL["note_start"], {"server": server, "now": now})
        connection.execute(SQL["forget_starts"], {"earliest": now - REMEMBERED})


class AlertStore:
    """The tables of alerts. Each method raises SQLAlchemyError if the database is away."""

    def __init__(self, engine: Engine):
        self._engine, self._holder = engine, secrets.token_hex(8)

    def lead(self, now: datetime, may_take: bool = True) -> bool:
        """Return whether this process is the one that looks after alerts, for a while.

        Unless it ``may_take`` the lease of another, only if it was.
        """
        values = {"name": "alerts", "holder": self._holder, "ends": now + LEASE}
        values["now"] = now if may_take else datetime.min
        with self._begin() as connection:
            return connection.execute(SQL["take_lease"], values).first() is not None

    def read(self) -> dict[str, Alert]:
        """Return the alerts that were kept, by their names."""
        with self._begin() as connection:
            return {row.name: Alert(*row) for row in connection.execute(sa.select(ALERTS))}

    def write(self, kept: Iterable[Alert], dropped: Iterable[str]) -> None:
        """Keep these alerts, and drop those of these names."""
        with self._begin() as connection:
            for alert in kept:
                connection.execute(SQL["keep_alert"], vars(alert))
            for name in dropped:
                connection.execute(SQL["drop_alert"], {"name": name})

    def count_incidents(self, kind: str) -> int:
        """Return how often something has occurred since the study began."""
        query = sa.select(sa.func.sum(INCIDENTS.c["count"])).where(INCIDENTS.c.kind == kind)
        with self._begin() as connection:
            return int(connection.scalar(query) or 0)

    def read_starts(self) -> list[tuple[str, datetime]]:
        """Return the servers that were started, with the times, the oldest first."""
        with self._begin() as connection:
            rows = connection.execute(sa.select(STARTS).order_by(STARTS.c.started))
            return [tuple(row) for row in rows]

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        with self._engine.begin() as connection:
            limit_time(connection)
            yield connection


def limit_time(connection: Connection) -> None:
    """Let no statement of this transaction take long."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {MILLISECONDS}")
