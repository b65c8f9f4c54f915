"""A participant's row in psiTurk's table and the record in it.

A row is created once, saves are ordered, and a status never goes back. Each function is one
transaction, most are one statement, and what is reported as saved is committed.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

import sqlalchemy as sa
from sqlalchemy import Engine, Row, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from study.config import StudySettings
from study.database.conditions import Cell, Design
from study.database.engine import Database, Run
from study.database.schema import counts, participants, superseded_records
from study.recruiters import Ids
from study.statuses import (
    ALLOCATED,
    COMPLETED,
    FINISHED,
    NOT_ACCEPTED,
    QUIT,
    STARTED,
    SUBMITTED,
    TEST_MODES,
)

# The statuses in the order in which the server sets them.
ORDER = (NOT_ACCEPTED, ALLOCATED, STARTED, QUIT, COMPLETED, SUBMITTED)
# record_version orders all saves of a record: the number of the window times this, plus the
# number of the window's save.
SAVES_PER_WINDOW = 2**32

_row = participants.c
_BY_ID = _row.uniqueid == bindparam("uid")
_SUMMARY_COLUMNS = (
    _row.uniqueid, _row.assignmentid, _row.workerid, _row.hitid, _row.cond, _row.counterbalance,
    _row.status, _row.mode, _row.bonus, _row.ending, _row.record_version,
    _row.datastring.is_not(None).label("saved"),
)  # fmt: skip
_FIND = select(*_SUMMARY_COLUMNS).where(_BY_ID)
_FIND_OF_WORKER = select(*_SUMMARY_COLUMNS).where(_row.workerid == bindparam("worker"))
_LOAD = select(_row.datastring, *_SUMMARY_COLUMNS).where(_BY_ID)
_INSERT_COLUMNS = (
    "uniqueid", "assignmentid", "workerid", "hitid", "mode", "cond", "counterbalance",
    "codeversion", "beginhit", "ipaddress", "browser", "platform", "language",
)  # fmt: skip
_ENROL = (
    sa.insert(participants)
    .values({name: bindparam(name) for name in _INSERT_COLUMNS})
    .values(status=ALLOCATED, bonus=0, record_version=SAVES_PER_WINDOW)
    .returning(*_SUMMARY_COLUMNS)
)


def _is_any(statuses: Sequence[int]) -> sa.ColumnElement[bool]:
    return sa.or_(*(_row.status == status for status in statuses))


def _is_of_study(table: sa.Table) -> sa.ColumnElement[bool]:
    return sa.and_(*(table.c[name] == bindparam(name) for name in ("codeversion", "mode")))


# psiTurk counts likewise (psiturk/experiment.py): those who finished, and those who arrived
# within the last cutoff_time minutes and may still finish.
_COUNT = sa.union_all(
    select(counts.c.cond, counts.c.counterbalance, counts.c.finished).where(_is_of_study(counts)),
    select(_row.cond, _row.counterbalance, sa.func.count())
    .where(_is_of_study(participants), _row.beginhit > bindparam("since"), ~_is_any(FINISHED))
    .group_by(_row.cond, _row.counterbalance),
)
_window = _row.record_version // SAVES_PER_WINDOW
_SAVE = (
    sa.update(participants)
    .where(_BY_ID, _window == bindparam("window"), _row.record_version < bindparam("version"))
    .values(datastring=bindparam("data"), record_version=bindparam("version"))
    .returning(_row.record_version)
)
_SAVE_BY_SIZE = (
    sa.update(participants)
    .where(_BY_ID, _row.record_version % SAVES_PER_WINDOW <= bindparam("size"))
    .values(
        datastring=bindparam("data"),
        record_version=_window * SAVES_PER_WINDOW + bindparam("size"),
    )
    .returning(_row.record_version)
)
_OPEN_WINDOW = (
    sa.update(participants)
    .where(_BY_ID)
    .values(record_version=(_window + 1) * SAVES_PER_WINDOW)
    .returning(_window)
)
_REOPEN_WINDOW = _OPEN_WINDOW.values(
    status=sa.case((_row.status == QUIT, STARTED), else_=_row.status)
)


def _advance(status: int, *conditions: sa.ColumnElement[bool], **values: object) -> sa.Update:
    """An UPDATE that advances a status, never back, and returns the row if it changed."""
    is_earlier = _is_any(ORDER[: ORDER.index(status)])
    advanced = sa.update(participants).where(_BY_ID, is_earlier, *conditions)
    return advanced.values(status=status, **values).returning(*_SUMMARY_COLUMNS)


_NOW = bindparam("now")
_BEGIN = _advance(STARTED, beginexp=_NOW)
_QUIT = _advance(QUIT, *(_row.mode != mode for mode in TEST_MODES))
_COMPLETE = _advance(COMPLETED, _row.datastring != "", _row.ending.is_(None), endhit=_NOW)
_SUBMIT = _advance(SUBMITTED, _is_any(FINISHED))
_LEAVE = (
    sa.update(participants)
    .where(_BY_ID, _row.ending.is_(None), ~_is_any(FINISHED))
    .values(status=QUIT, ending=bindparam("reason"), endhit=_NOW)
    .returning(*_SUMMARY_COLUMNS)
)


class Saved(Enum):
    """The outcome of a save."""

    STORED = "stored"
    STALE = "stale"  # this save, or a later one of the same window, is stored already
    SUPERSEDED = "superseded"  # a later window has taken over; the record is kept aside
    UNKNOWN = "unknown"  # there is no such participant


class HasOtherAssignment(Exception):
    """The worker takes part, or took part, under another assignment."""


@dataclass(frozen=True)
class Browser:
    """What psiTurk stores about a participant's browser, by its names of columns."""

    ipaddress: str
    browser: str
    platform: str
    language: str


class Records:
    """The participants in the database of psiTurk's engine."""

    def __init__(self, engine: Engine, options: StudySettings):
        self._database = Database(engine.url)
        self._options = options
        self._design = Design.of(options)
        dialect = {"postgresql": postgresql, "sqlite": sqlite}[self._database.dialect]
        keep = dialect.insert(superseded_records)
        self._keep_superseded = keep.on_conflict_do_update(
            index_elements=superseded_records.primary_key.columns,
            set_={name: keep.excluded[name] for name in ("received", "reason", "datastring")},
        ).returning(superseded_records.c.uniqueid)

    def find(self, uniqueid: str) -> Row | None:
        """Return the row without the record, or None."""
        return self._database.one(_FIND, uid=uniqueid)

    def of_worker(self, worker: str) -> list[Row]:
        """Return all rows of a worker, without the records."""
        return self._database.run(_FIND_OF_WORKER, worker=worker)

    def enrol(self, ids: Ids, browser: Browser) -> tuple[Row, int]:
        """Create the row of a new participant and assign a condition.

        Returns the row and the window's number (see ``open_window``). Participants who arrive
        at the same moment are enrolled one after the other, so that counts are exact and
        nobody gets two rows. Raises HasOtherAssignment.
        """
        with self._database.serialized() as run:
            rows = run(_FIND_OF_WORKER, worker=ids.worker)
            for row in rows:
                if row.uniqueid == ids.uniqueid:
                    return row, run(_OPEN_WINDOW, uid=ids.uniqueid)[0][0]
            if rows and not (self._options.allow_repeats or ids.mode in TEST_MODES):
                raise HasOtherAssignment
            now = utc_now()
            condition, order = self._assign(run, ids.mode, now)
            values = {
                "uniqueid": ids.uniqueid,
                "assignmentid": ids.assignment,
                "workerid": ids.worker,
                "hitid": ids.hit,
                "mode": ids.mode,
                "cond": condition,
                "counterbalance": order,
                "codeversion": self._options.code_version,
                "beginhit": now,
                **asdict(browser),
            }
            return run(_ENROL, **values)[0], 1

    def _assign(self, run: Run, mode: str, now: datetime) -> Cell:
        from psiturk import experiment  # it imports custom.py, which may import this module

        if experiment.get_condition is not experiment.get_random_condcount:
            return experiment.get_condition(mode)  # the researcher's custom_get_condition
        since = now - timedelta(minutes=self._options.cutoff_minutes)
        values = {"codeversion": self._options.code_version, "mode": mode, "since": since}
        taken: Counter[Cell] = Counter()
        for condition, order, number in run(_COUNT, **values):
            taken[condition, order] += number
        return self._design.choose(taken)

    def open_window(self, uniqueid: str, again: bool = False) -> int:
        """Return the number of a window that opens the experiment; only the last may save.

        ``again`` revokes that the participant had quit.
        """
        statement = _REOPEN_WINDOW if again else _OPEN_WINDOW
        return self._database.one(statement, uid=uniqueid)[0]

    def load(self, uniqueid: str) -> str | None:
        """Return the record as JSON; before the first save, psiTurk's initial record.

        Returns None if there is no such participant.
        """
        row = self._database.one(_LOAD, uid=uniqueid)
        if row is None or row.datastring:
            return row and row.datastring
        initial = {
            "condition": row.cond,
            "counterbalance": row.counterbalance,
            "assignmentId": row.assignmentid,
            "workerId": row.workerid,
            "hitId": row.hitid,
            "bonus": row.bonus,
        }
        return json.dumps(initial)

    def save(self, uniqueid: str, data: str, window_number: int, save_number: int) -> Saved:
        """Store a window's record unless a later save is stored; return after the commit."""
        version = window_number * SAVES_PER_WINDOW + save_number
        values = {"uid": uniqueid, "data": data, "window": window_number, "version": version}
        if self._database.run(_SAVE, **values):
            return Saved.STORED
        existing = self.find(uniqueid)
        if existing is None:
            return Saved.UNKNOWN
        if existing.record_version // SAVES_PER_WINDOW == window_number:
            return Saved.STALE
        self._database.run(
            self._keep_superseded,
            uniqueid=uniqueid,
            writer=window_number,
            received=utc_now(),
            reason="newer-window",
            datastring=data,
        )
        return Saved.SUPERSEDED

    def save_by_size(self, uniqueid: str, data: str, size: int) -> Saved:
        """Store a record that comes without numbers, as psiturk.js sends it.

        ``size`` counts its entries. They only become more, so the larger record is newer.
        """
        values = {"uid": uniqueid, "data": data, "size": min(size, SAVES_PER_WINDOW - 1)}
        if self._database.run(_SAVE_BY_SIZE, **values):
            return Saved.STORED
        return Saved.STALE if self.find(uniqueid) else Saved.UNKNOWN

    def begin(self, uniqueid: str) -> Row | None:
        """Begin the task. Like the methods below, returns the row if its status changed."""
        return self._database.one(_BEGIN, uid=uniqueid, now=utc_now())

    def quit(self, uniqueid: str) -> Row | None:
        """Note that the window was closed, which does not matter in a test run."""
        return self._database.one(_QUIT, uid=uniqueid)

    def complete(self, uniqueid: str) -> Row | None:
        """Complete the task, if a record is stored."""
        return self._database.one(_COMPLETE, uid=uniqueid, now=utc_now())

    def submit(self, uniqueid: str) -> Row | None:
        """Note that a participant who has completed the task has submitted the HIT."""
        return self._database.one(_SUBMIT, uid=uniqueid)

    def leave(self, uniqueid: str, reason: str) -> Row | None:
        """End a participation that is not completed, by screening out or by the button."""
        return self._database.one(_LEAVE, uid=uniqueid, reason=reason, now=utc_now())


def merge_entries(stored: str, entries: str) -> str:
    """Return the record with those of the entries that it lacks; all three are JSON.

    Entries are a list of ``{window, number, kind, text}`` in their order, with a JSON list as
    ``text``. They are numbered within each window of the browser, and the record's ``windows``
    says how many it has of each, so an entry is added once however often it is sent. The
    client adds entries likewise (client/record.js).

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
