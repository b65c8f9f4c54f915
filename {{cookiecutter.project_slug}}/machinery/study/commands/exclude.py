"""Keeps those out who took part in an earlier study: `study exclude`.

Their ids become pseudonyms, made with this study's secret key (signing.py), in excluded.txt.
That file is committed and holds nobody's id; the server reads it when it starts.
"""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from study import signing
from study.database.reader import find_key, find_study
from study.errors import StudyError
from study.excluded import FILE, MADE_WITH, fingerprint, read_excluded
from study.recruiters import ID
from study.statuses import TEST_MODES
from study.text import pluralize

HEADER = """\
# Who must not take part, because they took part in an earlier study. Each line is the
# pseudonym of one person, made with this study's secret key. `uv run study exclude` adds to
# it; never write an id here. Commit this file and deploy: the server reads it when it starts.
"""
# Columns of ids: of our identifiers.csv, and of the exports of Prolific and MTurk.
ID_COLUMNS = ("workerid", "participant id", "prolific_pid")

NOTES = {
    "sona": "Note: SONA gives a person another code in each study, so codes of an earlier one "
    "keep nobody out. Use SONA's own list of disqualifying studies.",
    "link": "Note: whoever comes by a plain link has an id of this study alone, so ids of an "
    "earlier one keep nobody out.",
}


def run_exclude(folder: Path, files: Iterable[Path], local: bool) -> None:
    """Add everybody in these files to excluded.txt. Raises StudyError; then it is as before."""
    ids = {worker for file in files for worker in read_ids(file)}
    participants, settings = find_study(folder, local)
    key = find_key(participants, settings)
    there = read_excluded(folder)
    if there.pseudonyms and there.fingerprint != fingerprint(key):
        raise StudyError(
            f"{FILE} was made with another secret key, so the server would recognise nobody in it.",
            f"Delete {FILE} and run this again, with the files of all earlier studies.",
        )
    new = {signing.worker_pseudonym(key, worker) for worker in ids} - there.pseudonyms
    lines = [HEADER, f"{MADE_WITH}{fingerprint(key)}\n"]
    lines += [f"{name}\n" for name in sorted(there.pseudonyms | new)]
    unfinished = folder / f"{FILE}.part"
    unfinished.write_text("".join(lines), encoding="utf-8", newline="\n")
    unfinished.replace(folder / FILE)
    if note := NOTES.get(settings.value("Study", "recruitment")):
        print(note)
    there_already = f"{len(ids) - len(new)} stood there already"
    print(f"Added to {FILE}: {pluralize(len(new), 'person', 'people')}; {there_already}.")
    if local:
        print("They are kept out on this machine only: for the app, leave --local away.")
    elif new:
        print(f'Now: git add {FILE}, git commit -m "Exclude earlier participants" and')
        print("uv run study deploy")


def read_ids(file: Path) -> Iterator[str]:
    """The ids in a file: a CSV with a column of them, or a text with one in each line.

    Trial runs are left out. Raises StudyError, without the id, if a line cannot be one.
    """
    try:
        rows = list(csv.reader(file.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise StudyError(f"{file} cannot be read: {reason}.", "Nothing was changed.") from error
    header = [name.strip().lower() for name in rows[0]] if rows else []
    column = next((header.index(name) for name in ID_COLUMNS if name in header), None)
    if column is None and len(header) > 1:
        raise StudyError(
            f"{file} has pluralize columns, and none is named {', '.join(ID_COLUMNS)}.",
            "Give the file data/identifiers.csv of the earlier study, or a text with an id a line.",
        )
    for number, row in enumerate(rows[column is not None :], 1 + (column is not None)):
        worker = row[column or 0].strip() if len(row) > (column or 0) else ""
        if not worker or worker.startswith("#") or worker.startswith(TEST_MODES):
            continue
        if not ID.fullmatch(worker):
            raise StudyError(f"Line {number} of {file} is no id.", "Nothing was changed.")
        yield worker
