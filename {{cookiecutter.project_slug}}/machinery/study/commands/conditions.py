"""What a design will give: `study conditions --simulate`.

Participants come at random moments, some drop out, and the others finish; each gets a
condition by the study's own rule (study/store/design.py), with places given again after
cutoff_time.
"""

import heapq
import random
from collections import Counter, deque
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from study import config
from study.database.design import Cell, Design

RUNS = 200


@dataclass(frozen=True)
class Crowd:
    """Who will come. Times are in minutes."""

    participants: int
    drop_out: float  # share of those who begin
    duration: float  # median of those who finish
    per_hour: float
    cutoff: float


def run_simulation(participants: int, drop_out: float, duration: float, per_hour: float) -> None:
    """Print what the design in config.txt gives. Raises StudyError if it cannot be read."""
    options = config.read(Path.cwd()).study
    design = Design.of(options)
    count = participants or sum(design.targets) or 30 * len(design.cells)
    crowd = Crowd(count, drop_out, duration, per_hour, options.cutoff_minutes)
    print("\n".join(describe(design, crowd, [simulate(design, crowd, n) for n in range(RUNS)])))


def show_design() -> None:
    """Print the cells with their targets and weights. Raises StudyError as above."""
    design = Design.of(config.read(Path.cwd()).study)
    print("Condition  counterbalance  target  weight")
    for index, (condition, order) in enumerate(design.cells):
        target = design.targets[index] if design.targets else "-"
        weight = design.weights[index] if design.weights else 1
        print(f"{condition:>9}  {order:>14}  {target:>6}  {weight:>6g}")
    print("What will come of it: uv run study conditions --simulate")
    print("Who is in which condition now: uv run study status")


def simulate(design: Design, crowd: Crowd, seed: int) -> Counter[Cell]:
    """How many finish in each cell, in one run of the study."""
    chance = random.Random(seed)
    finished: Counter[Cell] = Counter()
    coming: dict[int, Cell] = {}  # who began within the cutoff and has not finished
    begun: deque[tuple[float, int]] = deque()
    working: list[tuple[float, int, Cell]] = []  # a heap, by the time of finishing
    now = 0.0
    for person in range(crowd.participants):
        now += chance.expovariate(crowd.per_hour / 60)
        while working and working[0][0] <= now:
            _, who, cell = heapq.heappop(working)
            finished[cell] += 1
            coming.pop(who, None)
        while begun and begun[0][0] <= now - crowd.cutoff:
            coming.pop(begun.popleft()[1], None)
        cell = design.choose(finished + Counter(coming.values()), chance.choice)
        coming[person] = cell
        begun.append((now, person))
        if chance.random() >= crowd.drop_out:
            end = now + crowd.duration * chance.lognormvariate(0, 0.3)
            heapq.heappush(working, (end, person, cell))
    finished.update(cell for _, _, cell in working)
    return finished


def describe(design: Design, crowd: Crowd, runs: list[Counter[Cell]]) -> list[str]:
    """The result in words and a table."""
    lines = [
        f"{crowd.participants} participants begin, {crowd.per_hour:g} an hour; "
        f"{crowd.drop_out:.0%} drop out, the others need about {crowd.duration:g} minutes.",
        f"Who has not finished after {crowd.cutoff:g} minutes (cutoff_time) no longer counts.",
        "",
        f"Condition  counterbalance  {'target':>6}  finished: mean  fewest  most",
    ]
    for index, cell in enumerate(design.cells):
        numbers = [run[cell] for run in runs]
        target = design.targets[index] if design.targets else "-"
        lines.append(
            f"{cell[0]:>9}  {cell[1]:>14}  {target:>6}  {mean(numbers):>14.1f}"
            f"  {min(numbers):>6}  {max(numbers):>4}"
        )
    total = [run.total() for run in runs]
    finish = f"All together {min(total)} to {max(total)} finish"
    lines += ["", f"{finish}, in {len(runs)} simulated runs."]
    if crowd.duration * 1.5 > crowd.cutoff:
        lines.append(
            "Many need longer than cutoff_time, so their places are given twice: raise it."
        )
    if design.targets:
        wanted = dict(zip(design.cells, design.targets, strict=True))
        reached = mean(all(run[cell] >= wanted[cell] for cell in wanted) for run in runs)
        lines.append(f"Every target is reached in {reached:.0%} of the runs.")
    return lines
