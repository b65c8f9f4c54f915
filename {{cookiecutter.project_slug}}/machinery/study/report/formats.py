"""Numbers as the page writes them."""

from datetime import UTC, datetime
from math import isfinite

from study.report.estimates import Estimate

NONE = "–"


def number(value: float, digits: int = 0) -> str:
    """Write a number with so many decimals; what is none, or beyond sense, as a dash."""
    if value is None or not isfinite(value):
        return NONE
    if abs(value) >= 1e15:
        return f"{value:.3g}"
    text = f"{value:,.{digits}f}"
    return text.replace("-", "\N{MINUS SIGN}") if float(value) else text


def significant(value: float) -> str:
    """Write a number of any size with at least four significant digits, as far as it has them."""
    if not isfinite(value) or value == 0 or not 1e-3 <= abs(value) < 1e15:
        return number(value) if isfinite(value) and value == 0 else f"{value:.4g}"
    text = number(value, max(0, 3 - len(str(int(abs(value)))) + 1))
    return text.rstrip("0").rstrip(".") if "." in text else text


def share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f}\N{NARROW NO-BREAK SPACE}%" if whole else NONE


def moment(seconds: float) -> str:
    """Write a time since 1970 as a date with hour and minute, UTC."""
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"
    except (OverflowError, ValueError, OSError):
        return f"{seconds:.4g} s after 1970"


def interval(found: Estimate, digits: int) -> str:
    """Write the ends of an interval, in brackets."""
    return f"[{number(found.low, digits)}, {number(found.high, digits)}]" * found.has_interval
