"""What a researcher is told of, by one function a rule: from what is known to what is wrong.

A rule yields a verdict of each thing that it judges, or none where it is too early to say; then
what was said last holds. No text names anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from study.messages import pluralize

if TYPE_CHECKING:
    from study.overview import Overview

MOMENT = timedelta(minutes=1)  # for failed saves
FAILED_SAVES = 3  # within a moment
AWAY = 2  # looks in a row at which the database does not answer
LATELY = timedelta(minutes=10)  # for errors in browsers
SAME_ERROR, SHARE_OF_ERRORS = 3, 0.05  # participants, and of those who are at work
COHORT = 5  # participants, of whom one should have finished
SLACK = 1.5  # times as long as people need
ENOUGH = 20  # participants whose participation is over, to speak of a share
CLEARLY = 0.05  # by which a share must fall below its limit
FULL, ROOM = 0.8, 0.75  # of the database
RESTARTS, HOUR = 2, timedelta(hours=1)


@dataclass(frozen=True)
class Cohort:
    """Those who came early enough to have finished by now: within how many minutes one does."""

    minutes: int
    arrived: int = 0
    finished: int = 0


@dataclass(frozen=True)
class Snapshot:
    """What is known at a moment (UTC); of the study itself nothing while the database is away.

    ``failed_saves`` are those of the last MOMENT, ``errors`` the participants who met each error
    within LATELY, 0 of earlier ones; what is not known yet is missing. ``restarts`` are those of
    the last HOUR, by server.
    """

    moment: datetime
    most_drop_out: float
    looks_away: int = 0  # at which the database did not answer, in a row
    failed_saves: int | None = None
    errors: Mapping[str, int] = field(default_factory=dict)
    restarts: Mapping[str, int] = field(default_factory=dict)
    cohort: Cohort | None = None
    overview: Overview | None = None


@dataclass(frozen=True)
class Verdict:
    """Whether something is wrong, and what to say of it if that is new; empty: nothing."""

    name: str
    is_wrong: bool
    text: str


Rule = Callable[[Snapshot], Iterator[Verdict]]


def saves(now: Snapshot) -> Iterator[Verdict]:
    """Saves fail: the database does not answer, or the server refuses what comes."""
    kept = "Nothing is lost: browsers keep what participants do, and send it again."
    if now.looks_away >= AWAY:
        text = f"The database does not answer, so nothing can be saved. {kept}"
        yield Verdict("saves", True, text)
    elif now.failed_saves and now.failed_saves >= FAILED_SAVES:
        failed = pluralize(now.failed_saves, "save has", "saves have")
        yield Verdict("saves", True, f"{failed} failed within a minute. {kept}")
    elif not now.looks_away and now.failed_saves == 0:
        yield Verdict("saves", False, "Saves work again.")


def browser_errors(now: Snapshot) -> Iterator[Verdict]:
    """Several participants meet the same error in their browsers."""
    at_work = now.overview.total.in_progress if now.overview else 0
    several = max(SAME_ERROR, SHARE_OF_ERRORS * at_work)
    for error, number in now.errors.items():
        if number >= several:
            people = pluralize(number, "participant has", "participants have")
            yield Verdict(f"error {error}", True, f"{people} met an error: {error}")
        elif not number:
            text = f"Nobody has met this error for {LATELY // MOMENT} minutes: {error}"
            yield Verdict(f"error {error}", False, text)


def nobody_finishes(now: Snapshot) -> Iterator[Verdict]:
    """Nobody finishes, although some began early enough."""
    if now.overview is None or now.cohort is None:
        return
    late = timedelta(minutes=SLACK * now.cohort.minutes)
    last = now.overview.last_finish
    if last and now.moment - last < late:
        yield Verdict("finishing", False, "Somebody has finished again.")
    elif now.cohort.arrived >= COHORT and not now.cohort.finished:
        text = f"Nobody has finished for {late // MOMENT} minutes, although "
        text += f"{now.cohort.arrived} participants began early enough."
        yield Verdict("finishing", True, f"{text} Most need {now.cohort.minutes} minutes.")


def drop_out(now: Snapshot) -> Iterator[Verdict]:
    """More drop out than the researcher expects."""
    seen = now.overview
    if seen is None or seen.drop_out is None:
        return
    over = seen.total.finished + seen.dropped_out
    if seen.drop_out > now.most_drop_out and over >= ENOUGH:
        text = f"{seen.dropped_out} of {over} participants have dropped out ({seen.drop_out:.0%})."
        yield Verdict("drop-out", True, text)
    elif seen.drop_out < now.most_drop_out - CLEARLY:
        yield Verdict("drop-out", False, f"The share of drop-outs is down to {seen.drop_out:.0%}.")


def full_conditions(now: Snapshot) -> Iterator[Verdict]:
    """A condition has as many as it needs, and others go on."""
    for cell in now.overview.cells if now.overview else ():
        is_full = cell.is_full and not now.overview.total.is_full
        told = f'"{cell.name}" is full: {cell.finished} of {cell.target} have finished.'
        text = f"The condition {told} Who comes now gets another one." if is_full else ""
        if is_full or not cell.is_full:
            yield Verdict(f"full {cell.condition} {cell.counterbalance}", is_full, text)


def target(now: Snapshot) -> Iterator[Verdict]:
    """The study has as many participants as it needs."""
    if now.overview is None:
        return
    total = now.overview.total
    text = f"The target is reached: {total.finished} of {total.target} participants have finished."
    is_reached = total.target is not None and total.is_full
    ask = " Who comes now can still take part, so stop recruiting."
    yield Verdict("target", is_reached, text + ask if is_reached else "")


def database(now: Snapshot) -> Iterator[Verdict]:
    """The database fills up."""
    if now.overview is None:
        return
    share = f"{now.overview.share:.0%}"
    if now.overview.share >= FULL:
        text = f"The database is {share} full. From 90% on, nobody new is taken."
        yield Verdict("database", True, f"{text} How to go on: uv run study check")
    elif now.overview.share < ROOM:
        yield Verdict("database", False, f"The database is down to {share}.")


def restarts(now: Snapshot) -> Iterator[Verdict]:
    """A server starts again and again, though no version was released."""
    most = max(now.restarts.values(), default=0)
    if most >= RESTARTS:
        text = f"The server was restarted {most} times within an hour."
        yield Verdict("restarts", True, f"{text} Its log says why.")
    elif not most and now.overview:
        yield Verdict("restarts", False, "The server has run for an hour without a restart.")


RULES: Sequence[Rule] = (
    saves,
    browser_errors,
    nobody_finishes,
    drop_out,
    full_conditions,
    target,
    database,
    restarts,
)


def judge(now: Snapshot) -> Iterator[Verdict]:
    """Yield the verdicts of all rules."""
    for rule in RULES:
        yield from rule(now)
