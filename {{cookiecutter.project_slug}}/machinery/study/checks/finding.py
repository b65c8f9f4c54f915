"""A mistake in the researcher's files: where it is, what is wrong, and what to type."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Finding:
    """``file`` is relative to the study's folder, with slashes; ``line`` counts from 1.

    ``colour`` is red if a participant would meet it, and yellow if it may be meant that way.
    """

    file: str
    line: int
    what: str
    remedy: str
    colour: str = "red"

    def __str__(self) -> str:
        return f"{self.place}: {self.what}. {self.remedy}"

    @property
    def place(self) -> str:
        return f"{self.file}, line {self.line}" if self.line else self.file


def suggest(name: str, names: Iterable[str], otherwise: str) -> str:
    """The name that may be meant by one that does not exist; otherwise what else to do."""
    similar = difflib.get_close_matches(name, names, n=1, cutoff=0.75)
    return f"Did you mean {similar[0]}?" if similar else otherwise
