"""A participant's row in psiTurk's table, and the record in it.

A row is created once, entries are stored once, and a status never goes back. Each function is one
transaction, most are one statement, and what is reported as saved is committed.
"""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, NamedTuple

from sqlalchemy import Row
from sqlalchemy.exc import IntegrityError

from study.database.engine import Database, Query
from study.database.entries import Save, count_entries, find_place, initial_record, merge
from study.database.idle import IdleRecords
from study.database.schema import SQL
from study.provenance import Provenance

ENTRIES_PER_WINDOW = 2**32  # in record_version (statements.sql)
OWNED = timedelta(days=30)  # for which a record belongs to its browser, at most


class Vanished(Exception):
    """The participant was erased while a request of theirs was being answered."""


class Saved(Enum):
    """The outcome of a save."""

    STORED = "stored"
    REFUSED = "refused"  # nobody has that record, or another browser
    ENDED = "ended"  # the participation is over; what came is kept aside
    SUPERSEDED = "newer-window"  # a later window has taken over; what came is kept aside
    UNOPENED = "unopened"  # nobody was given that window's number
    TOO_LARGE = "too large"  # the record would be


class Records:
    """The participants in a database. A record may have so many bytes."""

    def __init__(self, database: Database, limit: int, provenance: Provenance):
        self._database, self._limit, self._provenance = database, limit, provenance
        self._idle = IdleRecords(self._gather_idle, utc_now)

    def find(self, uniqueid: str) -> Row | None:
        """Return the row without the record, or None."""
        # PostgreSQL's texts have no NUL, so it refuses to look for one.
        return self._database.one(SQL["find"], uid=uniqueid) if "\0" not in uniqueid else None

    def of_worker(self, worker: str) -> list[Row]:
        return self._database.run(SQL["of_worker"], worker=worker)

    def take_over(self, uniqueid: str, owner: str, mode: str) -> Row | None:
        """Begin a participation without a save anew, in another browser or mode.

        Returns its row, or None if it has a save.
        """
        values = {"uid": uniqueid, "owner": owner, "mode": mode, "now": utc_now()}
        return self._database.one(SQL["take_over"], **values, **self._provenance.values)

    def open_window(self, uniqueid: str, owner: str) -> tuple[int, str] | None:
        """Return the number of a new window of that browser, and the record.

        From now on that window alone may save. Who had quit has not any more. Returns None if the
        browser does not own the record, or if the participation is over.
        """
        values = _claim(owner) | self._provenance.values
        row = self._database.one(SQL["open_window"], uid=uniqueid, **values)
        return row and (row.record_version // ENTRIES_PER_WINDOW, self._complete(row))

    def load(self, uniqueid: str) -> str:
        """Return the whole record as JSON; before the first save, psiTurk's initial record.

        Raises Vanished if there is no such participant.
        """
        if row := self._database.one(SQL["load"], uid=uniqueid):
            return self._complete(row)
        raise Vanished

    def is_erased(self, mark: str) -> bool:
        """Return whether the record of that mark was erased (study/signing.py)."""
        return bool(self._database.run(SQL["find_erased"], mark=mark))

    def _complete(self, row: Row) -> str:
        if row.has_entries:
            return self._gather(row.uniqueid).record
        return row.datastring or initial_record(row)

    def _gather(self, uniqueid: str, *left: Save) -> "_Gathered":
        """Move the entries that are held, and those given, into the record. Raises Vanished."""
        gathered: _Gathered | None = None

        def decide(rows: list[Row], held: list[Row]) -> list[Query]:
            nonlocal gathered
            gathered = _Gathered.of(_require(rows), held, *left)
            return gathered.queries

        self._database.run_together(_read_held(uniqueid), decide)
        return gathered

    def _gather_held(self, uniqueid: str) -> None:
        if self._database.one(SQL["has_entries"], uid=uniqueid):
            self._gather(uniqueid)

    def _gather_idle(self, since: datetime, **one: str) -> None:
        for (found,) in self._database.run(SQL["idle" if one else "all_idle"], since=since, **one):
            with suppress(Vanished):
                self._gather(found)

    def add(self, uniqueid: str, owner: str, window: int, save: Save) -> tuple[Saved, int]:
        """Store entries at most once; return after the commit, with how many of theirs are held.

        The browser ``owner`` sends them from a window, which may have found what an earlier one
        left. Raises ValueError or RecursionError if they are malformed.
        """
        if save.window != window:
            return self._add_left(uniqueid, owner, window, save)
        about = {"uid": uniqueid, "window": window, **_claim(owner)}
        if save.first == 1:
            self._database.run(SQL["note_first_save"], **about)
        while True:
            sent = {"first": save.first, "last": save.last, "entries": save.packed}
            sent |= {"size": len(save.text.encode()), "limit": self._limit}
            with suppress(IntegrityError):
                if self._database.run(SQL["add_entries"], **about, **sent):
                    self._idle.note(uniqueid)
                    return Saved.STORED, save.last
            outcome, held = self._explain(uniqueid, owner, window, save)
            if outcome is not Saved.STORED or not save.first <= held < save.last:
                return outcome, held
            save = save.after(held)

    def _add_left(self, uniqueid: str, owner: str, window: int, save: Save) -> tuple[Saved, int]:
        outcome, _ = self._explain(uniqueid, owner, window, save)
        if outcome is not Saved.STORED:
            return outcome, 0
        if save.window > window:
            return Saved.UNOPENED, 0
        return Saved.STORED, self._gather(uniqueid, save).windows.get(str(save.window), 0)

    def _explain(self, uniqueid: str, owner: str, window: int, save: Save) -> tuple[Saved, int]:
        """Return why entries were not stored, and how many of their window are held.

        STORED: they, or some of them, are held, or others are missing before them. What can be
        no part of the record any more is set aside.
        """
        row = self.find(uniqueid)
        if row is None or not _is_owned(row, owner):
            return Saved.REFUSED, 0
        current = row.record_version // ENTRIES_PER_WINDOW
        if window > current:
            return Saved.UNOPENED, 0
        held = self._database.one(SQL["held"], uid=uniqueid, window=window)
        is_known = save.window == current and save.last <= held.number
        if (window < current or row.has_ended) and not is_known:
            outcome = Saved.SUPERSEDED if window < current else Saved.ENDED
            values = {"uid": uniqueid, "window": save.window, "now": utc_now(), "data": save.text}
            values |= {"reason": outcome.value, "limit": self._limit}
            has_room = self._database.run(SQL["set_aside"], **values)
            return outcome if has_room else Saved.TOO_LARGE, 0
        is_full = held.size + len(save.text.encode()) > self._limit
        return Saved.TOO_LARGE if is_full and not is_known else Saved.STORED, held.number

    def save(self, uniqueid: str, owner: str, data: str, size: int) -> Saved:
        """Store the whole record, as psiturk.js sends it, unless a later one is stored.

        ``size`` counts its entries: they only become more, so the larger is newer.
        """
        values = {"uid": uniqueid, "data": data, "size": size, **_claim(owner)}
        if self._database.run(SQL["save"], **values):
            return Saved.STORED
        row = self.find(uniqueid)
        if row is None or not _is_owned(row, owner):
            return Saved.REFUSED
        return Saved.ENDED if row.has_ended else Saved.STORED

    def begin(self, uniqueid: str, owner: str) -> bool:
        """Note that the task of that browser's record begins; return whether it had not before."""
        return bool(self._database.run(SQL["begin"], uid=uniqueid, **_claim(owner)))

    def quit(self, uniqueid: str) -> None:
        """Note that the window of a task was closed. A test run goes on."""
        if self._database.run(SQL["quit"], uid=uniqueid):
            self._gather_held(uniqueid)

    def complete(self, uniqueid: str, owner: str, minimum: int) -> Row | None:
        """Mark the participant of that browser's record as completed, and return the row.

        The task must have begun, and be stored with at least one entry and so many trials. Returns
        None if it is not, or if the participation is over. Raises Vanished.
        """
        is_enough = False

        def decide(rows: list[Row], held: list[Row]) -> list[Query]:
            nonlocal is_enough
            row, is_enough = _require(rows), False  # it may be a second attempt
            if not _is_owned(row, owner) or row.has_ended or not row.saved:
                return []
            gathered = _Gathered.of(row, held)
            trials, others = count_entries(gathered.record)
            is_enough = row.beginexp is not None and trials + others > 0 and trials >= minimum
            complete = SQL["complete"], {"uid": uniqueid, "now": utc_now()}
            return [*gathered.queries, complete] if is_enough else gathered.queries

        *_, last = self._database.run_together(_read_held(uniqueid), decide)
        return last[0] if is_enough else None

    def submit(self, uniqueid: str) -> Row | None:
        """Note that the HIT of one who has completed is submitted; return the row if it is new."""
        return self._database.one(SQL["submit"], uid=uniqueid)

    def leave(self, uniqueid: str, reason: str) -> bool:
        """End a participation that has not ended; return whether there was one."""
        left = self._database.run(SQL["leave"], uid=uniqueid, reason=reason, now=utc_now())
        self._gather_held(uniqueid)
        return bool(left)


class _Gathered(NamedTuple):
    """A record with the entries that were held, and what stores it so."""

    record: str
    windows: dict[str, int]  # how many entries of each it has
    queries: list[Query]

    @classmethod
    def of(cls, row: Row, held: list[Row], *left: Save) -> "_Gathered":
        saves = [*left, *(Save.unpack(*save) for save in held)]
        record = row.datastring or initial_record(row)
        if not saves:
            return cls(record, {}, [])
        record, windows = merge(row.uniqueid, record, saves)
        window = row.record_version // ENTRIES_PER_WINDOW
        version = window * ENTRIES_PER_WINDOW + windows.get(str(window), 0)
        whose = {"uid": row.uniqueid}
        new = whose | {"data": record, "version": version, "place": find_place(saves)}
        return cls(record, windows, [(SQL["store"], new), (SQL["delete_entries"], whose)])


def _read_held(uniqueid: str) -> list[Query]:
    """Return what reads, and locks, a row with its record, and the entries that are held."""
    return [(SQL[name], {"uid": uniqueid}) for name in ("lock", "entries")]


def _require(rows: list[Row]) -> Row:
    """Return the row. Raises Vanished if there is none."""
    if not rows:
        raise Vanished
    return rows[0]


def _claim(owner: str) -> dict[str, Any]:
    now = utc_now()
    return {"owner": owner, "now": now, "earliest": now - OWNED}


def _is_owned(row: Row, owner: str) -> bool:
    return row.owner == owner and row.beginhit > utc_now() - OWNED


def utc_now() -> datetime:
    """Return the time in UTC without a time zone, as psiTurk's columns hold it."""
    return datetime.now(UTC).replace(tzinfo=None)
