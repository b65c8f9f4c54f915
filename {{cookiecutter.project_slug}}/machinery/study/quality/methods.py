"""The paragraph for the Methods: what was recorded and computed, and how many were flagged."""

from collections import Counter
from collections.abc import Collection, Iterable

from study.messages import pluralize
from study.quality.evidence import QUESTION, TIME
from study.signals import METHODS, enumerate_words


def write_methods(
    participants: int, flags: Iterable[tuple[str, str]], known: Collection[str], version: str
) -> str:
    """Return the paragraph; what only the researcher knows is in [brackets].

    ``flags`` are pairs of participant and flag. ``known`` has the signals that were recorded, TIME
    if trials have response times, and QUESTION if it was asked.
    """
    signals = [words for name, words in METHODS.items() if name in known]
    sentences = [
        "We examined whether people or programs had taken part.",
        f"With consent, participants' browsers recorded {'; '.join(signals)}." if signals else "",
        "We looked for response times too short or too regular for a person." * (TIME in known),
        "Participants were asked whether they had used an AI tool." * (QUESTION in known),
        f"The rules and their limits are those of psiturk-heroku {version}.",
        _describe_flags(participants, set(flags)),
        "[We looked at the data of each of them and excluded N, because …]" if flags else "",
    ]
    return " ".join(filter(None, sentences))


def _describe_flags(participants: int, flags: set[tuple[str, str]]) -> str:
    people = pluralize(participants, "participant")
    if not flags:
        return f"Of {people}, none was flagged."
    number = len({name for name, _ in flags})
    # In one order: sets have another in each process, and `most_common` keeps that of equals.
    counts = Counter(sorted(flag.replace("_", " ") for _, flag in flags)).most_common()
    named = enumerate_words([f"{flag} ({count:,})" for flag, count in counts])
    return f"Of {people}, {number:,} {'was' if number == 1 else 'were'} flagged: {named}."
