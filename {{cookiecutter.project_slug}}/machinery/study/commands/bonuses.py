"""Asks custom.py's rule for everybody's bonus and writes them down: `study bonuses`.

Nothing is paid here. In what form a recruiter takes bonuses is in payments.py, who was
written down before in ledger.py.
"""

import importlib
import sys
import traceback
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from numbers import Real
from pathlib import Path

from sqlalchemy import func, select

from study import config
from study.bonuses.files import TO_PAY, Bonus, by_worker, files_for, total, write_parts
from study.bonuses.ledger import STAMP, Ledger
from study.bonuses.rules import Rule, bonus_rule, read_participant
from study.database.reader import find_key, find_study
from study.errors import StudyError
from study.export import read_key
from study.export.pseudonyms import pseudonym
from study.heroku.wanted import read_wanted
from study.recruiters import Recruiter
from study.statuses import FINISHED, TEST_MODES, UNPAID_MODES
from study.text import pluralize

ROWS_AT_ONCE = 50  # a record may have hundreds of kilobytes


@dataclass
class Payable:
    """What the rule gave: bonuses, how many get none, and where it gave no amount."""

    bonuses: list[Bonus] = field(default_factory=list)
    without: int = 0
    problems: list[str] = field(default_factory=list)


def run_bonuses(folder: Path, local: bool, again: bool, out: Path) -> bool:
    """`study bonuses`: returns whether the rule gave an amount for everybody.

    ``again`` also writes those who were written down before. Raises StudyError.
    """
    participants, settings = find_study(folder, local)
    if participants.table is None:
        print("Nobody has opened the study yet, so there are no bonuses.")
        return True
    ledger = Ledger.of(participants, local)
    recruiter, currency = settings.study.recruiter, settings.study.currency
    ledger.settle(out)
    for line in ledger.describe():
        print(line)
    rule, names = load_rule(folder), read_key(folder)
    found = ask_rule(ledger, real_modes(recruiter), rule, again, names)
    if found.bonuses:
        key = find_key(participants, settings) if recruiter.name == "link" else ""
        files = files_for(recruiter, found.bonuses, currency, again, key)
        now = datetime.now(UTC).replace(microsecond=0, tzinfo=None)
        name = f"{now:{STAMP}}-{'local-' * local}{'again-' * again}{recruiter.name}"
        paths = write_parts(files, out, name)
        ledger.remember(found.bonuses, currency, now, paths, set_column=recruiter.name == "mturk")
        report(found.bonuses, currency)
        for path, lines in zip(paths, files.values(), strict=True):
            print(f"  {len(lines) - (path.suffix == '.csv'):>5} lines  {path}")
        print(TO_PAY[recruiter.name].format(app=read_wanted(folder).app))
    else:
        print("Nobody new gets a bonus, so no file was written.")
    if found.without:
        print(f"Without a bonus: {pluralize(found.without, 'finished participant')}.")
    report_others(ledger, recruiter)
    if local:
        found.problems += try_rule(ledger, rule, names, currency)
    report_problems(found.problems)
    return not found.problems


def real_modes(recruiter: Recruiter) -> list[str]:
    """The modes of those who are paid: MTurk's sandbox has no money."""
    return [mode for mode in recruiter.modes if mode not in UNPAID_MODES]


def load_rule(folder: Path) -> Rule:
    """The bonus rule of custom.py. Raises StudyError if it has none or cannot be imported."""
    config.load()  # prepares the environment: psiTurk's modules read it when they are imported
    sys.path.insert(0, str(folder))
    try:
        importlib.import_module("custom")
    except Exception as error:  # the researcher's file can do anything
        raise StudyError(
            f"custom.py cannot be used: {describe(error)}.", "Correct it, then run this again."
        ) from error
    if not (rule := bonus_rule()):
        raise StudyError(
            "custom.py has no bonus rule.",
            "Write a function of a participant with @bonus before it; custom.py has an example.",
        )
    return rule


def ask_rule(ledger: Ledger, modes: list[str], rule: Rule, again: bool, names: bytes) -> Payable:
    """Ask about everybody who finished and was not written down before, or ``again`` all.

    ``names`` is the key for the pseudonyms under which problems are told.
    """
    found = Payable()
    query = ledger.finished(modes, again)
    with ledger.participants.snapshot() as connection:
        rows = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(query)
        for row in rows.mappings():
            try:
                amount = read_amount(rule(read_participant(row)))
            except Exception as error:  # the rule is the researcher's, the record a browser's
                who = pseudonym(names, row["uniqueid"].encode())
                found.problems.append(f"{who}: {describe(error)}")
                continue
            if amount:
                ids = (row[name] for name in ("uniqueid", "workerid", "assignmentid", "hitid"))
                found.bonuses.append(Bonus(*ids, amount, row["exported"]))
            else:
                found.without += 1
    return found


def try_rule(ledger: Ledger, rule: Rule, names: bytes, currency: str) -> list[str]:
    """Show what the rule gives the researcher's own trial runs; returns what went wrong."""
    tried = ask_rule(ledger, list(TEST_MODES), rule, True, names)
    for one in tried.bonuses:
        who = pseudonym(names, one.uniqueid.encode())
        print(f"Trial run {who}, in no file: {one.amount} {currency}")
    return tried.problems


def read_amount(value: object) -> Decimal:
    """What a rule returned, in whole cents, half a cent up.

    Raises ValueError if it is no amount of money.
    """
    if isinstance(value, bool) or not isinstance(value, Real | Decimal):
        raise ValueError(f"it returned {value!r:.60}, which is not a number")
    # A number as people write it: 0.285 is 0.29, although the machine's is a little less.
    exact = value if isinstance(value, Decimal) else Decimal(str(float(value)))
    if not exact.is_finite():
        raise ValueError(f"it returned {value}, which is not an amount")
    if exact < 0:
        raise ValueError(f"it returned {value}, which is below 0")
    return exact.quantize(Decimal("0.01"), ROUND_HALF_UP)


def describe(error: Exception) -> str:
    """An error in a line, with its place in custom.py."""
    what = "there is no " if isinstance(error, KeyError) else f"{type(error).__name__}: "
    what = "" if type(error) is ValueError else what
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename).name == "custom.py"]
    return f"{what}{error}{f' (custom.py line {lines[-1]})' if lines else ''}"


def report(bonuses: list[Bonus], currency: str) -> None:
    """Say what the files hold in all."""
    people = [sum(one.amount for one in own) for _, own in by_worker(bonuses)]
    print(
        f"Bonuses of {pluralize(len(people), 'participant')}, {total(bonuses)} {currency} in total, "
        f"highest {max(people):.2f}. Nothing has been paid yet."
    )
    if before := [one for one in bonuses if one.exported]:
        print(
            f"Written to a file before: {len(before)} of them ({total(before)} {currency}). "
            "Whom you have paid from it must not be paid again."
        )


def report_problems(problems: list[str]) -> None:
    """Say for whom the rule gave no amount."""
    if problems:
        print(
            f"For {pluralize(len(problems), 'participant')} the rule in custom.py gave no amount, so "
            "they are in no file.\nWho they are: data/identifiers.csv, which `study data` writes."
        )
        print("\n".join(f"  {problem}" for problem in problems))


def report_others(ledger: Ledger, recruiter: Recruiter) -> None:
    """Say how many finished who came neither through this recruiter nor for a trial."""
    column = ledger.participants.table.c
    query = select(column.mode, func.count()).where(column.status.in_(FINISHED))
    with ledger.participants.snapshot() as connection:
        for mode, count in connection.execute(query.group_by(column.mode)):
            if mode not in (*real_modes(recruiter), *UNPAID_MODES):
                print(
                    f"Left out: {pluralize(count, 'finished participant')} of mode {mode}, who did "
                    f"not come through {recruiter.label}."
                )
