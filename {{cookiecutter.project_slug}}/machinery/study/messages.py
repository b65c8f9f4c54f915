"""What people read: errors with a remedy, numbers with nouns, texts without what would harm."""

import re


class StudyError(Exception):
    """A problem that the reader can solve; it is printed, never shown as a traceback.

    ``cause`` says what went wrong, ``remedy`` what to do next, and ``left`` what
    exists now (files, apps, costs), if anything does.
    """

    def __init__(self, cause: str, remedy: str, left: str = "") -> None:
        super().__init__(cause)
        self.cause, self.remedy, self.left = cause, remedy, left

    def __str__(self) -> str:
        return "\n".join(filter(None, (self.cause, self.remedy, self.left)))


def pluralize(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: ``1 participant``, ``2,000 participants``."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def printable(text: str) -> str:
    """The text on one line, with \ufffd for each character that a terminal would obey."""
    return "".join(each if each.isprintable() else "\ufffd" for each in text)


def mask_passwords(text: str) -> str:
    """The text with ``***`` for the password of each URL in it, whatever signs that has."""
    return re.sub(r"(://[^\s:/@]*):\S*@", r"\1:***@", text)
