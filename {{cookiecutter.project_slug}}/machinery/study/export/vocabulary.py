"""The texts that trials use again and again, such as the names of conditions.

A decoder that knows them finds them instead of making them anew; and texts that are one object
are hashed, compared and written sooner, which saves 5 to 7 % of a download's time. Which ones are
known changes nothing about what is read.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, Union

MOST_WORDS = 12  # of a column; with more, its texts are free
MOST_LESSONS = 50  # each costs a new decoder; after that, texts are free everywhere
NO_TEXT = (int, float, bool, None, list, dict)

Words = frozenset[str] | None  # None: any text may come


class Vocabulary:
    """What is known about the column of each key."""

    def __init__(self):
        self._words: dict[str | None, Words] = {}
        self._lessons = 0

    def learn(self, keys: Sequence[str | None], trials: Iterable[tuple]) -> None:
        """Learn the texts of some trials, whose cells belong to these keys."""
        self._lessons += 1
        for key, cells in zip(keys, zip(*trials, strict=True), strict=False):
            if (known := self._of(key)) is not None:
                words = known.union(cell for cell in cells if type(cell) is str)
                self._words[key] = words if len(words) <= MOST_WORDS else None

    def words(self, keys: Iterable[str | None]) -> tuple[Words, ...]:
        """What each column's texts are."""
        return tuple(map(self._of, keys))

    def _of(self, key: str | None) -> Words:
        return self._words.get(key, frozenset()) if self._lessons <= MOST_LESSONS else None


def cell_type(words: Words) -> Any:
    """As msgspec takes it: whatever JSON can hold, but of texts only these."""
    if words is None:
        return Any
    return Union[*NO_TEXT, Literal[*sorted(words)]] if words else Union[*NO_TEXT]
