"""How conditions are assigned: the cells of a study, and the rule that picks the next one.

A cell is a condition combined with a counterbalance order, both numbered from 0.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from study.config import StudySettings

Cell = tuple[int, int]
# For how long somebody counts who has saved nothing. The client saves within a second of the
# task's page, which may take long to load on a slow line.
MINUTES_WITHOUT_SAVE = 2


@dataclass(frozen=True)
class Design:
    """The cells of a study with their targets and weights.

    ``targets`` are numbers of finished participants. ``targets`` and ``weights`` have one
    number per cell, or are empty: no limit, equal weights.
    """

    cells: tuple[Cell, ...]
    targets: tuple[int, ...] = ()
    weights: tuple[float, ...] = ()

    @classmethod
    def of(cls, options: StudySettings) -> "Design":
        cells = tuple(product(range(options.num_conds), range(options.num_counters)))
        return cls(cells, options.condition_targets, options.condition_weights)

    def choose(
        self, taken: Mapping[Cell, int], pick: Callable[[Sequence[Cell]], Cell] = random.choice
    ) -> Cell:
        """Return the cell that is furthest behind, chosen at random among equals.

        Cells that have reached their target are skipped, unless all have.
        """
        targets = self.targets or [float("inf")] * len(self.cells)
        weights = self.weights or [1] * len(self.cells)
        rows = list(zip(self.cells, targets, weights, strict=True))
        below_target = [row for row in rows if taken.get(row[0], 0) < row[1]] or rows
        # Counting the next participant in, a weight of 2 gets the first two of three.
        shares = {cell: (taken.get(cell, 0) + 1) / weight for cell, _, weight in below_target}
        least = min(shares.values())
        return pick([cell for cell, share in shares.items() if share == least])
