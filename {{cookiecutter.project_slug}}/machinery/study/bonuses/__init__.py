"""The bonus rule that custom.py may define, and which `study bonuses` asks about participants.

Needs no database, since custom.py imports it; custom.py has an example.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from study.messages import StudyError


@dataclass(frozen=True)
class Participant:
    """A participant as the bonus rule sees them.

    ``trials`` is what the experiment recorded with recordTrialData, in order; ``questions`` what
    it recorded with recordUnstructuredData, by name; ``events`` what psiTurk's client noted about
    the window. ``record`` is the whole record as the browser sent it, ``status`` psiTurk's number.
    """

    worker: str
    assignment: str
    condition: int
    counterbalance: int
    status: int
    mode: str
    trials: list
    questions: dict
    events: list
    record: dict


Rule = Callable[[Participant], object]
_rules: list[Rule] = []


def bonus(rule: Rule) -> Rule:
    """Make a function the study's bonus rule.

    It is called with one finished participant and returns an amount in the currency of
    config.txt, 0 for no bonus.
    """
    _rules.append(rule)
    return rule


def find_rule() -> Rule:
    """Return the rule that custom.py has registered. Raises StudyError unless there is just one."""
    if not _rules:
        remedy = "Write a function of a participant with @bonus above it; custom.py has an example."
        raise StudyError("custom.py has no bonus rule.", remedy)
    if len(_rules) > 1:
        names = " and ".join(rule.__name__ for rule in _rules)
        cause = f"custom.py has more than one bonus rule: {names}."
        raise StudyError(cause, "Keep @bonus above one of them.")
    return _rules[0]


def read_participant(row: Mapping) -> Participant:
    """Return a row of psiTurk's table as a rule sees it.

    Raises ValueError, KeyError or TypeError if there is no record or it has another form.
    """
    if not row["datastring"]:
        raise ValueError("nothing was saved")
    record = json.loads(row["datastring"])
    return Participant(
        worker=row["workerid"],
        assignment=row["assignmentid"],
        condition=row["cond"],
        counterbalance=row["counterbalance"],
        status=row["status"],
        mode=row["mode"],
        trials=[trial["trialdata"] for trial in record["data"]],
        questions=record["questiondata"],
        events=record["eventdata"],
        record=record,
    )
