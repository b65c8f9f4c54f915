"""How many participants count in each condition.

Counted as psiTurk counts (experiment.py): those who finished, and
those who came within the last ``cutoff_time`` minutes, who may still finish. Who did not
finish by then no longer counts, so the place is given again.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, literal_column, select, union_all

from study.design import Cell
from study.options import Options
from study.tables import counts, participants
from study.triggers import FINISHED


def count(connection: Connection, options: Options, mode: str, now: datetime) -> Counter[Cell]:
    """How many count in each cell, in this mode and code version. ``now`` is UTC, without zone.

    The finished come from a table that triggers keep, so the cost does not grow with the
    number of earlier participants.
    """
    row = participants.c
    since = now - timedelta(minutes=options.cutoff_minutes)
    finished = select(counts.c.cond, counts.c.counterbalance, counts.c.finished).where(
        counts.c.codeversion == options.code_version, counts.c.mode == mode
    )
    coming = (
        select(row.cond, row.counterbalance, func.count())
        .where(row.codeversion == options.code_version, row.mode == mode)
        .where(row.beginhit > since, row.status.not_in(_as_literals(FINISHED)))
        .group_by(row.cond, row.counterbalance)
    )
    taken: Counter[Cell] = Counter()
    for condition, order, number in connection.execute(union_all(finished, coming)):
        taken[condition, order] += number
    return taken


def _as_literals(numbers: Iterable[int]) -> list:
    """Written into the statement, so that the database recognises the index for them."""
    return [literal_column(str(number)) for number in numbers]
