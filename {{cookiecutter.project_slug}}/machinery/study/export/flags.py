"""Who is worth a look (study.quality), from the rows that a download makes of a record."""

from collections.abc import Iterable
from dataclasses import astuple
from typing import Any

from study.export.records import COLUMNS, WHOLE
from study.quality import collect, find_flags
from study.quality.evidence import QUESTION, TIME

FLAG_COLUMNS = ("flag", "reason", "value")


def flag_rows(found: dict[str, list[tuple]], keys: Iterable[str | None]) -> list[tuple]:
    """Return a participant's rows of quality.csv.

    ``found`` are the rows for the other files; ``keys`` are those of trials, as RecordReader has
    them.
    """
    events = ((kind, value) for kind, _, value, _ in found.get("eventdata", ()))
    answer = dict(found.get("questiondata", ())).get(QUESTION)
    times = read_times(found.get("trialdata", ()), list(keys))
    return [astuple(flag) for flag in find_flags(collect(times, events, answer))]


def read_times(trials: Iterable[tuple], keys: list[str | None]) -> list[Any]:
    """Return the response times: a column of their own, or in that of trials that are not split."""
    before = len(COLUMNS["trialdata"])
    if TIME in keys:
        place = before + keys.index(TIME)
        return [trial[place] for trial in trials]
    whole = [trial[before] for trial in trials] if keys[:1] == [WHOLE] else []
    return [trial.get(TIME) for trial in whole if isinstance(trial, dict)]
