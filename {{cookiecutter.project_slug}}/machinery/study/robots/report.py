"""What the robots met, for the researcher to read."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from study.messages import pluralize, printable
from study.robots.participant import PACE, Outcome

Cell = tuple[int, int]
ESTIMATE = """\
  (the task's own clock, with response times like people's, and the time to read each page once,
  {words} words a minute, and to answer, {question} s for a question and {text} s for a text)"""


@dataclass
class Report:
    """One robot for each condition and, in ``crowd``, others with their mishaps."""

    cells: list[Cell]
    folder: Path
    tour: list[Outcome] = field(default_factory=list)
    crowd: list[Outcome] = field(default_factory=list)
    crowd_seconds: float = 0

    @property
    def has_orders(self) -> bool:
        """Whether the study has more than one counterbalance order."""
        return any(order for _, order in self.cells)

    @property
    def unreached(self) -> list[Cell]:
        """The cells that no robot got."""
        reached = {(each.condition, each.counterbalance) for each in self.tour}
        return [cell for cell in self.cells if cell not in reached]

    @property
    def can_be_finished(self) -> bool:
        """Whether in each condition a robot came to its end and all of its data are stored."""
        return not self.unreached and all(outcome.is_fine for outcome in self.tour)

    @property
    def is_fine(self) -> bool:
        return self.can_be_finished and all(outcome.is_fine for outcome in self.crowd)

    @property
    def seconds(self) -> float:
        """The time that a person would need; 0 if no robot came to the end."""
        return median([each.seconds for each in self.tour if each.ending == "finished"] or [0])

    def __str__(self) -> str:
        return "\n".join(map(printable, self._describe()))

    def _describe(self) -> Iterator[str]:
        for outcome in sorted(
            self.tour, key=lambda each: (str(each.condition), each.counterbalance)
        ):
            yield from describe(outcome, self.has_orders)
        for condition, order in self.unreached:
            yield f"Condition {condition}, counterbalance {order}: no robot got it."
        if self.crowd:
            yield from self._describe_crowd()
        if self.seconds:
            yield f"A person would take about {in_minutes(self.seconds)}"
            yield from ESTIMATE.format(**PACE).splitlines()

    def _describe_crowd(self) -> Iterator[str]:
        for outcome in self.crowd:
            if not outcome.is_fine:
                yield from describe(outcome)
        endings = Counter(each.ending for each in self.crowd)
        counts = ", ".join(f"{number} {ending}" for ending, number in endings.most_common())
        plans = [each.plan for each in self.crowd]
        reloads = sum(plan.mishap == "reload" for plan in plans)
        slow = sum(plan.has_slow_line for plan in plans)
        yield f"A crowd of {len(plans)} in {self.crowd_seconds:.0f} s: {counts}."
        yield f"  Of them, {reloads} reloaded the page and {slow} had a slow line."
        recorded = sum(each.recorded for each in self.crowd)
        stored = sum(each.stored for each in self.crowd)
        lost = sum(each.is_lost for each in self.crowd)
        told = f"{pluralize(lost, 'participant')} lost some" if lost else "nothing is lost"
        yield f"  Lines of data: {recorded:,} recorded, {stored:,} stored; {told}."


def describe(outcome: Outcome, has_orders: bool = False) -> Iterator[str]:
    """Yield the lines about one robot."""
    facts = [outcome.ending]
    if outcome.ending == "finished":
        facts.append(f"about {in_minutes(outcome.seconds)}")
    facts.append(f"{outcome.stored} of {pluralize(outcome.recorded, 'line')} of data stored")
    if outcome.pictures:
        facts.append(pluralize(len(outcome.pictures), "page"))
    yield f"{name_cell(outcome, has_orders)}: {', '.join(facts)}"
    if outcome.reason:
        yield f"  Stopped {outcome.reason}" + (f" ({outcome.place})" if outcome.place else "")
    yield from (f"  {problem}" for problem in outcome.problems)


def name_cell(outcome: Outcome, has_orders: bool) -> str:
    if outcome.condition is None:
        return "Before a condition was assigned"
    order = f", counterbalance {outcome.counterbalance}" if has_orders else ""
    return f"Condition {outcome.condition}{order}"


def in_minutes(seconds: float) -> str:
    return pluralize(max(1, round(seconds / 60)), "minute")
