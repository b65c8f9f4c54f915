"""What is known of a running study at one moment. Times are UTC, without a time zone.

Everybody who has arrived is in exactly one state: finished, in progress or gone. So each figure
here is a sum of the same few numbers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

FINISHED, IN_PROGRESS, GONE = "finished", "in progress", "gone"
# Why somebody is gone, in the order in which it is told.
SCREENED_OUT, LEFT_EARLY, CLOSED, SILENT, NOTHING = (
    *("screened-out", "left-early"),  # psiTurk's column `ending` (database/schema.py)
    *("closed", "silent", "nothing"),
)
REASONS = {
    SCREENED_OUT: "were screened out",
    LEFT_EARLY: "stopped by the button",
    CLOSED: "closed the window and have not come back",
    SILENT: "did something, and did not finish in time",
    NOTHING: "opened the task and did nothing",
}
# What Columns.standing (counting.py) says of somebody: FINISHED, IN_PROGRESS or, if gone, why.
STAYING = (FINISHED, IN_PROGRESS)
BIN = 6  # seconds of a duration that are counted together: a tenth of a minute


def state_of(standing: str) -> str:
    """Return the state of somebody: finished, in progress or gone."""
    return standing if standing in STAYING else GONE


@dataclass(frozen=True)
class Progress:
    """The participants of one condition and counterbalance order, or of all.

    ``target`` is the wanted number of finished ones; None if there is no limit.
    """

    name: str
    condition: int | None = None
    counterbalance: int | None = None
    target: int | None = None
    finished: int = 0
    in_progress: int = 0
    gone: int = 0

    @property
    def arrived(self) -> int:
        return self.finished + self.in_progress + self.gone

    @property
    def is_full(self) -> bool:
        return self.target is not None and self.finished >= self.target


@dataclass(frozen=True)
class Durations:
    """How long those who finished took, from the task's first page to its end.

    ``bins`` are numbers of participants by the whole tenths of a minute that they took.
    """

    bins: Mapping[int, int] = field(default_factory=dict)

    @property
    def number(self) -> int:
        return sum(self.bins.values())

    @property
    def median(self) -> float | None:
        return self.quantile(0.5)

    def quantile(self, share: float) -> float | None:
        """The minutes in which that share had finished, in tenths; None if nobody has.

        Between two people it is the mean of theirs, as for a median of an even number.
        """
        wanted, passed, below = share * self.number, 0, None
        for tenth, number in sorted(self.bins.items()):
            if below is not None:
                return (below + tenth) / 2 * BIN / 60
            passed += number
            if passed > wanted:
                return tenth * BIN / 60
            below = tenth if passed == wanted else None
        return None if below is None else below * BIN / 60


@dataclass(frozen=True)
class Overview:
    """A running study. Without a remark, a number is of the present version of the experiment.

    ``gone`` counts those who are gone by the reason (REASONS), ``places`` by where they stopped.
    ``apart`` counts test runs by their mode, ``other_versions`` who finished an earlier version.
    ``incidents`` are those of the last week (incidents.py). ``share`` is the part of the database
    that is used; 0 without a limit, ``size`` its bytes.
    """

    moment: datetime
    cells: Sequence[Progress] = ()
    gone: Mapping[str, int] = field(default_factory=dict)
    places: Mapping[str, int] = field(default_factory=dict)
    apart: Mapping[str, int] = field(default_factory=dict)
    other_versions: Mapping[str, int] = field(default_factory=dict)
    durations: Durations = field(default_factory=Durations)
    minutes: int = 0  # that the invitation names; 0 if it names none
    cutoff_minutes: int = 0
    first_arrival: datetime | None = None
    last_arrival: datetime | None = None
    last_finish: datetime | None = None
    last_save: datetime | None = None
    recent_minutes: int = 0
    recently_arrived: int = 0
    recently_finished: int = 0
    incidents: Mapping[str, int] = field(default_factory=dict)
    size: int = 0
    share: float = 0

    @property
    def total(self) -> Progress:
        """All conditions together, with the sum of their targets."""
        targets = [cell.target for cell in self.cells if cell.target is not None]
        target = sum(targets) if targets else None
        names = ("finished", "in_progress", "gone")
        sums = {name: sum(getattr(cell, name) for cell in self.cells) for name in names}
        return Progress("all", target=target, **sums)

    @property
    def dropped_out(self) -> int:
        """Who is gone, apart from those whom the study itself sent away."""
        return self.total.gone - self.gone.get(SCREENED_OUT, 0)

    @property
    def drop_out(self) -> float | None:
        """The share of those whose participation is over who dropped out; None without any."""
        over = self.total.finished + self.dropped_out
        return self.dropped_out / over if over else None

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON: times in ISO 8601, and what is derived under its own name."""
        facts = asdict(self) | {"durations": None, "cells": None}
        for name, value in facts.items():
            if isinstance(value, datetime):
                facts[name] = f"{value.isoformat(timespec='seconds')}Z"
        quantiles = (self.durations.quantile(share) for share in (0.25, 0.5, 0.75))
        named = dict(zip(("quarter", "median", "three_quarters"), quantiles, strict=True))
        return facts | {
            "total": _describe(self.total),
            "cells": [_describe(cell) for cell in self.cells],
            "durations": named | {"number": self.durations.number, "bins": self.durations.bins},
            "dropped_out": self.dropped_out,
            "drop_out": self.drop_out,
        }


def _describe(progress: Progress) -> dict[str, Any]:
    return asdict(progress) | {"arrived": progress.arrived, "is_full": progress.is_full}
