"""Errors in participants' browsers: of each kind where it was, how many met it, first and last.

No row says who. The number of kinds is limited: of too many, those that fewest have met are
forgotten.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, select

from study.database.reader import Participants

MOST = 500  # kinds, of less than 1 kB each


@dataclass(frozen=True)
class Kind:
    """An error: the message, the file and line (0: not known), the page, the family of browsers."""

    message: str
    file: str
    line: int
    page: str
    browser: str


@dataclass(frozen=True)
class BrowserError:
    """A kind of error, and how many participants met it between two times (UTC)."""

    kind: Kind
    participants: int
    first: datetime
    last: datetime


def count_browser_error(engine: Engine, kind: Kind, now: datetime) -> None:
    """Count one more participant who met this error. Raises SQLAlchemyError."""
    from study.database.schema import SQL  # makes psiTurk read its settings

    with engine.begin() as connection:
        connection.execute(SQL["count_browser_error"], {"now": now, **vars(kind)})
        connection.execute(SQL["forget_rare_browser_errors"], {"most": MOST})


def read_browser_errors(participants: Participants) -> list[BrowserError]:
    """Return all kinds, those of most participants first; none in a database without the table.

    Raises StudyError if the database cannot be read.
    """
    if (table := participants.own_table("study_browser_errors")) is None:
        return []
    query = select(table).order_by(table.c.participants.desc(), table.c.last.desc())
    with participants.snapshot() as connection:
        rows = [dict(row) for row in connection.execute(query).mappings()]
    names = Kind.__dataclass_fields__
    return [BrowserError(Kind(*(row.pop(name) for name in names)), **row) for row in rows]
