"""A participant's row in psiTurk's table, and the record in it.

A row is created once, entries are stored once, and a status never goes back. Each function is one
transaction, most are one statement, and what is reported as saved is committed.
"""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

from sqlalchemy import Row
from sqlalchemy.exc import IntegrityError

from study.database.engine import Database, Query
from study.database.entries import Save, find_place, initial_record, merge
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
            return self._gather(row.uniqueid)[0]
        return row.datastring or initial_record(row)

    def _gather(self, uniqueid: str, *left: Save) -> tuple[str, dict[str, int]]:
        """Move the entries that are held, and those given, into the record.

        Return it, and how many entries of each window it has. Raises Vanished.
        """
        merged: tuple[str, dict[str, int]] = "", {}

        def decide(rows: list[Row], held: list[Row]) -> list[Query]:
            nonlocal merged
            if not rows:
                raise Vanished
            [row], saves = rows, [*left, *(Save.unpack(*save) for save in held)]
            merged = merge(uniqueid, row.datastring or initial_record(row), saves)
            window = row.record_version // ENTRIES_PER_WINDOW
            version = window * ENTRIES_PER_WINDOW + merged[1].get(str(window), 0)
            values = {"uid": uniqueid, "data": merged[0], "version": version}
            values["place"] = find_place(saves)
            return [(SQL["store"], values), (SQL["delete_entries"], {"uid": uniqueid})]

        read = [(SQL[name], {"uid": uniqueid}) for name in ("lock", "entries")]
        self._database.run_together(read, decide)
        return merged

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
        return Saved.STORED, self._gather(uniqueid, save)[1].get(str(save.window), 0)

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

    def advance(self, uniqueid: str, step: str) -> Row:
        """Take a step: begin, quit, complete or submit; return the row as it is then.

        A status never goes back, and nobody quits a test run, completes without a record or
        submits before completing: such a step changes nothing. Raises Vanished.
        """
        advanced = self._database.one(SQL[step], uid=uniqueid, now=utc_now())
        if advanced and step in ("complete", "quit"):
            self._gather_held(uniqueid)
        if row := advanced or self.find(uniqueid):
            return row
        raise Vanished

    def leave(self, uniqueid: str, reason: str) -> bool:
        """End a participation that has not ended; return whether there was one."""
        left = self._database.run(SQL["leave"], uid=uniqueid, reason=reason, now=utc_now())
        self._gather_held(uniqueid)
        return bool(left)


def _claim(owner: str) -> dict[str, Any]:
    now = utc_now()
    return {"owner": owner, "now": now, "earliest": now - OWNED}


def _is_owned(row: Row, owner: str) -> bool:
    return row.owner == owner and row.beginhit > utc_now() - OWNED


def utc_now() -> datetime:
    """Return the time in UTC without a time zone, as psiTurk's columns hold it."""
    return datetime.now(UTC).replace(tzinfo=None)
