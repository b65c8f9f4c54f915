"""`study data`: the whole download, from the database to the report."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click

from study.errors import StudyError
from study.export import psiturk, tables
from study.export.batches import Job, Plan, make_parts, plan_parts
from study.export.codebook import codebook
from study.export.csv_format import arranged, as_csv
from study.export.files import SUPERSEDED, UNREADABLE, Files, files
from study.export.filters import EVERYBODY, Choice, read_choice
from study.export.progress import progress
from study.export.pseudonyms import pseudonym, read_key
from study.export.records import MOST_KEYS, PARTS, TooManyKeys
from study.export.report import Report
from study.export.source import Reader, Source, as_text, quoted
from study.heroku.app import find_settings

IN_ORDER = "order by beginhit, uniqueid"
SPARE_RECORDS = quoted("study_spare_records")  # tables.py of the study
PARTS_FOLDER = ".parts"
ENOUGH_FOR_KEYS = 8  # participants


@click.command()
@click.option("--local", is_flag=True, help="Use the data on this computer, not those of the app.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="data",
    show_default=True,
    help="Folder to write to.",
)
@click.option("--version", multiple=True, help="Only these code versions: 1.0,1.1")
@click.option("--mode", multiple=True, help="Only these modes, or all. [default: no test runs]")
@click.option("--status", multiple=True, help="finished, or numbers: 3,4. [default: all]")
@click.option("--since", default="", help="Only arrivals on or after this day, UTC: 2026-11-24.")
@click.option("--until", default="", help="Only arrivals on or before this day, UTC.")
@click.option("--parquet", is_flag=True, help="Also as Parquet: uv run --group parquet study data")
@click.option("--json-trials", is_flag=True, help="Write each trial as JSON in one column.")
@click.option("--psiturk", is_flag=True, help="Also write psiTurk's three files without headers.")
def data(local: bool, out: Path, version: tuple[str, ...], mode: tuple[str, ...],
         status: tuple[str, ...], since: str, until: str, parquet: bool, json_trials: bool,
         psiturk: bool) -> bool:  # fmt: skip
    """Download the data as CSV files. Exits with 1 if a record could not be read."""
    choice = read_choice(version, mode, status, since, until)
    return run_data(Path.cwd(), local, out, choice, json_trials, parquet, psiturk)


def run_data(
    folder: Path,
    local: bool,
    out: Path,
    choice: Choice,
    whole: bool = False,
    parquet: bool = False,
    as_psiturk: bool = False,
) -> bool:
    """`study data`: returns whether every record could be read. Raises StudyError."""
    if parquet:
        from study.export.parquet import write_parquet  # tells now if it is not installed
    source = Source.of(find_settings(folder, local))
    print(f"Reading {source.place}")
    report = download(source, out, read_key(folder), choice, whole)
    if report is None:
        print("Nobody has opened the study yet, so there are no data.")
        return True
    print(report)
    print(f"As many participants as in the database: {report.rows['participants']:,}.")
    kept = [name for name in (UNREADABLE, SUPERSEDED) if (out / name).exists()]
    where = " and ".join(["identifiers.csv", *kept])
    print(f"Real ids are in {where} alone: keep that, and data/key, apart from the data.")
    if formulas := report.formulas:
        print(f"A spreadsheet would calculate texts in {formulas}: import these columns as text.")
    print(f"What each column means: {out / 'codebook.md'}")
    if parquet:
        for name, columns in report.headers.items():
            if name in tables.TABLES:
                write_parquet(out / f"{name}.csv", columns, report.observed[name], report.longest)
        print(f"The same as Parquet: {', '.join(f'{name}.parquet' for name in tables.TABLES)}")
    if as_psiturk:
        copy = download_as_psiturk(source, out / "psiturk")
        print(f"As psiTurk writes them, everybody and with real ids:\n{copy}")
        return not (report.problems or copy.problems)
    return not report.problems


def download(
    source: Source, out: Path, key: bytes, choice: Choice = EVERYBODY, whole: bool = False
) -> Report | None:
    """Write the files of `study data`; None if there is no table of participants yet.

    With ``whole``, or if trials have too many keys, each trial stands as JSON in one column.
    The files appear when all are complete. Raises StudyError if they are not.
    """
    with resumable(source, out), source.open() as reader:
        columns = reader.columns()
        if not columns:
            return None
        expected, left_out = choice.count(reader)
        plans = plan_parts(reader, choice.where, IN_ORDER)
        made = {"key": key, "columns": columns}
        job = Job(source, out / PARTS_FOLDER, tables.make_part, made, reader.snapshot)
        try:
            job, report = read_all(job, plans, reader, "as asked" if whole else "")
        except TooManyKeys:
            reason = f"as the trials have more than {MOST_KEYS:,} different keys"
            job, report = read_all(job, plans, reader, reason)
        report.left_out = left_out
        report.require_all(expected)
        report.headers = tables.headers(columns, report.keys)
        names = [f"{name}.csv" for name in report.headers]
        with files(out, [*names, "codebook.md"], [UNREADABLE, SUPERSEDED]) as to:
            for name, header in report.headers.items():
                to.write(f"{name}.csv", as_csv([header], missing=0))
            put_together(job, plans, report, to)
            report.superseded = write_superseded(reader, choice, key, to)
            about = [f"Downloaded on {datetime.now(UTC):%Y-%m-%d at %H:%M} UTC.", *report.notes]
            to.write("codebook.md", codebook(report.headers, report.observed, about).encode())
        shutil.rmtree(job.folder)
    return report


def read_all(job: Job, plans: list[Plan], reader: Reader, whole: str) -> tuple[Job, Report]:
    """Make all parts of the tables, if there is a reason with ``whole`` trials.

    Raises TooManyKeys.
    """
    keys = [] if whole else tables.first_keys(reader, plans[0].ids[:ENOUGH_FOR_KEYS])
    job = replace(job, how=job.how | {"keys": keys, "whole": bool(whole)})
    report = Report(job.folder.parent, whole)
    gather(job, plans, reader, report)
    return job, report


def download_as_psiturk(source: Source, out: Path) -> Report:
    """Write psiTurk's three files. Raises StudyError as `download` does."""
    with resumable(source, out), source.open() as reader:
        report = Report(out)
        plans = plan_parts(reader, psiturk.WHO)
        job = Job(source, out / PARTS_FOLDER, psiturk.make_part, {}, reader.snapshot)
        gather(job, plans, reader, report)
        with files(out, [f"{name}.csv" for name in PARTS], [UNREADABLE]) as to:
            put_together(job, plans, report, to)
        shutil.rmtree(job.folder)
    return report


def gather(job: Job, plans: list[Plan], reader: Reader, report: Report) -> None:
    """Make all parts and add them up. Raises TooManyKeys."""
    job.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if there := sum(job.path(plan).exists() for plan in plans):
        print(f"Going on: {there} of {len(plans)} parts were read before.")
    with progress(sum(plan.size for plan in plans)) as advance:
        for plan, part in zip(plans, make_parts(job, plans, reader), strict=True):
            report.add(part)
            advance(plan.size)
        if len(report.keys) > MOST_KEYS:
            raise TooManyKeys


def put_together(job: Job, plans: list[Plan], report: Report, to: Files) -> None:
    """Write the lines of all parts one after the other, trials with the columns of all."""
    for plan in plans:
        part = job.load(plan)
        places = report.places(part)
        for name, text in part.texts.items():
            if name == "trialdata" and places:
                text = arranged(text, places)
            to.write(name if name == UNREADABLE else f"{name}.csv", text)


def write_superseded(reader: Reader, choice: Choice, key: bytes, to: Files) -> int:
    """Write records that lost against those of a newer window, as they are; how many."""
    if not reader.columns(SPARE_RECORDS):
        return 0
    condition, parameters = choice.where
    names = ("uniqueid", "writer", "received", "reason", "datastring")
    of = f"select uniqueid from {reader.table} where {condition}"
    statement = (
        f"select {', '.join(as_text(name) for name in names)} from {SPARE_RECORDS} "
        f"where uniqueid in ({of}) order by received, uniqueid, writer"
    )
    number = 0
    for uniqueid, writer, received, reason, raw in reader.rows(statement, *parameters):
        number += 1
        kept = {"participant": pseudonym(key, uniqueid), "writer": int(writer)}
        kept |= {"received": received.decode(), "reason": reason.decode(), "raw": raw.decode()}
        to.write(SUPERSEDED, json.dumps(kept).encode() + b"\n")
    return number


@contextmanager
def resumable(source: Source, out: Path) -> Iterator[None]:
    """Turns an interruption into a StudyError that says how to go on."""
    parts = out / PARTS_FOLDER
    cause, remedy = "Interrupted.", "Run the same command again."
    try:
        yield
        return
    except KeyboardInterrupt:
        pass
    except OSError as error:
        cause = f"The files could not be written: {error}."
        remedy = "Is the disk full, or another download at work here? Then run the command again."
    except StudyError as error:
        cause, remedy = error.cause, error.remedy
    # Those with a suffix are unfinished.
    kept = sum(not path.suffix for path in parts.glob("*")) if source.is_resumable else 0
    left = f"The {kept} parts that were read are kept; the same command goes on from there."
    raise StudyError(cause, remedy, left if kept else "")
