"""What a column of a table holds, in bounded memory however many rows it has.

A text is shown only if two participants or more gave it, so that nobody's words, and no id that
a task wrote into its data, reach the page.
"""

import random
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from math import inf, isfinite

NUMBERS = 8_000_000  # kept of all columns of a file together: 64 MB
FEW = 12  # different values, each of which is shown
MOST_TEXTS = 1000  # different ones that are counted
LONGEST = 60  # characters of a text
MISSING = ("", "NA")  # NA: as R writes it, and R and pandas read it
# Their names say what they hold, whatever it looks like: 12e3 may be part of a hash.
IDS = ("participant", "worker")
WORDS = ("codeversion", "commit", "machinery")
TIMES = ("beginhit", "beginexp", "endhit", "dateTime", "timestamp")
SHARED = object()


class Column:
    """A summary of the cells of a column.

    ``numbers`` is a sample if there are more than ``most``; then ``is_sampled``. ``texts`` counts
    rows by text, or is None if there are too many different ones.
    """

    def __init__(self, name: str, most: int = NUMBERS):
        self.name, self.rows, self.missing, self.odd, self.nested = name, 0, 0, 0, 0
        self.numbers = array("d")
        self.least, self.greatest, self.numeric = inf, -inf, 0
        self.values: Counter[float] | None = Counter()  # while they are few
        self.texts: Counter[str] | None = Counter()
        self.textual = 0
        self._owners: dict[str, object] = {}
        self._most, self._rate = most, 1.0
        self._chance = random.Random(name)  # the same page of the same data

    @property
    def is_sampled(self) -> bool:
        return self._rate < 1

    @property
    def is_time(self) -> bool:
        return self.name in TIMES

    @property
    def shown_texts(self) -> list[tuple[str, int]]:
        """The texts that two participants or more gave, the commonest first."""
        counted = (self.texts or Counter()).most_common()
        return [(text, rows) for text, rows in counted if self._owners[text] is SHARED]

    def add(self, cells: Sequence[str], participants: Sequence[str]) -> None:
        """Take the cells of some rows into account."""
        counts = Counter(cells)
        self.rows += len(cells)
        self.missing += sum(counts.pop(word, 0) for word in MISSING)
        if self.name in IDS:
            return
        numbers, texts = self._read(counts)
        if numbers:
            self._add_numbers(numbers, counts)
        if texts:
            self._add_texts(texts, counts, zip(cells, participants, strict=True))

    def _read(self, counts: Counter[str]) -> tuple[dict[str, float], set[str]]:
        """Return the cells that are numbers, and those that are texts."""
        if self.name in WORDS:
            return {}, set(counts)
        if not self.is_time:
            with suppress(ValueError):  # usually all are
                return dict(zip(counts, map(float, counts), strict=True)), set()
        read = {cell: read_number(cell, self.is_time) for cell in counts}
        numbers = {cell: number for cell, number in read.items() if number is not None}
        return numbers, counts.keys() - numbers.keys()

    def _add_numbers(self, numbers: dict[str, float], counts: Counter[str]) -> None:
        finite = [n for cell, n in numbers.items() for _ in range(counts[cell]) if isfinite(n)]
        self.odd += sum(counts[cell] for cell in numbers) - len(finite)
        if not finite:
            return
        self.numeric += len(finite)
        self.least, self.greatest = min(self.least, *finite), max(self.greatest, *finite)
        if self.values is not None:
            self.values.update(finite)
            if len(self.values) > FEW:
                self.values = None
        if self._rate < 1:
            finite = [number for number in finite if self._chance.random() < self._rate]
        self.numbers.extend(finite)
        while len(self.numbers) > self._most:
            half = (number for number in self.numbers if self._chance.random() < 0.5)
            self.numbers, self._rate = array("d", half), self._rate / 2

    def _add_texts(self, texts: set[str], counts: Counter, owned: Iterable[tuple]) -> None:
        for text in texts:
            self.textual += counts[text]
            self.nested += counts[text] if text[0] in "[{" else 0
        if self.texts is None:
            return
        for text in texts:
            self.texts[text[:LONGEST]] += counts[text]
        for text, owner in {(cell[:LONGEST], name) for cell, name in owned if cell in texts}:
            if self._owners.setdefault(text, owner) != owner:
                self._owners[text] = SHARED
        if len(self.texts) > MOST_TEXTS:
            self.texts = None


def read_number(cell: str, is_time: bool = False) -> float | None:
    """Return the number in a cell, of times the seconds since 1970; None if it is a text."""
    try:
        return float(cell) / (1000 if is_time else 1)
    except ValueError:
        if not is_time:
            return None
    try:
        time = datetime.fromisoformat(cell)
    except ValueError:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def read_truth(cell: str) -> bool | None:
    """Return whether a cell says true, as JSON, Python, R and spreadsheets write it."""
    word = cell.lower()
    return word in ("true", "1") if word in ("true", "1", "false", "0") else None
