"""A participant's row in psiTurk's table and the record in it.

A row is created once, saves are ordered, and a status never goes back. Each function is one
transaction, most are one statement, and what is reported as saved is committed.
"""

import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum

from sqlalchemy import URL, Row

from study.config import StudySettings
from study.database.conditions import Cell, Design
from study.database.engine import Database, Run
from study.database.schema import SQL
from study.recruiters import Ids
from study.statuses import TEST_MODES

SAVES_PER_WINDOW = 2**32  # in record_version (statements.sql)


class Saved(Enum):
    """The outcome of a save."""

    STORED = "stored"
    STALE = "stale"  # this save, or a later one of the same window, is stored already
    SUPERSEDED = "superseded"  # a later window has taken over; the record is kept aside
    UNKNOWN = "unknown"  # there is no such participant


class HasOtherAssignment(Exception):
    """The worker takes part, or took part, under another assignment."""


class Records:
    """The participants in the database at that URL."""

    def __init__(self, url: URL, options: StudySettings):
        self._database, self._options = Database(url), options
        self._design = Design.of(options)

    def find(self, uniqueid: str) -> Row | None:
        """Return the row without the record, or None."""
        # PostgreSQL's texts have no NUL, so it refuses to look for one.
        return self._database.one(SQL["find"], uid=uniqueid) if "\0" not in uniqueid else None

    def of_worker(self, worker: str) -> list[Row]:
        return self._database.run(SQL["of_worker"], worker=worker)

    def find_own(self, ids: Ids, run: Run | None = None) -> Row | None:
        """Return the row of these ids, or None. Raises HasOtherAssignment."""
        rows = (run or self._database.run)(SQL["of_worker"], worker=ids.worker)
        uid = ids.uniqueid.lower()  # capitals make no other person
        own = next((row for row in rows if row.uniqueid.lower() == uid), None)
        if rows and not (own or self._options.allow_repeats or ids.mode in TEST_MODES):
            raise HasOtherAssignment
        return own

    def enrol(self, ids: Ids, browser: Mapping[str, str]) -> tuple[Row, bool]:
        """Return the row of these ids, and whether it was made now, with a condition.

        Participants who arrive at the same moment are enrolled one after the other, so that
        counts are exact and nobody gets two rows. ``browser`` has psiTurk's columns about it, and
        its id as ``owner``.
        Raises HasOtherAssignment.
        """
        with self._database.serialized() as run:
            if row := self.find_own(ids, run):
                return row, False
            now = utc_now()
            condition, order = self._assign(run, ids.mode, now)
            values = {"uid": ids.uniqueid, "now": now, "cond": condition, "counterbalance": order}
            values["codeversion"] = self._options.code_version
            return run(SQL["enrol"], **values, **vars(ids), **browser)[0], True

    def _assign(self, run: Run, mode: str, now: datetime) -> Cell:
        from psiturk import experiment  # it imports custom.py, which may import this module

        if experiment.get_condition is not experiment.get_random_condcount:
            return experiment.get_condition(mode)  # the researcher's custom_get_condition
        since = now - timedelta(minutes=self._options.cutoff_minutes)
        values = {"codeversion": self._options.code_version, "mode": mode, "since": since}
        taken: Counter[Cell] = Counter()
        for condition, order, number in run(SQL["count"], **values):
            taken[condition, order] += number
        return self._design.choose(taken)

    def take_over(self, uniqueid: str, owner: str) -> bool:
        """Give a record without a save to another browser; return whether it had none."""
        return bool(self._database.run(SQL["take_over"], uid=uniqueid, owner=owner))

    def open_window(self, uniqueid: str) -> int:
        """Return the number of a window that opens the experiment; only the last may save.

        Who had quit has not any more.
        """
        return self._database.one(SQL["open_window"], uid=uniqueid)[0]

    def load(self, uniqueid: str) -> str | None:
        """Return the record as JSON; before the first save, psiTurk's initial record.

        Returns None if there is no such participant.
        """
        row = self._database.one(SQL["load"], uid=uniqueid)
        if row is None or row.datastring:
            return row and row.datastring
        cell = {"condition": row.cond, "counterbalance": row.counterbalance}
        ids = {"assignmentId": row.assignmentid, "workerId": row.workerid, "hitId": row.hitid}
        return json.dumps(cell | ids | {"bonus": row.bonus})

    def save(self, uniqueid: str, data: str, order: tuple[int, int] | None, size: int = 0) -> Saved:
        """Store a record unless a later one is stored; return after the commit.

        ``order`` has the numbers of the window and of its save. psiturk.js sends none; then
        ``size`` counts the record's entries: they only become more, so the larger is newer.
        """
        values = {"uid": uniqueid, "data": data}
        window, number = order or (None, 0)
        if window is None:
            stored = self._database.run(SQL["save_by_size"], size=size, **values)
        else:
            version = window * SAVES_PER_WINDOW + number
            stored = self._database.run(SQL["save"], window=window, version=version, **values)
        if stored:
            return Saved.STORED
        if (existing := self.find(uniqueid)) is None:
            return Saved.UNKNOWN
        if window in (None, existing.record_version // SAVES_PER_WINDOW):
            return Saved.STALE
        self._database.run(SQL["keep_superseded"], window=window, now=utc_now(), **values)
        return Saved.SUPERSEDED

    def advance(self, uniqueid: str, step: str) -> Row | None:
        """Take a step: begin, quit, complete or submit; return the row as it is then, or None.

        A status never goes back, and nobody quits a test run, completes without a record or
        submits before completing: such a step changes nothing.
        """
        advanced = self._database.one(SQL[step], uid=uniqueid, now=utc_now())
        return advanced or self.find(uniqueid)

    def leave(self, uniqueid: str, reason: str) -> bool:
        """End a participation that has not ended; return whether there was one."""
        return bool(self._database.run(SQL["leave"], uid=uniqueid, reason=reason, now=utc_now()))


def merge_entries(stored: str, entries: str) -> str:
    """Return the record with those of the entries that it lacks; all three are JSON.

    Entries are a list of ``{window, number, kind, text}`` in their order, with a JSON list as
    ``text``. The record's ``windows`` says how many it has of each window, so an entry is added
    once however often it is sent. The client adds entries likewise (client/record.js).

    Raises ValueError if the entries are malformed, RecursionError if they are too deep.
    """
    empty = {"currenttrial": 0, "data": [], "questiondata": {}, "eventdata": [], "windows": {}}
    record, sent = empty | json.loads(stored), json.loads(entries)
    if not isinstance(sent, list):
        raise ValueError("not a list")
    try:
        for entry in sent:
            window, number = entry["window"], entry["number"]
            if number > record["windows"].get(window, 0):
                _add_entry(record, entry["kind"], json.loads(entry["text"]))
                record["windows"][window] = number
        return json.dumps(record, separators=(",", ":"), allow_nan=False)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError("not entries of this record") from error


def _add_entry(record: dict, kind: str, content: list) -> None:
    match kind, content:
        case "trial", [trial]:
            numbered = {"uniqueid": trial["uniqueid"], "current_trial": record["currenttrial"]}
            numbered |= {"dateTime": trial["dateTime"], "trialdata": trial["trialdata"]}
            record["data"].append(numbered)
            record["currenttrial"] += 1
        case "answer", [name]:  # JSON has no undefined
            record["questiondata"][name] = None
        case "answer", [name, value]:
            record["questiondata"][name] = value
        case "event", [event]:
            record["eventdata"].append(event)
        case "attributes", [attributes]:
            record.update(attributes)
        case _:
            raise ValueError("not an entry")


def utc_now() -> datetime:
    """Return the time in UTC without a time zone, as psiTurk's columns hold it."""
    return datetime.now(UTC).replace(tzinfo=None)
