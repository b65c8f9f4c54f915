"""The rules: from when on something is worth a look, and in which words that is said.

Limits are set so that hardly any person is flagged; docs/quality.md of the study gives the reasons.
A rule is given one signal, or the response times, or the answer about AI.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from study.messages import pluralize
from study.quality.evidence import Evidence
from study.signals import enumerate_words

HABIT = 0.8  # the share of keys or clicks that makes one
FEWEST_KEYS, FEWEST_CLICKS, FEWEST_EVENTS, FEWEST_TIMES = 20, 5, 5, 30
PASTED, COPIED, ALONE = 10, 20, 20  # characters
EVEN_TYPING = 0.15  # standard deviation of the intervals between keys, by their mean
FAST_TYPING = 40  # ms from key to key; the fastest typists need about 60
AWAY_TIMES, AWAY_MINUTES = 20, 15
FAST, FAST_SHARE = 150, 0.2  # ms, in which nobody sees, decides and answers
EVEN_TIMES = 0.06  # distance of the quartiles by the median
INNOCENT = ("", "no", "no answer", "to understand")  # answers about the use of AI


@dataclass(frozen=True)
class Flag:
    """Something to look at: its name, why, and the number or answer behind it."""

    flag: str
    reason: str
    value: float | str


def find_flags(evidence: Evidence) -> list[Flag]:
    """Return the flags of a participant, in the order of RULES."""
    known = evidence.signals | {"times": evidence.times, "ai_use": evidence.ai_use}
    return [flag for name, rule in RULES.items() if name in known for flag in rule(known[name])]


def look_at_paste(paste: Any) -> Iterator[Flag]:
    pasted, copied = int(sum(paste.pasted.values())), int(paste.copied)
    if pasted >= PASTED:
        where = enumerate_words(sorted(paste.pasted))
        reason = f"Pasted or dropped {pluralize(pasted, 'character')} into {where}."
        yield Flag("pasted", reason, pasted)
    if copied >= COPIED:
        yield Flag("copied", f"Copied {pluralize(copied, 'character')} of the text.", copied)


def look_at_typing(typing: Any) -> Iterator[Flag]:
    if typing.alone >= ALONE:
        characters = pluralize(int(typing.alone), "character")
        reason = f"{characters} came into text fields without a key; dictation does that, too."
        yield Flag("text_without_keys", reason, typing.alone)
    if typing.keys >= FEWEST_KEYS and typing.brief >= HABIT * typing.keys:
        reason = f"Held {share(typing.brief, typing.keys, 'keys')} for less than 15 ms."
        yield Flag("brief_keys", reason, ratio(typing.brief, typing.keys))
    if typing.intervals < FEWEST_KEYS:
        return
    if typing.mean < FAST_TYPING:
        yield Flag("fast_typing", f"Typed a key every {typing.mean:.0f} ms.", typing.mean)
    elif typing.deviation < EVEN_TYPING * typing.mean:
        reason = f"Typed a key every {typing.mean:.0f} ms, give or take {typing.deviation:.0f} ms."
        yield Flag("even_typing", reason, ratio(typing.deviation, typing.mean))


def look_at_hidden(hidden: Any) -> Iterator[Flag]:
    if hidden.times >= AWAY_TIMES or hidden.seconds >= 60 * AWAY_MINUTES:
        times, minutes = pluralize(int(hidden.times), "time"), hidden.seconds / 60
        reason = f"Had the page hidden {times}, {minutes:.1f} minutes in all."
        yield Flag("away", reason, hidden.seconds)


def look_at_untrusted(untrusted: Any) -> Iterator[Flag]:
    if untrusted.made >= FEWEST_EVENTS and untrusted.made >= untrusted.all / 2:
        reason = f"A script made {share(untrusted.made, untrusted.all, 'clicks and keys')}."
        yield Flag("untrusted", reason, ratio(untrusted.made, untrusted.all))


def look_at_webdriver(driven: float) -> Iterator[Flag]:
    if driven:
        yield Flag("webdriver", "The browser said that a program steered it.", 1)


def look_at_hidden_field(filled: float) -> Iterator[Flag]:
    if filled:
        yield Flag("hidden_field", "A field that people do not see was filled in.", 1)


def look_at_pointer(pointer: Any) -> Iterator[Flag]:
    clicks = pointer.clicks
    if clicks < FEWEST_CLICKS:
        return
    if pointer.jumps >= HABIT * (clicks - 1):  # before the first, nothing is known
        reason = f"The mouse did not move before {share(pointer.jumps, clicks, 'clicks')}."
        yield Flag("pointer_jumps", reason, ratio(pointer.jumps, clicks))
    if pointer.centred >= HABIT * clicks:
        reason = f"{share(pointer.centred, clicks, 'clicks')} hit the exact centre."
        yield Flag("pointer_centred", reason, ratio(pointer.centred, clicks))


def look_at_times(times: list[float]) -> Iterator[Flag]:
    if (number := len(times)) < FEWEST_TIMES:
        return
    ordered = sorted(times)
    if (fast := bisect_left(ordered, FAST)) >= FAST_SHARE * number:
        reason = f"Gave {share(fast, number, 'answers')} within {FAST} ms."
        yield Flag("fast_times", reason, ratio(fast, number))
    lower, median, upper = (ordered[number * quarter // 4] for quarter in (1, 2, 3))
    if upper - lower < EVEN_TIMES * median:
        reason = f"Half of the {number} response times are from {lower:.0f} to {upper:.0f} ms."
        yield Flag("even_times", reason, ratio(upper - lower, median))


def look_at_ai_use(answer: str) -> Iterator[Flag]:
    if answer not in INNOCENT:
        yield Flag("ai_use", f"Said about the use of AI: {answer}.", answer)


RULES: dict[str, Callable[[Any], Iterator[Flag]]] = {
    "webdriver": look_at_webdriver,
    "untrusted": look_at_untrusted,
    "hidden_field": look_at_hidden_field,
    "paste": look_at_paste,
    "typing": look_at_typing,
    "pointer": look_at_pointer,
    "hidden": look_at_hidden,
    "times": look_at_times,
    "ai_use": look_at_ai_use,
}


def share(part: float, whole: float, noun: str) -> str:
    return f"{part:,.0f} of {whole:,.0f} {noun}"


def ratio(part: float, whole: float) -> float:
    return round(part / whole, 3)
