"""`study data`: download the participants' data."""

from pathlib import Path

from study.database.reader import find_study
from study.export import read_pseudonym_key
from study.export.csv_format import import_pyarrow
from study.export.download import SUPERSEDED, TABLES, UNREADABLE, download, download_as_psiturk
from study.export.filters import Filter


def run_data(
    folder: Path,
    local: bool,
    out: Path,
    filters: list[Filter],
    whole: bool = False,
    parquet: bool = False,
    as_psiturk: bool = False,
) -> bool:
    """Run `study data`; returns whether every record could be read. Raises StudyError."""
    if parquet:
        import_pyarrow()  # now rather than after the download
    participants, _ = find_study(folder, local)
    print(f"Reading {participants.place}")
    report = download(participants, out, read_pseudonym_key(folder), filters, whole, parquet)
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
        print(f"The same as Parquet: {', '.join(f'{name}.parquet' for name in TABLES)}")
    if as_psiturk:
        copy = download_as_psiturk(participants, out / "psiturk")
        print(f"As psiTurk writes them, everybody and with real ids:\n{copy}")
        return not (report.problems or copy.problems)
    return not report.problems
