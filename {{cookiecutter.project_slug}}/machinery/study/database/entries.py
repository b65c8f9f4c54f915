"""Adds to a stored record what it lacks: what static/js/record.js does in the browser.

A record grows by entries, numbered in each window of the browser, and says in ``windows`` how
many of each it has. So entries are added once, however often they come.
"""

import json
from collections.abc import Callable


def merged(stored: str, entries: str) -> str:
    """The record with those of the entries that it lacks; all three are JSON.

    Entries are a list of ``{window, number, kind, text}`` in their order; ``text`` is a JSON list.
    Raises ValueError if they are not, and RecursionError if they are too deep.
    """
    empty = {"currenttrial": 0, "data": [], "questiondata": {}, "eventdata": [], "windows": {}}
    record, listed = empty | json.loads(stored), json.loads(entries)
    if not isinstance(listed, list):
        raise ValueError("not a list")
    try:
        for entry in listed:
            window, number = entry["window"], entry["number"]
            if number > record["windows"].get(window, 0):
                KINDS[entry["kind"]](record, *json.loads(entry["text"]))
                record["windows"][window] = number
        return json.dumps(record, separators=(",", ":"), allow_nan=False)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError("not entries of this record") from error


def _add_trial(record: dict, trial: dict) -> None:
    number = record["currenttrial"]
    told = {"dateTime": trial["dateTime"], "trialdata": trial["trialdata"]}
    record["data"].append({"uniqueid": trial["uniqueid"], "current_trial": number} | told)
    record["currenttrial"] = number + 1


def _add_answer(record: dict, name: str, value: object = None) -> None:
    record["questiondata"][name] = value


def _add_event(record: dict, event: dict) -> None:
    record["eventdata"].append(event)


def _set_attributes(record: dict, attributes: dict) -> None:
    record.update(attributes)


KINDS: dict[str, Callable[..., None]] = {
    "trial": _add_trial,
    "answer": _add_answer,
    "event": _add_event,
    "attributes": _set_attributes,
}
