"""Completes the records that psiTurk's own code loads: its shell, its dashboard, custom.py.

They read the column ``datastring`` of psiTurk's class Participant (psiturk/models.py). While a
participant is in the task, the last minutes of their record are in study_entries.
"""

from functools import cache
from typing import Any

from sqlalchemy import Engine, event, inspect, text
from sqlalchemy.orm import QueryContext
from sqlalchemy.orm.attributes import set_committed_value

from study.database.entries import Save, initial_record, merge
from study.statuses import FINISHED

ENTRIES = text(
    "SELECT writer, first, entries FROM study_entries WHERE uniqueid = :uid ORDER BY writer, first"
)


def complete_loaded_records() -> None:
    """Give every Participant that SQLAlchemy loads from now on its whole record."""
    from psiturk.models import Participant

    for moment in ("load", "refresh"):
        event.listen(Participant, moment, _complete, restore_load_context=True)


def _complete(participant: Any, context: QueryContext, *_: Any) -> None:
    connection = context.session.connection()
    if participant.status in FINISHED or not _has_entries(connection.engine):
        return  # who has finished has a whole record
    found = connection.execute(ENTRIES, {"uid": participant.uniqueid})
    if saves := [Save.unpack(*row) for row in found]:
        record = participant.datastring or initial_record(participant)
        whole, _ = merge(participant.uniqueid, record, saves)
        set_committed_value(participant, "datastring", whole)


@cache
def _has_entries(engine: Engine) -> bool:
    return inspect(engine).has_table("study_entries")
