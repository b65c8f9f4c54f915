"""What columns hold: types, range, the values if they are few."""

import json
from collections.abc import Collection
from functools import lru_cache
from math import isfinite
from types import NoneType

import msgspec

MOST_VALUES = 12
LONGEST_VALUE = 40
SAMPLE = 100
KINDS = {str: "text", int: "integer", float: "number", bool: "true/false", list: "list",
         dict: "object"}  # fmt: skip
NUMBERS = {int, float}
NESTED = {list, dict}
EQUAL = {bool, int, float}  # 1, 1.0 and true are the same to a set
ODD = "NaN, Infinity or beyond 64 bits"
SMALLEST, LARGEST = -(2**63), 2**63 - 1
FORMULA = tuple("=+-@")  # how a text begins that a spreadsheet calculates


class Observed(msgspec.Struct):
    """One column. ``values`` is None if there are too many to list."""

    kinds: set[str] = msgspec.field(default_factory=set)
    missing: int = 0
    least: int | float | None = None
    most: int | float | None = None
    values: set[str] | None = msgspec.field(default_factory=set)
    formula: bool = False  # whether a text looks like one to a spreadsheet

    def add(self, cells: tuple) -> int:
        """Take these cells into account; returns how many of them are missing."""
        different = _few(cells)
        types = set(map(type, different or ()))
        if not types or types & EQUAL:
            types = set(map(type, cells))
        missing = cells.count(None) if NoneType in types else 0
        types.discard(NoneType)
        self.missing += missing
        self.kinds |= {KINDS[kind] for kind in types}
        if types & NESTED:
            self.values = None
        elif different:  # each needs one look
            cells = different if len(types) < 2 else [c for _, c in _typed(cells)]
        if types & NUMBERS:
            only = not missing and types <= NUMBERS
            self._measure(cells if only else [c for c in cells if type(c) in NUMBERS])
        if str in types and not self.formula:
            self.formula = any(type(cell) is str and cell[:1] in FORMULA for cell in cells)
        if self.values is not None:
            self._list(cells)
        return missing

    def merge(self, other: "Observed") -> None:
        """Take what was observed elsewhere into account."""
        self.kinds |= other.kinds
        self.missing += other.missing
        self.formula |= other.formula
        self._widen([end for end in (other.least, other.most) if end is not None])
        both = None if None in (self.values, other.values) else self.values | other.values
        self.values = both if both is not None and len(both) <= MOST_VALUES else None

    def _measure(self, numbers: Collection[int | float]) -> None:
        least, most, limit = min(numbers), max(numbers), 1e18
        # With NaN among them, both may be anything, but then the sum is NaN.
        if -limit <= least <= most <= limit and (total := sum(numbers)) == total:
            self._widen([least, most])
            return
        ordinary = [number for number in numbers if _is_ordinary(number)]
        if len(ordinary) < len(numbers):
            self.kinds.add(ODD)
        self._widen(ordinary)

    def _widen(self, numbers: Collection[int | float]) -> None:
        if numbers:
            least, most = min(numbers), max(numbers)
            self.least = least if self.least is None else min(least, self.least)
            self.most = most if self.most is None else max(most, self.most)

    def _list(self, cells: Collection) -> None:
        """List the values, or give up when there are too many."""
        shown = set()
        for cell in cells:
            if cell is not None:
                shown.add(_shown(cell))
            if len(shown) > MOST_VALUES:
                self.values = None
                return
        self.values |= shown


def _few(cells: tuple) -> set | None:
    """The different cells, if there seem to be few; None for lists and objects."""
    try:
        return set(cells) if len(set(cells[:SAMPLE])) <= MOST_VALUES else None
    except TypeError:
        return None


def _typed(cells: Collection) -> set[tuple[type, object]]:
    """The different values, each with its type."""
    return set(zip(map(type, cells), cells, strict=True))


def _is_ordinary(number: int | float) -> bool:
    return isfinite(number) if type(number) is float else SMALLEST <= number <= LARGEST


@lru_cache(typed=True)
def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
