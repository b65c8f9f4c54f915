"""Shows the design in config.txt and simulates it: `study conditions`.

In a simulation participants arrive at random, some drop out and the others finish. Each gets a
condition by the rule of the server (study/database/conditions.py), which no longer counts those who
have not finished within cutoff_time.
"""

import heapq
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import click

from study import config
from study.database.conditions import Cell, Design

RUNS = 200
COUNT, SHARE = click.IntRange(min=1), click.FloatRange(0, 1)
ABOVE_0 = click.FloatRange(min=0, min_open=True)


@dataclass(frozen=True)
class Scenario:
    """How participants arrive and work. Times are in minutes."""

    participants: int
    drop_out: float  # share of those who begin
    duration: float  # median of those who finish
    per_hour: float
    cutoff: float

    def __str__(self) -> str:
        return f"""\
{self.participants} participants begin, {self.per_hour:g} an hour; {self.drop_out:.0%} drop out, \
the others need about {self.duration:g} minutes.
After {self.cutoff:g} minutes (cutoff_time), those who have not finished no longer count."""


@click.command(context_settings={"show_default": True})
@click.option("--simulate", is_flag=True, help="Simulate how many will finish in each condition.")
@click.option("--participants", type=COUNT, show_default="the targets", help="How many begin.")
@click.option("--drop-out", type=SHARE, default=0.15, help="Share of those who do not finish.")
@click.option("--minutes", type=ABOVE_0, default=15.0, help="Median duration of the others.")
@click.option("--per-hour", type=ABOVE_0, default=60.0, help="How many arrive in an hour.")
def conditions(
    simulate: bool, participants: int | None, drop_out: float, minutes: float, per_hour: float
) -> None:
    """Show the conditions with their targets and weights.

    With --simulate, show how many participants will finish in each.
    """
    options = config.read(Path.cwd()).study
    design = Design.of(options)
    if simulate:
        count = participants or sum(design.targets) or 30 * len(design.cells)
        scenario = Scenario(count, drop_out, minutes, per_hour, options.cutoff_minutes)
        runs = [run_once(design, scenario, seed) for seed in range(RUNS)]
        print(f"{scenario}\n\n{describe_cells(design, runs)}\n")
        print(describe_success(design, scenario, runs))
    else:
        print(describe_cells(design))
        print("To simulate the study: uv run study conditions --simulate")
        print("To count the participants in each condition: uv run study status")


def run_once(design: Design, scenario: Scenario, seed: int) -> Counter[Cell]:
    """Simulate the study once; return how many finish in each cell."""
    chance = random.Random(seed)
    finished: Counter[Cell] = Counter()
    working: dict[int, Cell] = {}  # those who still count though they have not finished
    events: list[tuple[float, int, Cell, bool]] = []  # a heap: they finish, or no longer count
    now = 0.0
    for participant in range(scenario.participants):
        now += chance.expovariate(scenario.per_hour / 60)
        while events and events[0][0] <= now:
            _, earlier, cell, is_finish = heapq.heappop(events)
            working.pop(earlier, None)
            finished[cell] += is_finish
        cell = design.choose(finished + Counter(working.values()), chance.choice)
        working[participant] = cell
        heapq.heappush(events, (now + scenario.cutoff, participant, cell, False))
        if chance.random() >= scenario.drop_out:
            end = now + scenario.duration * chance.lognormvariate(0, 0.3)
            heapq.heappush(events, (end, participant, cell, True))
    finished.update(cell for _, _, cell, is_finish in events if is_finish)
    return finished


def describe_cells(design: Design, runs: Sequence[Counter[Cell]] = ()) -> str:
    """Return a table of the cells and, after a simulation, of how many finish in each."""
    heading = "Condition  counterbalance  target  weight"
    lines = [f"{heading}  finished: mean  fewest  most" if runs else heading]
    for index, cell in enumerate(design.cells):
        target = design.targets[index] if design.targets else "-"
        weight = design.weights[index] if design.weights else 1
        lines.append(f"{cell[0]:>9}  {cell[1]:>14}  {target:>6}  {weight:>6g}")
        if numbers := [run[cell] for run in runs]:
            lines[-1] += f"  {mean(numbers):>14.1f}  {min(numbers):>6}  {max(numbers):>4}"
    return "\n".join(lines)


def describe_success(design: Design, scenario: Scenario, runs: Sequence[Counter[Cell]]) -> str:
    """Return how many finish in all, and whether that is enough."""
    totals = [run.total() for run in runs]
    lines = [f"In all, {min(totals)} to {max(totals)} finish, in {RUNS} simulated runs."]
    if scenario.duration * 1.5 > scenario.cutoff:
        lines += ["Many need longer than cutoff_time, so their places are given twice: raise it."]
    if design.targets:
        targets = Counter(dict(zip(design.cells, design.targets, strict=True)))
        reached = mean(targets <= run for run in runs)
        lines.append(f"Every target is reached in {reached:.0%} of the runs.")
    return "\n".join(lines)
