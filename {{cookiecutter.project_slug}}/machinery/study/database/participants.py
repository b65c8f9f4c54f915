"""One participant's row in psiTurk's table: made once, saved in order, never set back.

Each function is one transaction, and most are one statement: a save costs one trip to the
database, and what is said to be saved is committed.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Engine,
    Row,
    Update,
    bindparam,
    case,
    cast,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from study.config import StudySettings
from study.database import conditions
from study.database.design import Cell, Design
from study.database.engine import Outcome, Statements
from study.database.schema import FINISHED_WRITTEN, participants, spare_records
from study.recruiters import Ids
from study.statuses import (
    ALLOCATED,
    BONUSED,
    COMPLETED,
    CREDITED,
    NOT_ACCEPTED,
    QUIT,
    STARTED,
    SUBMITTED,
    TEST_MODES,
)

# psiTurk's numbers (experiment.py), and the order in which a participant passes them.
ORDER = (NOT_ACCEPTED, ALLOCATED, STARTED, QUIT, COMPLETED, SUBMITTED, CREDITED, BONUSED)
# One integer orders all saves: above these bits the window, below them its saves.
SAVE_BITS = 32
MAX_SAVES = 2**SAVE_BITS - 1
# Any number will do, if nothing else on this database uses it as an advisory lock.
ENROLMENT_LOCK = 7_227_140_533

_row = participants.c
_BY_ID = _row.uniqueid == bindparam("uid")
_BRIEF = (
    _row.uniqueid, _row.assignmentid, _row.workerid, _row.hitid, _row.cond, _row.counterbalance,
    _row.status, _row.mode, _row.bonus, _row.ending, _row.datastring.is_not(None).label("saved"),
)  # fmt: skip
_AT_FIRST = (
    "uniqueid", "assignmentid", "workerid", "hitid", "mode", "cond", "counterbalance",
    "codeversion", "beginhit", "ipaddress", "browser", "platform", "language",
)  # fmt: skip
_FIND = select(*_BRIEF).where(_BY_ID)
_OF_WORKER = select(*_BRIEF).where(_row.workerid == bindparam("worker"))
_LOAD = select(_row.datastring, *_BRIEF).where(_BY_ID)
_ENROL = (
    insert(participants)
    .values({name: bindparam(name) for name in _AT_FIRST})
    .values(status=ALLOCATED, bonus=0, record_version=1 << SAVE_BITS)
    .returning(*_BRIEF)
)
_VERSION = select(_row.record_version).where(_BY_ID)
# PostgreSQL shifts by an integer only, and a parameter would be a bigint.
_BITS = literal_column(str(SAVE_BITS))
_window = _row.record_version.op(">>")(_BITS)
_SAVE = (
    update(participants)
    .where(_BY_ID, _window == bindparam("writer"), _row.record_version < bindparam("version"))
    .values(datastring=bindparam("data"), record_version=bindparam("version"))
)
_SAVE_BY_SIZE = (
    update(participants)
    .where(_BY_ID, _row.record_version.op("&")(MAX_SAVES) <= bindparam("size"))
    .values(
        datastring=bindparam("data"),
        record_version=_window.op("<<")(_BITS) + cast(bindparam("size"), BigInteger),
    )
)
_OPEN_WINDOW = (
    update(participants)
    .where(_BY_ID)
    .values(record_version=(_window + 1).op("<<")(_BITS))
    .returning(_window)
)
_OPEN_WINDOW_AGAIN = _OPEN_WINDOW.values(
    status=case((_row.status == QUIT, STARTED), else_=_row.status)
)


def _move(status: int, *conditions: ColumnElement[bool], **values: object) -> Update:
    """Moves a participant on to a status, never back, and gives the row if it did."""
    rank = case({each: rank for rank, each in enumerate(ORDER)}, value=_row.status, else_=0)
    moved = update(participants).where(_BY_ID, rank < ORDER.index(status), *conditions)
    return moved.values(status=status, **values).returning(*_BRIEF)


_NOW = bindparam("now")
_BEGIN = _move(STARTED, beginexp=_NOW)
_QUIT = _move(QUIT, *(_row.mode != trial for trial in TEST_MODES))
_COMPLETE = _move(COMPLETED, _row.datastring != "", _row.ending.is_(None), endhit=_NOW)
_SUBMIT = _move(SUBMITTED, _row.status.in_(FINISHED_WRITTEN))
_LEAVE = (
    update(participants)
    .where(_BY_ID, _row.ending.is_(None), _row.status.not_in(FINISHED_WRITTEN))
    .values(status=QUIT, ending=bindparam("reason"), endhit=_NOW)
    .returning(*_BRIEF)
)


class Saved(Enum):
    """What became of a save."""

    STORED = "stored"
    KNOWN = "known"  # this save, or a later one of the same window, is stored
    SUPERSEDED = "superseded"  # a later window has taken over; kept aside
    UNKNOWN = "unknown"  # there is no such record


class HasOtherAssignment(Exception):
    """The worker takes part, or took part, under another assignment."""


@dataclass(frozen=True)
class Browser:
    """What psiTurk stores about the browser that a participant comes with."""

    address: str
    name: str
    platform: str
    language: str


class Records:
    """The table of participants behind one engine."""

    def __init__(self, engine: Engine, options: StudySettings):
        self._statements = Statements(engine)
        self._options = options
        self._design = Design.of(options)
        dialect = postgresql if self._statements.is_postgresql else sqlite
        columns = ("uniqueid", "writer", "received", "reason", "datastring")
        kept = dialect.insert(spare_records).values({name: bindparam(name) for name in columns})
        self._keep = kept.on_conflict_do_update(
            index_elements=columns[:2], set_={name: kept.excluded[name] for name in columns[2:]}
        )

    def find(self, uniqueid: str) -> Row | None:
        """The row, without the record, or None."""
        return self._statements.one(_FIND, uid=uniqueid)

    def of_worker(self, worker: str) -> list[Row]:
        """Every row of a worker, without the records."""
        return self._statements.run(_OF_WORKER, worker=worker).rows

    def enrol(self, ids: Ids, browser: Browser) -> tuple[Row, int]:
        """Make the row of a participant who comes for the first time, and assign a condition.

        Returns the row and the number of the window (see ``open_window``). Whoever comes
        at the same moment waits a moment, so that counts are exact and the same person
        gets one row. Raises HasOtherAssignment.
        """
        with self._statements.in_turn(ENROLMENT_LOCK) as run:
            others = run(_OF_WORKER, worker=ids.worker).rows
            for row in others:
                if row.uniqueid == ids.uniqueid:
                    return row, run(_OPEN_WINDOW, uid=ids.uniqueid).rows[0][0]
            if others and not (self._options.allow_repeats or ids.is_test_run):
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
                "ipaddress": browser.address,
                "browser": browser.name,
                "platform": browser.platform,
                "language": browser.language,
            }
            return run(_ENROL, **values).rows[0], 1

    def open_window(self, uniqueid: str, again: bool = False) -> int:
        """Give a window that shows the experiment its number: the last one opened may save.

        ``again`` takes back that somebody had quit.
        """
        statement = _OPEN_WINDOW_AGAIN if again else _OPEN_WINDOW
        return self._statements.one(statement, uid=uniqueid)[0]

    def load(self, uniqueid: str) -> str | None:
        """The stored record as JSON text, before the first save what psiTurk starts one with."""
        row = self._statements.one(_LOAD, uid=uniqueid)
        if row is None or row.datastring:
            return row and row.datastring
        first = {
            "condition": row.cond,
            "counterbalance": row.counterbalance,
            "assignmentId": row.assignmentid,
            "workerId": row.workerid,
            "hitId": row.hitid,
            "bonus": row.bonus,
        }
        return json.dumps(first)

    def save(self, uniqueid: str, data: str, writer: int, save: int) -> Saved:
        """Store a window's save unless a later one is there; returns after the commit."""
        version = writer << SAVE_BITS | save
        values = {"uid": uniqueid, "data": data, "writer": writer, "version": version}
        if self._statements.run(_SAVE, **values).count:
            return Saved.STORED
        there = self._statements.one(_VERSION, uid=uniqueid)
        if there is None:
            return Saved.UNKNOWN
        if there[0] >> SAVE_BITS == writer:
            return Saved.KNOWN
        aside = {"received": utc_now(), "reason": "newer-window", "datastring": data}
        self._statements.run(self._keep, uniqueid=uniqueid, writer=writer, **aside)
        return Saved.SUPERSEDED

    def save_by_size(self, uniqueid: str, data: str, size: int) -> Saved:
        """Store a record that comes without a number, as psiturk.js sends it.

        Its entries only become more, so the one with more of them is the newer.
        """
        values = {"uid": uniqueid, "data": data, "size": min(size, MAX_SAVES)}
        if self._statements.run(_SAVE_BY_SIZE, **values).count:
            return Saved.STORED
        there = self._statements.one(_VERSION, uid=uniqueid)
        return Saved.UNKNOWN if there is None else Saved.KNOWN

    def begin(self, uniqueid: str) -> Row | None:
        """The task begins. Like those below: the row if it moved on, or None."""
        return self._statements.one(_BEGIN, uid=uniqueid, now=utc_now())

    def quit(self, uniqueid: str) -> Row | None:
        """The window was closed; means nothing in a trial run."""
        return self._statements.one(_QUIT, uid=uniqueid)

    def complete(self, uniqueid: str) -> Row | None:
        """The task is done, and something is saved."""
        return self._statements.one(_COMPLETE, uid=uniqueid, now=utc_now())

    def submit(self, uniqueid: str) -> Row | None:
        """Somebody who is done has handed the HIT in."""
        return self._statements.one(_SUBMIT, uid=uniqueid)

    def leave(self, uniqueid: str, reason: str) -> Row | None:
        """Somebody who is not done is screened out, or leaves by the button."""
        return self._statements.one(_LEAVE, uid=uniqueid, reason=reason, now=utc_now())

    def _assign(self, run: Callable[..., Outcome], mode: str, now: datetime) -> Cell:
        from psiturk import experiment  # half-built while this module is imported

        if experiment.get_condition is not experiment.get_random_condcount:
            return experiment.get_condition(mode)  # the researcher's custom_get_condition
        return self._design.choose(conditions.count(run, self._options, mode, now))


def utc_now() -> datetime:
    """The time in UTC, without a zone, as psiTurk's columns hold it."""
    return datetime.now(UTC).replace(tzinfo=None)
