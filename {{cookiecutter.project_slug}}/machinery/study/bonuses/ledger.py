"""Who was written to a file of bonuses before, so that nobody is paid twice.

A file is first written to the disk as NAME.part, then the table study_bonuses remembers its
participants, then the file gets its name. A run that was stopped has therefore left either
a file that nobody may use, or one that is whole and remembered. The next run finds out which
by the time in the file's name, and removes it or gives it its name.
"""

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Select, Table, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from study.database.reader import Participants, unreadable
from study.errors import StudyError
from study.export.files import private
from study.recruiters import Bonus
from study.statuses import FINISHED
from study.text import pluralize

STAMP = "%Y-%m-%d-%H%M%S"  # how a file's name begins; the table has the same time (UTC)


@dataclass(frozen=True)
class Ledger:
    """The table study_bonuses beside that of the participants."""

    participants: Participants
    table: Table
    is_local: bool

    @classmethod
    def of(cls, participants: Participants, local: bool) -> "Ledger":
        """The ledger of these participants. Raises StudyError if their database has none."""
        table = participants.own_table("study_bonuses")
        if table is None:
            raise StudyError(
                "The database was made by an older version of this study.",
                f"Run once: uv run study {'preview' if local else 'deploy'}",
            )
        return cls(participants, table, local)

    def describe(self) -> Iterator[str]:
        """What was written before, run by run."""
        c = self.table.c
        query = select(c.exported, c.currency, func.count(), func.sum(c.amount))
        query = query.group_by(c.exported, c.currency).order_by(c.exported)
        with self.participants.snapshot() as connection:
            for when, currency, count, amount in connection.execute(query):
                what = f"{pluralize(count, 'bonus', 'bonuses')}, {amount:.2f} {currency}"
                yield f"Written before, {when:%Y-%m-%d %H:%M} UTC: {what}"

    def finished(self, modes: list[str], again: bool) -> Select:
        """The finished participants of these modes, with the time of an earlier export.

        Without ``again``, those who have one are left out.
        """
        people, exported = self.participants.table, self.table.c
        both = people.outerjoin(self.table, exported.uniqueid == people.c.uniqueid)
        query = select(people, exported.exported).select_from(both)
        query = query.where(people.c.status.in_(FINISHED), people.c.mode.in_(modes))
        if not again:
            query = query.where(exported.uniqueid.is_(None))
        return query.order_by(people.c.beginhit, people.c.uniqueid)

    def remember(
        self,
        bonuses: list[Bonus],
        currency: str,
        now: datetime,
        paths: list[Path],
        set_column: bool,
    ) -> None:
        """Remember whom the files hold, then give the files their names. Raises StudyError.

        ``set_column`` also writes the amounts into psiTurk's own column `bonus`. Only its
        shell reads that, for `worker bonus --auto` (psiturk/amt_services_wrapper.py).
        """
        same = {"currency": currency, "exported": now}
        rows = [{"uniqueid": b.uniqueid, "amount": float(b.amount)} | same for b in bonuses]
        earlier = [{"of": one.uniqueid} for one in bonuses if one.exported]
        column = [{"of": row["uniqueid"], "pay": row["amount"]} for row in rows]
        people = self.participants.table
        own = update(people).where(people.c.uniqueid == bindparam("of"))
        try:
            with self.participants.engine.begin() as connection:
                if earlier:
                    written = delete(self.table).where(self.table.c.uniqueid == bindparam("of"))
                    connection.execute(written, earlier)
                connection.execute(insert(self.table), rows)
                if set_column:
                    connection.execute(own.values(bonus=bindparam("pay")), column)
        except IntegrityError as error:
            for path in paths:
                temporary_path(path).unlink()
            raise StudyError(
                "Somebody else wrote bonuses of this study at the same moment.",
                "Nothing was written here. Run this again: it leaves out those whom they have.",
            ) from error
        except SQLAlchemyError as error:
            raise unreadable(error) from error
        for path in paths:
            temporary_path(path).replace(path)

    def settle(self, out: Path) -> None:
        """Finish what a run that was stopped has left in the folder. Says so."""
        for part in sorted(out.glob("20*.part")):
            if ("-local-" in part.name) != self.is_local:
                continue  # of another database
            when = datetime.strptime(part.name[:17], STAMP)
            query = select(func.count()).where(self.table.c.exported == when)
            with self.participants.snapshot() as connection:
                is_remembered = connection.scalar(query)
            if is_remembered:
                part.replace(part.with_suffix(""))
                print(f"An earlier run was stopped, but its file is whole: {part.with_suffix('')}")
            else:
                part.unlink()


def write_files(files: dict[str, list[list[str]]], out: Path, name: str) -> list[Path]:
    """Write each file under its temporary path, readable only by its owner; returns the paths."""
    out.mkdir(parents=True, exist_ok=True)
    paths = [out / f"{name}{end}" for end in files]
    for path, lines in zip(paths, files.values(), strict=True):
        with open(temporary_path(path), "w", encoding="utf-8", newline="", opener=private) as file:
            csv.writer(file, lineterminator="\n").writerows(lines)
            file.flush()
            os.fsync(file.fileno())
    return paths


def temporary_path(path: Path) -> Path:
    """Return the path of a file until its bonuses are remembered."""
    return path.with_name(f"{path.name}.part")
