"""The ledger of bonuses: who was written to a file before, so that nobody is paid twice.

A file is first written as NAME.part, then its participants enter the table study_bonuses, then
the file gets its name. So an interrupted run leaves either a file that nobody may use, or one
that is complete and recorded. The next run compares the time in the file's name with the table,
and removes the file or gives it its name.
"""

import csv
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Table, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from study.database.entries import complete
from study.database.reader import Participants, unreadable
from study.messages import StudyError, pluralize
from study.recruiters import Bonus, Files
from study.signing import private
from study.statuses import FINISHED

STAMP = "%Y-%m-%d-%H%M%S"  # begins a file's name; the table has the same time (UTC)
ROWS_AT_ONCE = 50  # a record may have hundreds of kilobytes


@dataclass(frozen=True)
class Ledger:
    """The table study_bonuses beside psiTurk's table of participants."""

    participants: Participants
    table: Table
    is_local: bool

    @classmethod
    def open(cls, participants: Participants, is_local: bool) -> "Ledger":
        """Return the ledger of these participants. Raises StudyError if the database has none."""
        table = participants.own_table("study_bonuses")
        if table is None:
            cause = "The database was made by an older version of this study."
            raise StudyError(cause, f"Run once: uv run study {'preview' if is_local else 'deploy'}")
        return cls(participants, table, is_local)

    def print_earlier(self) -> None:
        """Print when bonuses were written before, and how many."""
        c = self.table.c
        query = select(c.exported, c.currency, func.count(), func.sum(c.amount))
        query = query.group_by(c.exported, c.currency).order_by(c.exported)
        with self.participants.snapshot() as connection:
            for exported, currency, count, amount in connection.execute(query):
                what = f"{pluralize(count, 'bonus', 'bonuses')}, {amount:.2f} {currency}"
                print(f"Written before, {exported:%Y-%m-%d %H:%M} UTC: {what}")

    def read_finished(self, modes: Collection[str], again: bool) -> Iterator[Mapping]:
        """Yield the finished participants of these modes with the time of an earlier export.

        Without ``again``, leave out those who have one.
        """
        people, ledger = self.participants.table, self.table
        both = people.outerjoin(ledger, ledger.c.uniqueid == people.c.uniqueid)
        query = select(people, ledger.c.exported).select_from(both)
        query = query.where(people.c.status.in_(FINISHED), people.c.mode.in_(modes))
        if not again:
            query = query.where(ledger.c.uniqueid.is_(None))
        query = query.order_by(people.c.beginhit, people.c.uniqueid)
        with self.participants.snapshot() as connection:
            saves = self.participants.read_entries(connection)
            connection = connection.execution_options(yield_per=ROWS_AT_ONCE)
            for row in connection.execute(query).mappings():
                record = complete(row["uniqueid"], row["datastring"], saves)
                yield {**row, "datastring": record}

    def write(
        self, bonuses: list[Bonus], currency: str, files: Files, out: Path, name: str,
        set_column: bool,
    ) -> list[Path]:  # fmt: skip
        """Write the files and record whom they contain; return their paths.

        Raises StudyError, and leaves no files if somebody else has recorded a participant.
        ``set_column`` also writes the amounts to psiTurk's own column `bonus`, which only
        `worker bonus --auto` in its MTurk shell reads (psiturk/amt_services_wrapper.py).
        """
        now = datetime.now(UTC).replace(microsecond=0, tzinfo=None)
        while any(out.glob(f"{now:{STAMP}}*")):  # of another run in the same second
            now += timedelta(seconds=1)
        parts = write_parts(files, out, f"{now:{STAMP}}-{'local-' * self.is_local}{name}")
        run = {"currency": currency, "exported": now}
        rows = [{"uniqueid": b.uniqueid, "amount": float(b.amount)} | run for b in bonuses]
        earlier = [{"of": bonus.uniqueid} for bonus in bonuses if bonus.exported]
        people = self.participants.table
        try:
            with self.participants.engine.begin() as connection:
                if earlier:
                    old = delete(self.table).where(self.table.c.uniqueid == bindparam("of"))
                    connection.execute(old, earlier)
                connection.execute(insert(self.table), rows)
                if set_column:
                    own = update(people).where(people.c.uniqueid == bindparam("of"))
                    amounts = [{"of": row["uniqueid"], "pay": row["amount"]} for row in rows]
                    connection.execute(own.values(bonus=bindparam("pay")), amounts)
        except IntegrityError as error:
            for part in parts:
                part.unlink()
            cause = "Somebody else wrote bonuses of this study at the same moment."
            remedy = "Nothing was written here. Run this again: it leaves out whom they wrote."
            raise StudyError(cause, remedy) from error
        except SQLAlchemyError as error:
            raise unreadable(error) from error
        return [part.replace(part.with_suffix("")) for part in parts]

    def recover(self, out: Path) -> None:
        """Complete or remove the files that an interrupted run has left in the folder."""
        for part in sorted(out.glob("20*.part")):
            if ("-local-" in part.name) != self.is_local:
                continue  # of another database
            exported = datetime.strptime(part.name[:17], STAMP)
            query = select(func.count()).where(self.table.c.exported == exported)
            with self.participants.snapshot() as connection:
                is_recorded = connection.scalar(query)
            if is_recorded:
                path = part.replace(part.with_suffix(""))
                print(f"An earlier run was interrupted, but its file is complete: {path}")
            else:
                part.unlink()


def write_parts(files: Files, out: Path, name: str) -> list[Path]:
    """Write each file as NAME.part, readable only by its owner; return the paths."""
    out.mkdir(parents=True, exist_ok=True)
    parts = [out / f"{name}{end}.part" for end in files]
    for part, lines in zip(parts, files.values(), strict=True):
        with open(part, "w", encoding="utf-8", newline="", opener=private) as file:
            csv.writer(file, lineterminator="\n").writerows(lines)
            file.flush()
            os.fsync(file.fileno())
    return parts
