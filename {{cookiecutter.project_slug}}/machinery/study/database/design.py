"""How conditions are shared out: the cells of a study, and which comes next.

A cell is a condition with one of its counterbalance orders, both numbered from 0.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from study.config import StudySettings

Cell = tuple[int, int]


@dataclass(frozen=True)
class Design:
    """The cells of a study, how many finished participants each needs, and how often it is given.

    ``targets`` and ``weights`` have one number for each cell, or none: no limit, all alike.
    """

    cells: tuple[Cell, ...]
    targets: tuple[int, ...] = ()
    weights: tuple[float, ...] = ()

    @classmethod
    def of(cls, options: StudySettings) -> "Design":
        """The design that the settings ask for."""
        conditions, orders = range(options.num_conds), range(options.num_counters)
        cells = tuple((condition, order) for condition in conditions for order in orders)
        return cls(cells, options.condition_targets, options.condition_weights)

    def choose(
        self,
        taken: Mapping[Cell, int],
        pick: Callable[[Sequence[Cell]], Cell] = random.choice,
    ) -> Cell:
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
