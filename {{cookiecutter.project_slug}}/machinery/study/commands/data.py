"""`study data`: download the participants' data."""

from pathlib import Path

import click

from study import config
from study.commands import find_study
from study.config import Config
from study.database.reader import open_database
from study.dataset import READ, find_gaps, write_dataset
from study.export.about import read_about
from study.export.csv_format import import_pyarrow
from study.export.download import (
    SUPERSEDED,
    TABLES,
    UNREADABLE,
    Report,
    download,
    download_as_psiturk,
)
from study.export.filters import read_filters
from study.signing import read_pseudonym_key

PATH = click.Path(path_type=Path)
CHECK = "To check it with Psych-DS's own validator: https://psych-ds.github.io/validator"


@click.command()
@click.option("--local", is_flag=True, help="Use the data on this computer, not those of the app.")
@click.option("--out", type=PATH, default="data", show_default=True, help="Folder to write to.")
@click.option("--version", multiple=True, help="Only these code versions: 1.0,1.1")
@click.option("--mode", multiple=True, help="Only these modes, or all. [default: no test runs]")
@click.option("--status", multiple=True, help="finished, or numbers: 3,4. [default: all]")
@click.option("--since", default="", help="Only arrivals on or after this day, UTC: 2026-11-24.")
@click.option("--until", default="", help="Only arrivals on or before this day, UTC.")
@click.option("--parquet", is_flag=True, help="Also as Parquet: uv run --group parquet study data")
@click.option("--json-trials", is_flag=True, help="Write each trial as JSON in one column.")
@click.option(
    "--database-url", help="Of another study's database: sqlite:///../old/participants.db"
)
@click.option("--psych-ds", is_flag=True, help="Also as a Psych-DS dataset, to share.")
@click.option("--psiturk", is_flag=True, help="Also write psiTurk's three files without headers.")
def data(local: bool, out: Path, version: tuple[str, ...], mode: tuple[str, ...],
         status: tuple[str, ...], since: str, until: str, parquet: bool, json_trials: bool,
         database_url: str | None, psych_ds: bool, psiturk: bool) -> bool:  # fmt: skip
    """Download the data as CSV files. Exits with 1 if a record could not be read."""
    filters, folder = read_filters(version, mode, status, since, until), Path.cwd()
    if parquet:
        import_pyarrow()  # now rather than after the download
    if database_url:
        participants, settings = open_database(database_url), config.read(folder)
    else:
        participants, settings = find_study(folder, local)
    print(f"Reading {participants.place}")
    report = download(participants, out, read_pseudonym_key(folder), filters, json_trials, parquet)
    if report is None:
        print("Nobody has opened the study yet, so there are no data.")
        return True
    print(report)
    print(f"As many participants as in the database: {report.rows['participants']:,}.")
    kept = [name for name in (UNREADABLE, SUPERSEDED) if (out / name).exists()]
    where = " and ".join(["identifiers.csv", *kept])
    print(f"Real ids are in {where} alone: keep that, and data/key, apart from the data.")
    if report.rows["quality"]:
        print("Whom to look at, because a program may have taken part: uv run study quality")
    if formulas := report.formulas:
        print(f"A spreadsheet would calculate texts in {formulas}: import these columns as text.")
    print(f"What each column means: {out / 'codebook.md'}")
    if parquet:
        print(f"The same as Parquet: {', '.join(f'{name}.parquet' for name in TABLES)}")
    if psych_ds:
        share(report, out / "psych-ds", settings)
    if psiturk:
        copy = download_as_psiturk(participants, out / "psiturk")
        print(f"As psiTurk writes them, everybody and with real ids:\n{copy}")
        return not (report.problems or copy.problems)
    return not report.problems


def share(report: Report, out: Path, settings: Config) -> None:
    """Write the dataset, and say what it lacks and what to look at before others get it."""
    about = read_about(settings.folder)
    write_dataset(report, out, settings.study, about)
    print(f"As a Psych-DS dataset: {out}")
    for line in (*find_gaps(report, about), READ, CHECK):
        print(f"  {line}")
