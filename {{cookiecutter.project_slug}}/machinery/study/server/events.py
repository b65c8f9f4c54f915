"""Counts what a researcher should hear of, and no log line would tell without ids."""

from sqlalchemy import Engine
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from study.database.participants import utc_now
from study.database.schema import incidents

KINDS = (
    "link-missing", "link-malformed", "preview", "wrong-browser", "wrong-mode", "excluded",
    "declined", "screened-out", "left-early", "no-proof",
)  # fmt: skip


class Incidents:
    """The counter of each kind and day (UTC) behind one engine."""

    def __init__(self, engine: Engine):
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        dialect = sqlite if engine.dialect.name == "sqlite" else postgresql
        first = dialect.insert(incidents).values(count=1)
        self._count_one_more = first.on_conflict_do_update(
            index_elements=["kind", "day"], set_={"count": incidents.c.count + 1}
        )

    def note(self, kind: str) -> None:
        """Count one more of a kind. A database that is away must not make it worse."""
        try:
            with self._engine.connect() as connection:
                values = {"kind": kind, "day": utc_now().date()}
                connection.execute(self._count_one_more, values)
        except SQLAlchemyError:
            return
