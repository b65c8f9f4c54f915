"""How many participants count in each condition.

Counted as psiTurk counts (experiment.py): those who finished, and
those who came within the last ``cutoff_time`` minutes, who may still finish. Who did not
finish by then no longer counts, so the place is given again.
"""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import bindparam, func, select, union_all

from study.config import StudySettings
from study.database.design import Cell
from study.database.engine import Outcome
from study.database.schema import FINISHED_WRITTEN, counts, participants

_row = participants.c
_VERSION, _MODE = bindparam("codeversion"), bindparam("mode")
_FINISHED = select(counts.c.cond, counts.c.counterbalance, counts.c.finished).where(
    counts.c.codeversion == _VERSION, counts.c.mode == _MODE
)
_COMING = (
    select(_row.cond, _row.counterbalance, func.count())
    .where(_row.codeversion == _VERSION, _row.mode == _MODE)
    .where(_row.beginhit > bindparam("since"), _row.status.not_in(FINISHED_WRITTEN))
    .group_by(_row.cond, _row.counterbalance)
)
_TAKEN = union_all(_FINISHED, _COMING)


def count(
    run: Callable[..., Outcome], options: StudySettings, mode: str, now: datetime
) -> Counter[Cell]:
    """How many count in each cell, in this mode and code version. ``now`` is UTC, without zone.

    The finished come from a table that triggers keep, so the cost does not grow with the
    number of earlier participants. ``run`` runs a statement (statements.py).
    """
    since = now - timedelta(minutes=options.cutoff_minutes)
    rows = run(_TAKEN, codeversion=options.code_version, mode=mode, since=since).rows
    taken: Counter[Cell] = Counter()
    for condition, order, number in rows:
        taken[condition, order] += number
    return taken
