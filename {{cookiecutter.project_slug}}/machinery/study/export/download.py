"""The files of `study data`, written while the database is read once, row by row.

The rows are those of one moment, whoever writes meanwhile. The files of an earlier download
are replaced when the new ones are complete; an interruption leaves them as they are.
"""

import csv
import gc
import io
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click
import sqlalchemy as sa

from study.database.entries import Save, complete
from study.database.reader import Participants
from study.export import IDENTIFIERS, SUPERSEDED, UNREADABLE
from study.export.about import read_about
from study.export.codebook import codebook
from study.export.csv_format import Table, write_parquet
from study.export.filters import Filter, count
from study.export.flags import FLAG_COLUMNS, flag_rows
from study.export.records import COLUMNS, MOST_KEYS, PARTS, WHOLE, RecordReader, TooManyKeys
from study.messages import StudyError, pluralize, printable
from study.signing import private, pseudonym

TABLES = ("participants", *PARTS)
NOT_PUBLIC = (*IDENTIFIERS, "datastring", "record_version", "owner", "first_saved", "last_saved")
UNFINISHED = ".unfinished-"
FETCHED, WRITTEN = 4_000_000, 1_000_000  # characters of records at a time
PROBLEMS_SHOWN = 10  # the file has them all


@dataclass
class Report:
    """What a download wrote, and what needs attention."""

    folder: Path
    notes: list[str]  # what the files lack or hold in another form than one may expect, and why
    tables: dict[str, Table] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)  # by the file's name without .csv
    problems: list[str] = field(default_factory=list)

    @property
    def formulas(self) -> str:
        """The columns with texts that a spreadsheet would calculate."""
        return ", ".join(
            f"{printable(column)} of {name}.csv"
            for name, table in self.tables.items()
            for column, stats in zip(table.columns, table.stats, strict=True)
            if stats.has_formula
        )

    def note(self, number: int, noun: str, text: str) -> None:
        """Add a note about so many, if there are any; {} in the text stands for them."""
        if number:
            self.notes.append(text.format(pluralize(number, noun)))

    def __str__(self) -> str:
        lines = [f"{count:>9,} rows  {self.folder / name}.csv" for name, count in self.rows.items()]
        problems = [f"  {problem}" for problem in self.problems[:PROBLEMS_SHOWN]]
        return "\n".join(map(printable, [*lines, *self.notes, *problems]))


def download(
    participants: Participants,
    out: Path,
    pseudonym_key: bytes,
    filters: Iterable[Filter] = (),
    whole: bool = False,
    parquet: bool = False,
) -> Report | None:
    """Write the files of `study data`; returns None if there is no table of participants yet.

    With ``whole``, or if trials have too many keys, each trial is JSON in one column. Raises
    StudyError unless the files hold everything; then the earlier files are unchanged.
    """
    if participants.table is None:
        return None
    with replace_files(out) as folder, open_snapshot(participants) as connection:
        job = Download(connection, participants, folder, filters, partial(pseudonym, pseudonym_key))
        try:
            report = job.run(out, "as asked" if whole else "")
        except TooManyKeys:
            report = job.run(out, f"as the trials have more than {MOST_KEYS:,} different keys")
        if parquet:
            for name in TABLES:
                write_parquet(folder / f"{name}.csv", report.tables[name])
    return report


@dataclass(frozen=True)
class Download:
    """What a download reads, and the folder that it writes to."""

    connection: sa.Connection
    participants: Participants
    folder: Path
    filters: Iterable[Filter]
    pseudonym: Callable[[str], str]  # of an id

    def run(self, out: Path, whole: str) -> Report:
        """Write all files. Raises TooManyKeys, and StudyError if anything is missing.

        ``whole`` says why each trial is JSON in one column, if it is.
        """
        about = read_about(Path())
        table, names = self.participants.table, self.participants.table.c.keys()
        expected, left_out = count(self.connection, table, self.filters)
        report = Report(out, [f"Left out: {people}." for people in left_out])
        columns = {
            "participants": ("worker", *(name for name in names if name not in NOT_PUBLIC)),
            **COLUMNS,
            "quality": FLAG_COLUMNS,
            "identifiers": ("worker", *(name for name in IDENTIFIERS if name in names)),
        }
        report.tables = {name: Table(self.folder, columns[name]) for name in columns}
        query = sa.select(*map(select_value, table.c)).order_by(table.c.beginhit, table.c.uniqueid)
        rows = read_rows(self.connection, query.where(*(each.condition for each in self.filters)))
        is_hidden = not sys.stderr.isatty()
        with click.progressbar(rows, length=expected, file=sys.stderr, hidden=is_hidden) as rows:
            self._write_rows(rows, report, bool(whole))
        self._write_superseded(report)
        if whole:
            report.notes.append(f"Each trial is JSON in one column, {whole}.")
        for name, table in report.tables.items():
            report.rows[name] = table.save(self.folder / f"{name}.csv")
        read = {name: table.rows for name, table in report.tables.items()}
        if read != report.rows or read["participants"] != expected:
            raise StudyError(
                f"The download is not complete: the database has {expected} participants, "
                f"{read} were read and {report.rows} written.",
                "Run the same command again.",
            )
        notes = [f"Downloaded on {datetime.now(UTC):%Y-%m-%d at %H:%M} UTC.", *report.notes]
        with open(self.folder / "codebook.md", "wb", opener=private) as file:
            file.write(codebook(report.tables, notes, about).encode())
        return report

    def _write_rows(self, rows: Iterable[sa.Row], report: Report, whole: bool) -> None:
        tables, reader, waiting, empty = report.tables, RecordReader(whole), 0, 0
        saves = self.participants.read_entries(self.connection)
        records = read_records(rows, saves, reader, report, self.folder, self.pseudonym)
        for row, participant, found, _ in records:
            values, worker = row._mapping, self.pseudonym(row.workerid)
            for name in ("participants", "identifiers"):
                cells = (values[column] for column in tables[name].columns[2:])
                tables[name].add([(participant, worker, *cells)])
            add_key_columns(tables["trialdata"], reader.keys)
            for name, some in found.items():
                tables[name].add([(participant, *cells) for cells in some])
            tables["quality"].add((participant, *flag) for flag in flag_rows(found, reader.keys))
            empty += not found
            waiting += size(row)
            if waiting > WRITTEN:
                for table in tables.values():
                    table.flush()
                waiting = 0
        report.note(empty, "participant", "{} came but never saved anything.")

    def _write_superseded(self, report: Report) -> None:
        records = self.participants.own_table("study_superseded_records")
        if records is None:
            return
        taken = sa.select(self.participants.table.c.uniqueid)
        taken = taken.where(*(each.condition for each in self.filters))
        query = sa.select(*map(select_value, records.c)).where(records.c.uniqueid.in_(taken))
        query = query.order_by(records.c.received, records.c.uniqueid, records.c.writer)
        number = 0
        with json_lines(self.folder / SUPERSEDED) as write:
            for row in read_rows(self.connection, query):
                number += 1
                write(
                    participant=self.pseudonym(row.uniqueid), writer=row.writer,
                    received=row.received, reason=row.reason, raw=row.datastring,
                )  # fmt: skip
        when = "that an older window sent when a newer one had taken over, or sent after the end"
        report.note(number, "record", f"In {SUPERSEDED}: {{}} {when}.")


def read_records(
    rows: Iterable[sa.Row],
    saves: Mapping[str, list[Save]],
    reader: RecordReader,
    report: Report,
    folder: Path,
    name_of: Callable,
) -> Iterator[tuple[sa.Row, str, dict[str, list[tuple]], list[str]]]:
    """Yield each row with its participant's name, its record's rows for each file, and problems.

    A record with problems, to which the caller may add, is kept unchanged in UNREADABLE.
    """
    with json_lines(folder / UNREADABLE) as write:
        for row in rows:
            name = name_of(row.uniqueid)
            text = complete(row.uniqueid, row.datastring, saves)
            found, problems = reader.read(text) if text else ({}, [])
            yield row, name, found, problems
            report.problems += (f"{name}: {problem}" for problem in problems)
            if problems:
                write(participant=name, problem="; ".join(problems), raw=text)
    where = f"unchanged in {UNREADABLE}, and what was understood is in the files"
    text = f"{{}} something could not be understood. Those records are {where}."
    report.note(len(report.problems), "time", text)


def select_value(column: sa.Column) -> sa.ColumnElement:
    """Select a number as it is, and anything else as text."""
    is_number = isinstance(column.type, sa.Integer | sa.Float)
    return column if is_number else sa.cast(column, sa.Text).label(column.name)


def add_key_columns(trials: Table, keys: Iterable[str | None]) -> None:
    """Add a column for each new key of trials. A name that is taken or empty gets a prefix."""
    new = list(keys)[len(trials.columns) - len(COLUMNS["trialdata"]) - 1 :]
    for key in new:
        name = "trialdata" if key is WHOLE else key or "trialdata."
        while name in trials.columns:
            name = f"trialdata.{name}"
        trials.add_column(name)


def download_as_psiturk(participants: Participants, out: Path) -> Report:
    """Write psiTurk's three files as `psiturk download_datafiles` does, byte for byte.

    They have no headers, and hold everybody with real ids in the table's own order. What cannot
    be understood, at which psiTurk stops, is reported; half of a character is written as \\ufffd.
    Raises StudyError as `download` does.
    """
    columns, reader = participants.table.c, RecordReader(whole=True)
    query = sa.select(columns.uniqueid, columns.datastring)
    report = Report(out, [], rows=dict.fromkeys(PARTS, 0))
    with replace_files(out) as folder, open_snapshot(participants) as connection, ExitStack() as on:
        paths = {name: folder / f"{name}.csv" for name in PARTS}
        files = {n: on.enter_context(open(p, "wb", opener=private)) for n, p in paths.items()}
        people, saves = read_rows(connection, query), participants.read_entries(connection)
        for row, _, found, problems in read_records(people, saves, reader, report, folder, str):
            for name, rows in found.items():
                text = io.StringIO()
                try:
                    if name == "trialdata":
                        rows = [(*cells, json.dumps(trialdata)) for *cells, trialdata in rows]
                    csv.writer(text).writerows((row.uniqueid, *cells) for cells in rows)
                except RecursionError as error:
                    problems.append(f"{name}: {error}")
                    continue
                files[name].write(text.getvalue().encode())
                report.rows[name] += len(rows)
    return report


@contextmanager
def open_snapshot(participants: Participants) -> Iterator[sa.Connection]:
    """Connect to the database as it is now. Raises StudyError if it cannot be read to the end."""
    with participants.snapshot() as connection:
        if connection.dialect.name == "postgresql":  # whatever its defaults are
            connection.exec_driver_sql("set local datestyle to ISO")
            connection.exec_driver_sql("set local statement_timeout to 0")
        gc.disable()  # records have no cycles, and searching for some takes a tenth of the time
        try:
            yield connection
        finally:
            gc.enable()


def read_rows(connection: sa.Connection, query: sa.Select) -> Iterator[sa.Row]:
    """Yield rows with a datastring; fetch as many at a time as have FETCHED characters."""
    options, number = {"stream_results": True}, 10
    with connection.execute(query, execution_options=options) as result:
        while rows := result.fetchmany(number):
            yield from rows
            number = max(1, FETCHED * len(rows) // sum(map(size, rows)))


def size(row: sa.Row) -> int:
    return 1000 + len(row.datastring or "")


@contextmanager
def replace_files(out: Path) -> Iterator[Path]:
    """Make a folder whose files replace those in ``out`` when all are complete.

    Raises StudyError if it is interrupted or the files cannot be written.
    """
    left = "The files of an earlier download are unchanged."
    try:
        out.mkdir(parents=True, exist_ok=True)
        for killed in out.glob(f"{UNFINISHED}*"):
            shutil.rmtree(killed, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=out) as folder:
            yield Path(folder)
            complete = sorted(path for path in Path(folder).rglob("*") if path.is_file())
            for name in {UNREADABLE, SUPERSEDED} - {path.name for path in complete}:
                (out / name).unlink(missing_ok=True)
            for path in complete:
                target = out / path.relative_to(folder)
                target.parent.mkdir(exist_ok=True)
                path.replace(target)
    except KeyboardInterrupt:
        raise StudyError("Interrupted.", "Run the same command again.", left) from None
    except OSError as error:
        remedy = "Is the disk full, or another download at work here? Then run the command again."
        raise StudyError(f"The files could not be written: {error}.", remedy, left) from error


@contextmanager
def json_lines(path: Path) -> Iterator[Callable[..., None]]:
    """Give a function that writes a line of JSON. Without any line, there will be no file."""
    with open(path, "wb", opener=private) as file:
        yield lambda **line: file.write(json.dumps(line).encode() + b"\n")
    if not path.stat().st_size:
        path.unlink()
