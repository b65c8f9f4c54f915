"""Quantiles, and means with their 95 % interval, of as many numbers as there are.

No function raises for odd numbers: of none, or where something overflows, the answer is NaN.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import atan, cos, exp, isfinite, lgamma, nan, pi, sqrt

STEPS = 1000


@dataclass(frozen=True)
class Estimate:
    """The mean of n values, and the interval of Student's t around it that holds 95 %."""

    n: int
    mean: float
    low: float
    high: float

    @property
    def has_interval(self) -> bool:
        return isfinite(self.low)


def estimate(values: Sequence[float]) -> Estimate:
    """Estimate a mean; of one value there is no interval."""
    n = len(values)
    if n < 2:
        return Estimate(n, values[0] if n else nan, nan, nan)
    mean = sum(values) / n
    # A product, not a power: that would raise OverflowError.
    variance = sum((value - mean) * (value - mean) for value in values) / (n - 1)
    margin = find_t(n - 1) * sqrt(variance / n) if isfinite(variance) else nan
    return Estimate(n, mean, mean - margin, mean + margin)


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return a quantile of sorted values as R (type 7) and pandas do."""
    if not ordered:
        return nan
    place = share * (len(ordered) - 1)
    below = int(place)
    low, high = ordered[below], ordered[min(below + 1, len(ordered) - 1)]
    return low + (high - low) * (place - below)


@cache
def find_t(freedom: int) -> float:
    """Return the t between whose negative and itself 95 % of Student's distribution lie."""
    least, most = 1.9, 12.8  # of infinitely many degrees of freedom, and of one
    while most - least > 1e-9:
        t = (least + most) / 2
        least, most = (t, most) if find_share(t, freedom) < 0.95 else (least, t)
    return most


def find_share(t: float, freedom: int) -> float:
    """Return how much of Student's distribution lies between -t and t.

    With t = √freedom · tan(angle), its density is proportional to cos(angle)^(freedom - 1).
    """
    scale = 2 * exp(lgamma((freedom + 1) / 2) - lgamma(freedom / 2)) / sqrt(pi)
    step = atan(t / sqrt(freedom)) / STEPS
    return scale * step * sum(cos((i + 0.5) * step) ** (freedom - 1) for i in range(STEPS))
