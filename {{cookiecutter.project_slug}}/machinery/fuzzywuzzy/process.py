"""Where psiTurk's shell looks for the nearest of its commands."""

from collections.abc import Iterable
from difflib import SequenceMatcher


def extractOne(query: str, choices: Iterable[str]) -> tuple[str, float] | None:  # noqa: N802
    """Return the choice that resembles the query most, and how much: from 0 to 100."""
    scores = [(100 * SequenceMatcher(None, query, each).ratio(), each) for each in choices]
    return max(scores, key=lambda scored: scored[0])[::-1] if scores else None
