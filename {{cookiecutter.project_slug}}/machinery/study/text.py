"""Numbers in sentences."""


def several(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: ``1 participant``, ``2,000 participants``."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
