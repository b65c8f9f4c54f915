"""Keeps out participants of earlier studies: `study exclude`.

Their ids enter excluded.txt as pseudonyms, made with this study's secret key (signing.py). That
file is committed and contains no ids; the server reads it when it starts.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

import click

from study import signing
from study.commands import find_study, read_lines
from study.excluded import FILE, MADE_WITH, fingerprint, read_excluded
from study.messages import StudyError, pluralize
from study.recruiters import ID, RECRUITERS, find_recruiter
from study.statuses import TEST_MODES

HEADER = """\
# Who must not take part, because they took part in an earlier study. Each line is the
# pseudonym of one person, made with this study's secret key. `uv run study exclude` adds to
# it; never write an id here. Commit this file and deploy: the server reads it when it starts.
"""
# Columns of ids: of our identifiers.csv, and of the recruiters' exports.
ID_COLUMNS = ("workerid", *(name for each in RECRUITERS.values() for name in each.id_columns))


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), required=True)
@click.option("--local", is_flag=True, help="Use the key of this computer, to try it out.")
def exclude(files: tuple[Path, ...], local: bool) -> None:
    """Keep out participants of earlier studies.

    FILES are their identifiers.csv, or lists of ids. Pseudonyms are added to excluded.txt.
    """
    folder = Path.cwd()
    ids = [worker for file in files for worker in read_ids(file)]
    participants, settings = find_study(folder, local)
    key = participants.find_key(settings)
    existing = read_excluded(folder)
    if existing.pseudonyms and existing.fingerprint != fingerprint(key):
        raise StudyError(
            f"{FILE} was made with another secret key, so the server would recognise nobody in it.",
            f"Delete {FILE} and run this again, with the files of all earlier studies.",
        )
    names = {signing.worker_pseudonym(key, worker) for worker in ids}
    new = names - existing.pseudonyms
    lines = [HEADER, f"{MADE_WITH}{fingerprint(key)}\n"]
    lines += [f"{name}\n" for name in sorted(existing.pseudonyms | new)]
    unfinished = folder / f"{FILE}.part"
    unfinished.write_text("".join(lines), encoding="utf-8", newline="\n")
    unfinished.replace(folder / FILE)
    if note := find_recruiter(settings.value("Study", "recruitment")).exclude_note:
        print(note)
    added = pluralize(len(new), "person", "people")
    print(f"Added to {FILE}: {added}; it already contained {len(names) - len(new)}.")
    if local:
        print("They are kept out on this computer only: for the app, run this without --local.")
    elif new:
        print(f'Now: git add {FILE}, git commit -m "Exclude earlier participants" and')
        print("uv run study deploy")


def read_ids(file: Path) -> Iterator[str]:
    """Yield the ids in a file: a CSV file with a column of ids, or a text file with one per line.

    Leaves out test runs. Raises StudyError, without the id, if a line is not an id.
    """
    lines = read_lines(file, "Nothing was changed.")
    try:
        rows = list(enumerate(csv.reader(lines), 1))
    except csv.Error as error:
        raise StudyError(f"{file} is no CSV file: {error}.", "Nothing was changed.") from error
    header = [name.strip().lower() for name in rows[0][1]] if rows else []
    column = next((header.index(name) for name in ID_COLUMNS if name in header), None)
    if column is None and len(header) > 1:
        cause = f"{file} has several columns, and none is named {', '.join(ID_COLUMNS)}."
        remedy = "data/identifiers.csv of the earlier study, or a text file with one id per line."
        raise StudyError(cause, f"Use {remedy}")
    for number, row in rows if column is None else rows[1:]:
        worker = row[column or 0].strip() if len(row) > (column or 0) else ""
        if not worker or worker.startswith("#") or worker.startswith(TEST_MODES):
            continue
        if not ID.fullmatch(worker):
            raise StudyError(f"Line {number} of {file} is not an id.", "Nothing was changed.")
        yield worker
