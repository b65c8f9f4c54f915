"""Downloads the participants' data as CSV files: `study data`.

psiTurk keeps one JSON text for each participant (models.py, datastring), as sent by the
browser. It is read row by row, so any number of participants fits into little memory, and
whatever cannot be understood is kept as it is. Real ids are in identifiers.csv alone (and
in what could not be understood).
"""

import csv
import hashlib
import hmac
import io
import json
import os
import secrets
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, Table, func, or_, select, true

from study.errors import StudyError
from study.live import Participants, find_participants

ROWS_AT_ONCE = 50  # a record may have hundreds of kilobytes
IDENTIFIERS = ("uniqueid", "workerid", "assignmentid", "hitid", "ipaddress")
# For each file: where its rows are in a participant's record, and their columns, as psiTurk has
# them (models.py, get_trial_data and the two after it).
PARTS = {
    "trialdata": ("data", ("current_trial", "dateTime", "trialdata")),
    "eventdata": ("eventdata", ("eventtype", "interval", "value", "timestamp")),
    "questiondata": ("questiondata", ("question", "answer")),
}


@dataclass
class Report:
    """What was written: rows of each file, and the participants that need attention."""

    folder: Path
    rows: Counter = field(default_factory=Counter)
    left_out: int = 0
    without_data: int = 0
    unreadable: list[str] = field(default_factory=list)

    def keep(self, file: BinaryIO, who: str, error: Exception, raw: str) -> None:
        """Keep a record that could not be understood, as it is."""
        reason = f"no {error}" if isinstance(error, KeyError) else f"{error}"
        self.unreadable.append(f"{who}: {reason}")
        kept = {"participant": who, "problem": reason, "raw": raw}
        file.write(json.dumps(kept).encode() + b"\n")

    def __str__(self) -> str:
        lines = [f"{count:>9} rows  {self.folder / name}.csv" for name, count in self.rows.items()]
        if self.without_data:
            lines.append(f"{self.without_data} participants came but never saved anything.")
        if self.unreadable:
            lines.append(
                f"{len(self.unreadable)} records could not be understood and are kept as they are "
                f"in {self.folder / 'unreadable.jsonl'}:"
            )
            lines += [f"  {reason}" for reason in self.unreadable[:10]]
        return "\n".join(lines)


def run_data(folder: Path, local: bool, out: Path, mode: str, psiturk: bool) -> bool:
    """`study data`: returns whether every record could be read. Raises StudyError."""
    participants = find_participants(folder, local)
    print(f"Reading {participants.place}")
    if participants.table is None:
        print("Nobody has opened the study yet, so there are no data.")
        return True
    report = download(participants, out, mode, read_key(folder))
    print(report)
    print(f"As many participants as in the database: {report.rows['participants']}.")
    if report.left_out:
        what = f"not of mode {mode}" if mode else "debug runs; all of them: --mode all"
        print(f"{report.left_out} participants were left out ({what}).")
    where = "identifiers.csv and unreadable.jsonl" if report.unreadable else "identifiers.csv"
    print(f"Real ids are in {where} alone: keep that, and data/key, apart from the data.")
    if psiturk:
        copy = download_as_psiturk(participants, out / "psiturk")
        print(f"As psiTurk writes them, everybody and with real ids:\n{copy}")
        return not (report.unreadable or copy.unreadable)
    return not report.unreadable


def download(participants: Participants, out: Path, mode: str, key: bytes) -> Report:
    """Write the data of one mode, of "all", or (empty) of all but debug runs, to a folder.

    The files appear when all are complete. Raises StudyError if they do not hold as many
    participants as the database, or not what was written.
    """
    table, report = participants.table, Report(out)
    report.rows.update({name: 0 for name in ("participants", *PARTS)})
    chosen, count = of_mode(table, mode), select(func.count()).select_from(table)
    ids = [name for name in IDENTIFIERS if name in table.c]
    others = [c.name for c in table.c if c.name not in (*IDENTIFIERS, "datastring")]
    headers = {"participants": ("participant", "worker", *others)}
    headers |= {part: ("participant", *columns) for part, (_, columns) in PARTS.items()}
    headers |= {"identifiers": ("participant", "worker", *ids)}
    with participants.snapshot() as connection, files(out, headers) as to:
        expected = connection.scalar(count.where(chosen))
        report.left_out = connection.scalar(count) - expected
        for name, header in headers.items():
            to[name].write(as_csv([header]))
        query = select(table).where(chosen).order_by(table.c.beginhit, table.c.uniqueid)
        for row in stream(connection, query):
            names = [pseudonym(key, row[name]) for name in ("uniqueid", "workerid")]
            to["participants"].write(as_csv([(*names, *(row[name] for name in others))]))
            to["identifiers"].write(as_csv([(*names, *(row[name] for name in ids))]))
            report.rows["participants"] += 1
            if not row["datastring"]:
                report.without_data += 1
                continue
            try:
                record = json.loads(row["datastring"])
                found = {part: rows_of(part, record) for part in PARTS}
                text = [as_csv((names[0], *map(plain, r)) for r in found[part]) for part in PARTS]
            except Exception as error:  # what a browser sent can be anything
                report.keep(to["unreadable"], names[0], error, row["datastring"])
                continue
            for part, rows in zip(PARTS, text, strict=True):
                to[part].write(rows)
                report.rows[part] += len(found[part])
    written = {name: count_rows(out / f"{name}.csv") for name in report.rows}
    if written != report.rows or written["participants"] != expected:
        raise StudyError(
            f"The download is not complete: the database has {expected} participants, "
            f"the files have {written}, and {dict(report.rows)} were read.",
            "Is the disk full? Then run the same command again.",
        )
    return report


def download_as_psiturk(participants: Participants, out: Path) -> Report:
    """Write psiTurk's three files without headers, as `psiturk download_datafiles` does.

    Everybody is in them, in the table's own order. Where psiTurk stops or leaves somebody
    out, so much is left out here and reported.
    """
    table, report = participants.table, Report(out)
    query = select(table.c.uniqueid, table.c.datastring).where(table.c.datastring != "")
    with participants.snapshot() as connection, files(out, PARTS) as to:
        for row in stream(connection, query):
            for part in PARTS:
                try:
                    rows = rows_of(part, json.loads(row["datastring"]))
                    to[part].write(as_csv((row["uniqueid"], *values) for values in rows))
                    report.rows[part] += len(rows)
                except Exception as error:
                    who = f"{row['uniqueid']}, {part}"
                    report.keep(to["unreadable"], who, error, row["datastring"])
    return report


def stream(connection: Connection, query: Select) -> Iterator[RowMapping]:
    """The rows, some at a time: with PostgreSQL, the rest waits in the server."""
    return connection.execution_options(yield_per=ROWS_AT_ONCE).execute(query).mappings()


def of_mode(table: Table, mode: str) -> ColumnElement[bool]:
    """The condition for the participants of a mode, of "all", or (empty) for all but debug."""
    if mode == "all":
        return true()
    return table.c.mode == mode if mode else or_(table.c.mode.is_(None), table.c.mode != "debug")


def rows_of(part: str, record: dict) -> list[tuple]:
    """One part of a record as rows. Raises KeyError or TypeError if it has another form."""
    key, columns = PARTS[part]
    if part == "questiondata":
        return list(record[key].items())
    rows = [tuple(entry[name] for name in columns) for entry in record[key]]
    if part == "trialdata":
        return [(*row[:-1], json.dumps(row[-1])) for row in rows]
    return rows


def read_key(folder: Path) -> bytes:
    """The study's key for pseudonyms; made on first use, and then always the same."""
    path = folder / "data" / "key"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        with open(path, "xb", opener=private) as file:
            file.write(secrets.token_hex(32).encode())
    return path.read_bytes()


def pseudonym(key: bytes, identifier: str) -> str:
    """A name that stays the same, and that nobody without the key can trace back."""
    return hmac.new(key, identifier.encode(), hashlib.sha256).hexdigest()[:16]


@contextmanager
def files(folder: Path, names: Iterable[str]) -> Iterator[dict[str, BinaryIO]]:
    """CSV files of these names and unreadable.jsonl, for their owner's eyes only.

    They get their names when all are complete; if nothing is unreadable, that file goes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = {name: folder / f"{name}.csv" for name in names}
    paths["unreadable"] = folder / "unreadable.jsonl"
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(open(f"{path}.part", "wb", opener=private))
            for name, path in paths.items()
        }
    for path in paths.values():
        Path(f"{path}.part").replace(path)
    if not paths["unreadable"].stat().st_size:
        paths["unreadable"].unlink()


def private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def as_csv(rows: Iterable[tuple]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def plain(value: object) -> object:
    return json.dumps(value) if isinstance(value, list | dict) else value


def count_rows(path: Path) -> int:
    """Rows below the header, counted in the file."""
    csv.field_size_limit(sys.maxsize)
    with path.open(encoding="utf-8", newline="") as file:
        return sum(1 for _ in csv.reader(file)) - 1
