"""How many participants count in each condition.

Counted as psiTurk counts (experiment.py): those who finished, and
those who came within the last ``cutoff_time`` minutes, who may still finish. Who did not
finish by then no longer counts, so the place is given again.
"""

from collections import Counter
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select, union_all

from study.design import Cell
from study.options import Options
from study.tables import FINISHED_WRITTEN, counts, participants


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
        .where(row.beginhit > since, row.status.not_in(FINISHED_WRITTEN))
        .group_by(row.cond, row.counterbalance)
    )
    taken: Counter[Cell] = Counter()
    for condition, order, number in connection.execute(union_all(finished, coming)):
        taken[condition, order] += number
    return taken
