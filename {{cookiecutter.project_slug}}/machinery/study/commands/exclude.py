"""Keeps those out who took part in an earlier study: `study exclude`.

Their ids become pseudonyms, made with this study's secret key (signing.py), in excluded.txt.
That file is committed and holds nobody's id; the server reads it when it starts.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from study import signing
from study.database.reader import find_key, find_study
from study.errors import StudyError
from study.recruiters import ID, RECRUITERS, find_recruiter
from study.statuses import TEST_MODES
from study.text import pluralize

FILE = "excluded.txt"
PSEUDONYM = re.compile(r"[0-9a-f]{32}")
MADE_WITH = "# Key: "
HEADER = """\
# Who must not take part, because they took part in an earlier study. Each line is the
# pseudonym of one person, made with this study's secret key. `uv run study exclude` adds to
# it; never write an id here. Commit this file and deploy: the server reads it when it starts.
"""
# Columns of ids: of our identifiers.csv, and of the recruiters' exports.
ID_COLUMNS = ("workerid", *(name for each in RECRUITERS.values() for name in each.id_columns))

@dataclass(frozen=True)
class Excluded:
    """What excluded.txt holds: pseudonyms, and a word that only the same key makes."""

    pseudonyms: frozenset[str] = frozenset()
    fingerprint: str = ""


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
    if note := find_recruiter(settings.value("Study", "recruitment")).exclude_note:
        print(note)
    there_already = f"{len(ids) - len(new)} stood there already"
    print(f"Added to {FILE}: {pluralize(len(new), 'person', 'people')}; {there_already}.")
    if local:
        print("They are kept out on this machine only: for the app, leave --local away.")
    elif new:
        print(f'Now: git add {FILE}, git commit -m "Exclude earlier participants" and')
        print("uv run study deploy")


def read_excluded(folder: Path) -> Excluded:
    """What stands in excluded.txt. Raises StudyError if a line is no pseudonym."""
    path = folder / FILE
    if not path.exists():
        return Excluded()
    if wrong := find_wrong_lines(path):
        raise StudyError(
            f"{FILE} holds something else than pseudonyms, in line {wrong[0]}.",
            "Take that line out: ids go through `uv run study exclude`, so git never has them.",
        )
    lines = path.read_text(encoding="utf-8").splitlines()
    marks = [line.removeprefix(MADE_WITH) for line in lines if line.startswith(MADE_WITH)]
    names = frozenset(line for line in lines if PSEUDONYM.fullmatch(line))
    return Excluded(names, marks[0] if marks else "")


def find_wrong_lines(path: Path) -> list[int]:
    """The numbers of the lines that are neither a pseudonym nor a comment nor empty."""
    lines = enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
    return [
        number
        for number, line in lines
        if line.strip() and not line.startswith("#") and not PSEUDONYM.fullmatch(line)
    ]


def fingerprint(key: str) -> str:
    """A word by which it is seen whether two files were made with the same key."""
    return signing.proof(key, "fingerprint", FILE).hex()[:16]


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
