"""Which condition a new participant gets.

Equally many in each, counted as psiTurk counts (experiment.py): those who finished, and
those who came within the last ``cutoff_time`` minutes, who may still finish. Who did not
finish by then no longer counts, so the place is given again.
"""

import random
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, literal_column, select, union_all

from study.options import Options
from study.tables import counts, participants
from study.triggers import FINISHED

Cell = tuple[int, int]  # condition and counterbalance, from 0


@dataclass(frozen=True)
class Design:
    """The cells of a study, how many finished participants each needs, and how often it is given.

    ``targets`` and ``weights`` have one number for each cell, or none: no limit, all alike.
    """

    cells: tuple[Cell, ...]
    targets: tuple[int, ...] = ()
    weights: tuple[float, ...] = ()

    @classmethod
    def of(cls, options: Options) -> "Design":
        """The design that the settings ask for."""
        conditions, orders = range(options.num_conds), range(options.num_counters)
        cells = tuple((condition, order) for condition in conditions for order in orders)
        return cls(cells, options.condition_targets, options.condition_weights)

    def choose(self, taken: Mapping[Cell, int], pick=random.choice) -> Cell:
        """The cell that is furthest behind; by chance among equals.

        A cell that has its target is passed over, unless every cell has.
        """
        targets = self.targets or [float("inf")] * len(self.cells)
        weights = self.weights or [1] * len(self.cells)
        rows = list(zip(self.cells, targets, weights, strict=True))
        wanted = [row for row in rows if taken.get(row[0], 0) < row[1]] or rows
        # With the next participant counted in, a weight of 2 gets the first two of three.
        filled = {cell: (taken.get(cell, 0) + 1) / weight for cell, _, weight in wanted}
        least = min(filled.values())
        return pick([cell for cell, share in filled.items() if share == least])


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
