"""Response times and right answers, as the columns ``rt`` and ``correct`` of trialdata.csv say.

What counts: trials of those who finished, without practice; of response times, those of right
answers. analysis.py and analysis.R in the study draw the same lines.
"""

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import isfinite

from study.report.columns import MISSING, read_number, read_truth
from study.report.people import People, Person

PRACTICE = "practi"  # in any spelling, in the column `phase`
LEVELS = 2  # that an effect compares
NOT_RIGHT, NOT_TIMED = "the answer was not right", "there is no response time"


@dataclass(slots=True)
class Performance:
    """What one participant did: sums over the trials that count."""

    trials: int = 0
    answers: int = 0
    right: int = 0
    timed: int = 0
    total: float = 0  # ms
    by_level: dict[str, list[float]] = field(default_factory=dict)  # how many, and their sum

    @property
    def accuracy(self) -> float | None:
        return self.right / self.answers if self.answers else None

    @property
    def rt(self) -> float | None:
        """The mean response time in ms."""
        return self.total / self.timed if self.timed else None


class Trials:
    """The trials that count, and how many do not, by reason.

    ``effect`` names the column whose two values are compared within each participant.
    """

    def __init__(self, people: People, effect: str):
        self.effect = effect
        self.rows = 0
        self.left_out: Counter[str] = Counter()  # rows, by reason
        self.counted = 0
        self.has_rt = self.has_correct = self.has_effect = False
        self.levels: list[str] = []
        self.by_person: dict[str, Performance] = {}
        self.saved: set[str] = set()  # who has a row
        self.times: dict[str, array] = defaultdict(lambda: array("d"))  # by condition
        self.names: dict[str, set[str]] = defaultdict(set)  # in the trials, by condition
        self._people = people

    @property
    def steps(self) -> list[tuple[str, int]]:
        """The rows of the file, and what was left of them for accuracy and response times."""
        for_times = {NOT_RIGHT, NOT_TIMED}
        count = self.left_out.items()
        steps = [("In the file", self.rows)]
        steps += [(f"left out: {why}", n) for why, n in count if why not in for_times]
        steps.append(("Count", self.counted))
        if self.has_rt:
            steps += [(f"left out: {why}", n) for why, n in count if why in for_times]
            steps.append(("Count for response times", self.timed))
        return steps

    @property
    def timed(self) -> int:
        """The trials whose response times count."""
        return sum(map(len, self.times.values()))

    @property
    def too_many_levels(self) -> bool:
        return len(self.levels) > LEVELS

    def add(self, columns: list[str], cells: Iterable[tuple[str, ...]]) -> None:
        """Take a batch into account."""
        batch = dict(zip(columns, cells, strict=False))
        self.has_rt |= "rt" in batch
        self.has_correct |= "correct" in batch
        self.has_effect |= self.effect in batch
        rows = len(batch[columns[0]])
        self.rows += rows
        empty = ("",) * rows
        names = ("participant", "phase", "rt", "correct", self.effect, "condition")
        for row in zip(*(batch.get(name, empty) for name in names), strict=True):
            self._add_row(*row)

    def _add_row(self, name, phase, rt, correct, level, condition) -> None:
        person = self._people.find(name)
        self.saved.add(name)
        if person is None:
            self.left_out["of nobody in participants.csv"] += 1
            return
        if condition not in MISSING and len(self.names[person.condition]) < 2:
            self.names[person.condition].add(condition)
        if not person.finished:
            self.left_out["of participants who have not finished"] += 1
        elif phase and PRACTICE in phase.lower():
            self.left_out["practice"] += 1
        else:
            self._count(person, rt, correct, level)

    def _count(self, person: Person, rt: str, correct: str, level: str) -> None:
        right, time = read_truth(correct), read_number(rt)
        if right is None and time is None and (self.has_rt or self.has_correct):
            self.left_out["neither rt nor correct is recorded"] += 1
            return
        self.counted += 1
        done = self.by_person.get(person.name)
        if done is None:
            done = self.by_person[person.name] = Performance()
        done.trials += 1
        if right is not None:
            done.answers += 1
            done.right += right
        if self.has_correct and not right:
            self.left_out[NOT_RIGHT] += 1
        elif time is None or not isfinite(time):
            self.left_out[NOT_TIMED] += 1
        else:
            self._add_time(done, person.condition, time, level)

    def _add_time(self, done: Performance, condition: str, time: float, level: str) -> None:
        done.timed += 1
        done.total += time
        self.times[condition].append(time)
        if level in MISSING or not (level in self.levels or self._learn_level(level)):
            return
        sums = done.by_level.setdefault(level, [0, 0.0])
        sums[0] += 1
        sums[1] += time

    def _learn_level(self, level: str) -> bool:
        """Return whether a new value of the effect's column is one of the first two."""
        if not self.too_many_levels:
            self.levels.append(level)
        return len(self.levels) <= LEVELS

    def name_condition(self, condition: str) -> str:
        """Return the name that all trials of a condition give it; empty if there is no such."""
        names = self.names.get(condition, ())
        return next(iter(names)) if len(names) == 1 else ""

    def contrast(self) -> tuple[str, str] | None:
        """Return the two values to compare, first minus second; None unless there are two.

        Of true and false, false comes first: the cost of what is not so.
        """
        if len(self.levels) != LEVELS:
            return None
        words = sorted(self.levels)
        if None in map(read_truth, words):
            return words[1], words[0]
        return tuple(sorted(words, key=read_truth))

    def find_effect(self, person: Person) -> float | None:
        """Return a participant's difference in ms, if there are trials of both kinds."""
        compared = self.contrast()
        sums = self.by_person.get(person.name, Performance()).by_level
        if not compared or len(sums) < LEVELS:
            return None
        (first, total), (second, other) = (sums[level] for level in compared)
        return total / first - other / second
