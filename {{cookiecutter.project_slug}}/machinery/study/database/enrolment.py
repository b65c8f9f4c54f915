"""How people who arrive get a row in psiTurk's table, and a condition.

Conditions are exact because enrolments take place one after the other, on all servers. So that
nobody queues for that, those of one process who wait at the same moment are enrolled together, by
one of them, in one transaction.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event, Lock

from sqlalchemy import Row

from study.config import StudySettings
from study.database.conditions import MINUTES_WITHOUT_SAVE, Cell, Design
from study.database.engine import SECONDS_OF_SILENCE, Database, Query
from study.database.participants import utc_now
from study.database.schema import SQL
from study.provenance import Provenance
from study.recruiters import Ids
from study.statuses import TEST_MODES, UNPAID_MODES

# The researcher's own function for conditions may look at all participants.
SECONDS_OF_CUSTOM_CHOICE = 20
CELL = ("cond", "counterbalance")  # psiTurk's columns


class HasOtherAssignment(Exception):
    """The worker takes part, or took part, under another assignment."""


@dataclass
class _Arrival:
    """Somebody who waits for a row. ``browser`` and ``cell`` are as in ``enrol``."""

    ids: Ids
    browser: Mapping[str, str]
    cell: Cell | None = None
    settled: Event = field(default_factory=Event)
    row: Row | None = None  # None: refused, because of another assignment
    is_new: bool = False
    error: BaseException | None = None


class Enrolment:
    """Enrols participants in this database, with conditions by the design in the settings."""

    def __init__(self, database: Database, options: StudySettings, provenance: Provenance):
        self._database, self._options, self._provenance = database, options, provenance
        self._design = Design.of(options)
        self._waiting: list[_Arrival] = []  # for the next transaction
        self._door = Lock()  # to _waiting
        self._turn = Lock()  # whoever waits for it holds no connection that a save could use

    def find_own(self, ids: Ids) -> Row | None:
        """Return the row of these ids, or None. Raises HasOtherAssignment."""
        rows = self._database.run(SQL["of_worker"], worker=ids.worker)
        own = next((row for row in rows if is_same(row.uniqueid, ids.uniqueid)), None)
        if not own and self._is_refused(ids, rows):
            raise HasOtherAssignment
        return own

    def enrol(
        self, ids: Ids, browser: Mapping[str, str], cell: Cell | None = None
    ) -> tuple[Row, bool]:
        """Return the row of these ids, and whether it was made now, with a condition.

        However many arrive at once, counts are exact and nobody gets two rows. ``browser`` has
        psiTurk's columns about it, and its id as ``owner``. A ``cell`` is given, not chosen.
        Raises HasOtherAssignment.
        """
        arrival = _Arrival(ids, browser, cell)
        if _find_custom_choice():  # which reads committed rows, and perhaps this request
            with self._turn:
                self._settle([arrival])
        else:
            self._join(arrival)
        if arrival.error:
            # Others raise the same one, and a traceback grows with each.
            raise arrival.error.with_traceback(None)
        if arrival.row is None:
            raise HasOtherAssignment
        return arrival.row, arrival.is_new

    def _join(self, arrival: _Arrival) -> None:
        """Wait until the arrival is settled. The first of those who wait does it for all."""
        with self._door:
            is_first = not self._waiting
            self._waiting.append(arrival)
        if not is_first:
            arrival.settled.wait()
            return
        with self._turn:
            with self._door:
                group, self._waiting = self._waiting, []
            self._settle(group)

    def _settle(self, group: Sequence[_Arrival]) -> None:
        try:
            self._enrol(group)
        except BaseException as error:  # whoever waits must not wait for ever
            for arrival in group:
                arrival.error = error
        finally:
            for arrival in group:
                arrival.settled.set()

    def _enrol(self, group: Sequence[_Arrival]) -> None:
        """Find or make the rows of all, in one transaction."""
        now, choose = utc_now(), _find_custom_choice()
        modes = [] if choose else sorted({arrival.ids.mode for arrival in group})
        workers = dict.fromkeys(arrival.ids.worker.lower() for arrival in group)
        whose = {"workers": json.dumps(workers), "number": len(workers)}
        read = [(SQL["of_workers"], whose), *(self._count(mode, now) for mode in modes)]
        made_under = {"codeversion": self._options.code_version} | self._provenance.values

        def decide(existing: list[Row], *counts: list[Row]) -> list[Query]:
            taken = {
                m: Counter({c[:2]: c[2] for c in cells})
                for m, cells in zip(modes, counts, strict=True)
            }
            new = {}
            for arrival in self._find_new(group, existing):
                mode = arrival.ids.mode
                cell = arrival.cell or (choose(mode) if choose else self._choose(taken[mode]))
                values = vars(arrival.ids) | arrival.browser
                new[arrival.ids.uniqueid] = values | dict(zip(CELL, cell, strict=True))
            values = {"arrivals": json.dumps(new), "now": now}
            return [(SQL["enrol"], values | made_under)]

        silence = SECONDS_OF_CUSTOM_CHOICE if choose else SECONDS_OF_SILENCE
        existing, *_, made = self._database.run_serialized(read, decide, silence)
        rows = {row.uniqueid.lower(): row for row in (*existing, *made)}
        new = {row.uniqueid.lower() for row in made}
        for arrival in group:
            uniqueid = arrival.ids.uniqueid.lower()
            arrival.row, arrival.is_new = rows.get(uniqueid), uniqueid in new
            new.discard(uniqueid)  # of several windows, one is the first

    def _count(self, mode: str, now: datetime) -> Query:
        def minutes_ago(number: int) -> datetime:
            return now.replace(second=0, microsecond=0) - timedelta(minutes=number)

        values = {"codeversion": self._options.code_version, "mode": mode}
        values["since"] = minutes_ago(self._options.cutoff_minutes)
        return SQL["count"], values | {"lately": minutes_ago(MINUTES_WITHOUT_SAVE)}

    def _find_new(self, group: Sequence[_Arrival], existing: list[Row]) -> Iterator[_Arrival]:
        """Yield those who get a row."""
        known: dict[str, list[Row | Ids]] = defaultdict(list)  # the participations of each worker
        for row in existing:
            known[row.workerid.lower()].append(row)
        for arrival in group:
            own = known[arrival.ids.worker.lower()]
            is_known = any(is_same(each.uniqueid, arrival.ids.uniqueid) for each in own)
            if not is_known and not self._is_refused(arrival.ids, own):
                own.append(arrival.ids)
                yield arrival

    def _is_refused(self, ids: Ids, others: Sequence[Row | Ids]) -> bool:
        """Return whether these other participations of the worker leave no place for this one.

        Visits that nobody pays for do not count against those that somebody does.
        """
        if self._options.allow_repeats or ids.mode in TEST_MODES:
            return False
        is_unpaid = ids.mode in UNPAID_MODES
        return any((other.mode in UNPAID_MODES) == is_unpaid for other in others)

    def _choose(self, taken: Counter[Cell]) -> Cell:
        """Return the next cell, and count it as taken."""
        cell = self._design.choose(taken)
        taken[cell] += 1
        return cell


def is_same(one: str, other: str) -> bool:
    """Return whether two ids are one person's: capitals make no other person."""
    return one.lower() == other.lower()


def _find_custom_choice() -> Callable[[str], Cell] | None:
    """Return the researcher's custom_get_condition, which returns the cell for a mode."""
    from psiturk import experiment  # it imports custom.py, which may import this module

    choose = experiment.get_condition
    return None if choose is experiment.get_random_condcount else choose
