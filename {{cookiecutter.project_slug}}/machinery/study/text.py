"""Texts that people read."""

import re


def pluralize(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: ``1 participant``, ``2,000 participants``."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def mask_passwords(text: str) -> str:
    """The text with ``***`` for the password of each URL in it, whatever signs that has."""
    return re.sub(r"(://[^\s:/@]*):\S*@", r"\1:***@", text)
