"""What custom.py can decide with a decorator, without knowing the machinery.

from study.bonuses.rules import bonus

@bonus
def bonus_of(participant):
    return 0.50
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from study.errors import StudyError


@dataclass(frozen=True)
class Participant:
    """One participant as a rule sees them.

    ``trials`` are what the experiment recorded with recordTrialData, in order, ``questions``
    its recordUnstructuredData by name, ``events`` what psiTurk's client notes about the
    window. ``record`` is all of it, as the browser sent it. ``status`` is psiTurk's number.
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
_bonus_rules: list[Rule] = []


def bonus(rule: Rule) -> Rule:
    """Make a function of custom.py the study's bonus rule.

    It gets one finished participant and returns an amount in the currency of config.txt, 0
    for no bonus. `study bonuses` calls it; nothing else does.
    """
    _bonus_rules.append(rule)
    return rule


def bonus_rule() -> Rule | None:
    """The rule that custom.py has registered, if any. Raises StudyError if there are two."""
    if len(_bonus_rules) > 1:
        names = " and ".join(rule.__name__ for rule in _bonus_rules)
        raise StudyError(
            f"custom.py has more than one bonus rule: {names}.", "Leave @bonus before one of them."
        )
    return _bonus_rules[0] if _bonus_rules else None


def read_participant(row: Mapping) -> Participant:
    """A row of psiTurk's table as a rule sees it.

    Raises ValueError, KeyError or TypeError if nothing was saved or it has another form.
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
