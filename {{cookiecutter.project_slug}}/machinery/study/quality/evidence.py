"""What a record says about how somebody took part: response times, signals, and one answer.

Signals are events of the browser (client/signals.js has their form), one for each window; those of
several windows are added. Whatever has another form is left out: nothing here fails.
"""

from collections import namedtuple
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from study.signals import SIGNALS

EVENT = "signals"  # the type of the events
TIME = "rt"  # the key of a trial's response time, in ms
QUESTION = "ai_use"  # about the use of AI
SECONDS = 10  # times that are all below are not in ms
NAMES = frozenset(SIGNALS)
MOST = 1e12  # of a number that is taken for one
# Characters that were pasted or dropped, by field, and that were copied from the page.
Paste = namedtuple("Paste", "pasted copied")
# Keys, those held for no time, intervals (ms) between keys in a field, and characters that came
# alone, without a key.
Typing = namedtuple("Typing", "keys brief intervals mean deviation alone")
# How often, and for how many seconds in all.
Hidden = namedtuple("Hidden", "times seconds")
# Events that a script made, of how many in all.
Untrusted = namedtuple("Untrusted", "made all")
# Mouse clicks; of these without a movement before, and on the exact centre.
Pointer = namedtuple("Pointer", "clicks jumps centred")
FORMS = {"typing": Typing, "hidden": Hidden, "untrusted": Untrusted, "pointer": Pointer}


@dataclass
class Evidence:
    """What is known about one participant. ``signals`` has those that were recorded."""

    times: list[float]  # ms
    signals: dict[str, Any]
    ai_use: str


def collect(times: Iterable, events: Iterable[tuple], ai_use: Any) -> Evidence:
    """Return what these say: values of ``rt``, types and values of events, and an answer."""
    signals: dict[str, Any] = {}
    for kind, value in events:
        if kind == EVENT and isinstance(value, dict):
            for name in value.keys() & NAMES:
                if (new := _read_signal(name, value[name])) is not None:
                    signals[name] = _add(signals[name], new) if name in signals else new
    return Evidence(_read_times(times), signals, ai_use if isinstance(ai_use, str) else "")


def _read_signal(name: str, value: Any) -> Any:
    """Return a signal, or None if it has not its form."""
    try:
        if name == "paste":
            pasted = {str(field): _number(n) for field, n in value.get("pasted", {}).items()}
            return Paste(pasted, _number(value.get("copied", 0)))
        return FORMS[name](*map(_number, value)) if name in FORMS else _number(value)
    except (AttributeError, TypeError, ValueError):
        return None


def _number(value: Any) -> float:
    if type(value) in (int, float) and 0 <= value <= MOST:
        return value
    raise ValueError


def _add(old: Any, new: Any) -> Any:
    """Add up the same signal of two windows."""
    match new:
        case Paste():
            fields = old.pasted.keys() | new.pasted.keys()
            pasted = {name: old.pasted.get(name, 0) + new.pasted.get(name, 0) for name in fields}
            return Paste(pasted, old.copied + new.copied)
        case Typing():
            number = (old.intervals + new.intervals) or 1
            mean = sum(each.intervals * each.mean for each in (old, new)) / number
            squares = sum(e.intervals * (e.deviation**2 + e.mean**2) for e in (old, new)) / number
            added = Typing(*map(sum, zip(old, new, strict=True)))
            return added._replace(mean=mean, deviation=max(0, squares - mean**2) ** 0.5)
        case tuple():
            return type(new)(*map(sum, zip(old, new, strict=True)))
    return old + new


def _read_times(values: Iterable) -> list[float]:
    numbers = [value for value in values if type(value) in (int, float) and 0 <= value <= MOST]
    return numbers if max(numbers, default=0) >= SECONDS else []
