"""Asks the rule in custom.py about everybody's bonus and writes a file: `study bonuses`."""

import traceback
from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from numbers import Real
from pathlib import Path

import click

from study.bonuses import Rule, find_rule, read_participant
from study.bonuses.ledger import Ledger
from study.commands import find_study
from study.heroku.app import read_spec
from study.messages import pluralize, printable
from study.recruiters import Bonus, add_up, group_by
from study.signing import pseudonym, read_pseudonym_key
from study.statuses import FINISHED, TEST_MODES, UNPAID_MODES

PATH = click.Path(path_type=Path)


@click.command(context_settings={"show_default": True})
@click.option("--local", is_flag=True, help="Use the data on this computer, to try the rule.")
@click.option("--again", is_flag=True, help="Include participants written to a file before.")
@click.option("--out", type=PATH, default="data/bonuses", help="Folder to write to.")
def bonuses(local: bool, again: bool, out: Path) -> bool:
    """Write the bonuses to a file. Pays nothing.

    Asks the rule in custom.py. Exits with 1 if it gives no amount for some participant.
    """
    from study.server.__main__ import read_study

    folder = Path.cwd()
    participants, settings = find_study(folder, local)
    if participants.table is None:
        print("Nobody has opened the study yet, so there are no bonuses.")
        return True
    ledger = Ledger.open(participants, local)
    recruiter, currency = settings.study.recruiter, settings.study.currency
    ledger.recover(out)
    ledger.print_earlier()
    read_study()  # imports custom.py, which registers its rule
    rule, names = find_rule(), read_pseudonym_key(folder)
    modes = [mode for mode in recruiter.modes if mode not in UNPAID_MODES]
    judged, problems = ask_rule(rule, ledger.read_finished(modes, again), names)
    if paid := [bonus for bonus in judged if bonus.amount]:
        key = participants.find_key(settings) if recruiter.is_anonymous else ""
        files = recruiter.bonus_files(paid, currency, again, key)
        name = f"{'again-' * again}{recruiter.name}"
        paths = ledger.write(paid, currency, files, out, name, recruiter.makes_hits)
        print_totals(paid, currency)
        for path, lines in zip(paths, files.values(), strict=True):
            print(f"  {len(lines) - (path.suffix == '.csv'):>5} lines  {path}")
        print(recruiter.describe(recruiter.to_pay, app=read_spec(folder).app))
    else:
        print("Nobody new gets a bonus, so no file was written.")
    if without := len(judged) - len(paid):
        print(f"Without a bonus: {pluralize(without, 'finished participant')}.")
    for mode, number in participants.count_by("mode", FINISHED).items():
        if mode not in (*modes, *UNPAID_MODES):
            people = f"{pluralize(number, 'finished participant')} of mode {printable(mode)}"
            print(f"Left out: {people}, who did not come through {recruiter.label}.")
    if local:
        tried, wrong = ask_rule(rule, ledger.read_finished(TEST_MODES, again=True), names)
        problems += wrong
        for bonus in (each for each in tried if each.amount):
            name = pseudonym(names, bonus.uniqueid)
            print(f"Test run {name}, in no file: {bonus.amount} {currency}")
    if problems:
        people = pluralize(len(problems), "participant")
        print(f"For {people} the rule in custom.py gave no amount, so they are in no file.")
        print("To identify them: data/identifiers.csv, by `study data`.")
        print("\n".join(f"  {printable(problem)}" for problem in problems))
    return not problems


def ask_rule(rule: Rule, rows: Iterable[Mapping], key: bytes) -> tuple[list[Bonus], list[str]]:
    """Return what the rule gives each participant, and why it gave some of them no amount."""
    judged, problems = [], []
    for row in rows:
        try:
            amount = read_amount(rule(read_participant(row)))
        except Exception as error:  # the rule is the researcher's, the record a browser's
            problems.append(f"{pseudonym(key, row['uniqueid'])}: {describe(error)}")
        else:
            ids = (row[name] for name in ("uniqueid", "workerid", "assignmentid", "hitid"))
            judged.append(Bonus(*ids, amount, row["exported"]))
    return judged, problems


def read_amount(value: object) -> Decimal:
    """Round what a rule returned to whole cents, half a cent up.

    Raises ValueError if it is not an amount of money.
    """
    if isinstance(value, bool) or not isinstance(value, Real | Decimal):
        raise ValueError(f"it returned {value!r:.60}, which is not a number")
    # The decimal number that people write: 0.285 is 0.29, although the float is a little less.
    exact = Decimal(str(value if isinstance(value, Decimal) else float(value)))
    if not exact.is_finite():
        raise ValueError(f"it returned {value}, which is not an amount")
    if exact < 0:
        raise ValueError(f"it returned {value}, which is below 0")
    return exact.quantize(Decimal("0.01"), ROUND_HALF_UP)


def describe(error: Exception) -> str:
    """Describe an error in one line, with the line of custom.py."""
    kind = "there is no " if isinstance(error, KeyError) else f"{type(error).__name__}: "
    kind = "" if type(error) is ValueError else kind
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename).name == "custom.py"]
    return f"{kind}{error}{f' (custom.py line {lines[-1]})' if lines else ''}"


def print_totals(bonuses: list[Bonus], currency: str) -> None:
    """Print what the files contain in all."""
    amounts = [Decimal(add_up(own)) for own in group_by("worker", bonuses).values()]
    people, total = pluralize(len(amounts), "participant"), f"{add_up(bonuses)} {currency} in total"
    print(f"Bonuses of {people}, {total}, highest {max(amounts)}. Nothing has been paid yet.")
    if before := [bonus for bonus in bonuses if bonus.exported]:
        number = f"{len(before)} of them ({add_up(before)} {currency})"
        print(f"Written to a file before: {number}. Do not pay again whom you have paid from it.")
