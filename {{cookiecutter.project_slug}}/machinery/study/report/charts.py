"""Charts as coordinates: histograms, and strips of dots with a mean and its interval.

charts.html draws them, as SVG without text that stretches with the page, and labels in HTML that
keep their size. So a chart reads as well on a telephone as on paper, needs no script, and takes a
few hundred bytes: a plotting library's figure takes 20 kB or more, and a page may show 1,000.
"""

import random
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, isfinite, log10

from study.report.estimates import Estimate, quantile

WIDTH, HEIGHT = 1000, 100  # of the plane in which a chart is drawn
FENCES = 3  # so many interquartile ranges beyond the quartiles an axis ends
MOST_DOTS = 500  # of a strip
MOST_BINS, FEWEST_BINS, SMALL_BINS = 40, 6, 24
STEPS = (1, 2, 2.5, 5, 10)
TICKS = 5  # about
CROWD, SPREAD = 20, 0.9  # the width in which dots are counted, and the height of the densest
GOLDEN = 0.618034  # its multiples spread evenly


@dataclass(frozen=True)
class Axis:
    """From low to high, at multiples of a step. What lies beyond is drawn at the ends."""

    low: float
    high: float
    step: float

    def place(self, value: float) -> int:
        """Return where a value lies, from 0 to WIDTH."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(WIDTH * share)

    def is_exceeded(self, ordered: Sequence[float]) -> bool:
        """Return whether some of these sorted values lie beyond the axis."""
        return ordered[0] < self.low or ordered[-1] > self.high

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """The places of the labels, in percent, and the labels."""
        step = choose_step((self.high - self.low) / TICKS)
        digits = max(0, -floor(log10(step) + 1e-9) + (step / 10 ** floor(log10(step)) == 2.5))
        first, last = ceil(self.low / step - 1e-9), floor(self.high / step + 1e-9)
        values = (step * i for i in range(first, last + 1))
        return [(self.place(value) / 10, write_tick(value, digits)) for value in values]


def choose_step(about: float) -> float:
    """Return the number nearest to this that people like to count in."""
    power = 10.0 ** floor(log10(about))
    return power * min(STEPS, key=lambda each: abs(log10(each * power / about)))


def write_tick(value: float, digits: int) -> str:
    text = f"{value:,.{digits}f}" if abs(value) < 1e9 else f"{value:.3g}"
    return "0" if not float(value) else text.replace("-", "\N{MINUS SIGN}", 1)


def make_axis(ordered: Sequence[float], parts: int, ends: tuple = ()) -> Axis | None:
    """Make an axis for sorted values in about so many parts; None if no axis can hold them.

    It reaches as far as the values, or FENCES if some lie far out, and holds the ``ends``.
    """
    if not ordered:
        return None
    low, high = ordered[0], ordered[-1]
    first, third = quantile(ordered, 0.25), quantile(ordered, 0.75)
    if third > first:
        margin = FENCES * (third - first)
        low, high = max(low, first - margin), min(high, third + margin)
    low, high = min(low, *ends, high), max(high, *ends, low)
    if high == low:
        low, high = low - abs(low) / 10 - (low == 0), high + abs(high) / 10 + (high == 0)
    rough = (high - low) / parts
    if not isfinite(rough) or rough <= abs(low) * 1e-12 or rough < 1e-300:
        return None
    step = choose_step(rough)
    return Axis(floor(low / step + 1e-9) * step, ceil(high / step - 1e-9) * step, step)


@dataclass(frozen=True)
class Histogram:
    """Bars over an axis, the highest of a group of histograms 100 high."""

    group: str
    n: int
    bars: str  # a path
    median: float
    place: float  # of the median, in percent


@dataclass(frozen=True)
class Histograms:
    """One histogram for each group, over one axis, and whether values lie beyond it."""

    axis: Axis
    groups: list[Histogram]
    has_beyond: bool


def draw_histograms(groups: dict[str, Sequence[float]]) -> Histograms | None:
    """Draw the distribution in each group, as shares of it; None if there is none to draw."""
    groups = {group: sorted(values) for group, values in groups.items() if len(values)}
    everything = sorted(value for values in groups.values() for value in values)
    bins = min(MOST_BINS, max(FEWEST_BINS, ceil(3 * len(everything) ** (1 / 3))))
    axis = make_axis(everything, bins)
    if not axis:
        return None
    shares = {group: count_bins(values, axis) for group, values in groups.items()}
    top = max(count / len(groups[group]) for group in groups for count in shares[group])
    drawn = []
    for group, values in groups.items():
        median = quantile(values, 0.5)
        heights = [count / len(values) / top for count in shares[group]]
        place = axis.place(median) / 10
        drawn.append(Histogram(group, len(values), draw_bars(heights), median, place))
    return Histograms(axis, drawn, axis.is_exceeded(everything))


def draw_small(ordered: Sequence[float]) -> str:
    """Draw the distribution of sorted values without an axis; empty if that says nothing."""
    axis = make_axis(ordered, SMALL_BINS)
    if not axis or ordered[0] == ordered[-1]:
        return ""
    counts = count_bins(ordered, axis)
    return draw_bars([count / max(counts) for count in counts])


def count_bins(ordered: Sequence[float], axis: Axis) -> list[int]:
    """Count the values in each step of the axis; the first and last take what lies beyond."""
    number = max(1, round((axis.high - axis.low) / axis.step))
    inner = (bisect_left(ordered, axis.low + axis.step * i) for i in range(1, number))
    return [end - start for start, end in pairwise((0, *inner, len(ordered)))]


def draw_bars(heights: Sequence[float]) -> str:
    """Return the outline of bars side by side, from 0 to 1 high; an empty one has no height."""
    edges = [round(WIDTH * i / len(heights)) for i in range(len(heights) + 1)]
    tops = (HEIGHT - max(height > 0, round(HEIGHT * height)) for height in heights)
    sides = zip(tops, pairwise(edges), strict=True)
    return f"M0 {HEIGHT}" + "".join(f"V{top}h{b - a}" for top, (a, b) in sides) + f"V{HEIGHT}z"


@dataclass(frozen=True)
class Strip:
    """The values of a group as dots, with their mean and its interval, in WIDTH and HEIGHT."""

    group: str
    estimate: Estimate
    dots: str  # a path
    mean: int | None = None
    low: int | None = None
    high: int | None = None


@dataclass(frozen=True)
class Strips:
    """One strip for each group, over one axis; ``zero`` is a place in percent if it is on it.

    If ``is_sampled``, there are more values than dots.
    """

    axis: Axis
    strips: list[Strip]
    zero: float | None
    is_sampled: bool
    has_beyond: bool


def draw_strips(
    groups: dict[str, Sequence[float]],
    estimate: Callable[[Sequence[float]], Estimate],
    *ends: float,
) -> Strips | None:
    """Draw the values in each group; None if there are none to draw. The axis holds ``ends``."""
    groups = {group: sorted(values) for group, values in groups.items() if len(values)}
    everything = sorted(value for values in groups.values() for value in values)
    axis = make_axis(everything, 6, ends)
    if not axis:
        return None
    strips = [draw_strip(group, values, estimate(values), axis) for group, values in groups.items()]
    zero = axis.place(0) / 10 if axis.low < 0 < axis.high else None
    is_sampled = max(map(len, groups.values())) > MOST_DOTS
    return Strips(axis, strips, zero, is_sampled, axis.is_exceeded(everything))


def draw_strip(group: str, ordered: list[float], found: Estimate, axis: Axis) -> Strip:
    if len(ordered) > MOST_DOTS:
        ordered = sorted(random.Random(0).sample(ordered, MOST_DOTS))
    dots = spread_dots([axis.place(value) for value in ordered])
    if not isfinite(found.mean):
        return Strip(group, found, dots)
    mean = axis.place(found.mean)
    ends = map(axis.place, (found.low, found.high)) if found.has_interval else (mean, mean)
    return Strip(group, found, dots, mean, *ends)


def spread_dots(places: list[int]) -> str:
    """Return the path of dots, which lie the further from the middle the more there are."""
    crowds = Counter(place // CROWD for place in places)
    most = max(crowds.values())
    path = []
    for number, place in enumerate(places):
        off = (number * GOLDEN % 1 - 0.5) * crowds[place // CROWD] / most
        path.append(f"M{place} {round(HEIGHT * (0.5 + SPREAD * off))}h0")
    return "".join(path)
