"""The rows of one person in files: counted, and taken out; every other byte stays as it is.

Downloads, files of bonuses and recruiters' exports are CSV, with a header or, as psiTurk's own
and Prolific's, without. A row is a person's if a column for ids has one of their names.
"""

import csv
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path

from study.database.erasure import LONG
from study.export.download import UNFINISHED
from study.messages import StudyError
from study.recruiters import RECRUITERS

IDS = {"worker", "assignment", "uniqueid", "code"}  # fields of Bonus, by which people are named
PSITURKS = {"uniqueid", "workerid", "assignmentid"}
ID_COLUMNS = set(PSITURKS)
for _recruiter in RECRUITERS.values():
    ID_COLUMNS |= {*_recruiter.id_columns, *map(str.lower, _recruiter.placeholders)}
    ID_COLUMNS |= {name.lower() for name, of in _recruiter.bonus_columns.items() if of in IDS}
COLUMNS = ID_COLUMNS | {"participant", "worker"}
TEXT = {"encoding": "utf-8", "errors": "surrogateescape", "newline": ""}
csv.field_size_limit(2**31 - 1)  # of a cell: a record may have 64 MB


class NotRows(Exception):
    """The file cannot be taken apart into rows."""


def count_rows(path: Path, names: Collection[str]) -> int:
    """Return how many rows are the person's. Raises NotRows, and StudyError without pyarrow."""
    if path.suffix == ".parquet":
        return len(_find_in_parquet(path, names)[1])
    with open(path, **TEXT) as file:
        return sum(is_theirs for _, is_theirs in _split(path, file, names))


def remove_rows(path: Path, names: Collection[str]) -> None:
    """Take the person's rows out of a file. An interruption leaves it as it was."""
    if path.suffix == ".parquet":
        table, theirs = _find_in_parquet(path, names)
        keep = [number not in theirs for number in range(table.num_rows)]
        write = _import_parquet().write_table
        return _replace(path, lambda new: write(table.filter(keep), new, compression="zstd"))

    def copy(new: Path) -> None:
        with open(path, **TEXT) as file, open(new, "w", **TEXT) as kept:
            kept.writelines(raw for raw, is_theirs in _split(path, file, names) if not is_theirs)

    return _replace(path, copy)


def read_columns(path: Path) -> set[str]:
    """Return the names in the first row of a table, in lower case; none of one without any."""
    if path.suffix == ".parquet":
        return {*map(str.lower, _import_parquet().read_schema(path).names)}
    if path.suffix == ".jsonl":
        return set()
    with open(path, **TEXT) as file, suppress(NotRows):
        return {*_read_header(next(_read_raw_rows(file), ""))}
    return set()


def replace_text(path: Path, change: Callable[[str], str]) -> None:
    """Change the text of a file. An interruption leaves it as it was."""
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    _replace(path, lambda new: new.write_bytes(change(text).encode("utf-8", "surrogateescape")))


def _replace(path: Path, write: Callable[[Path], None]) -> None:
    number, name = tempfile.mkstemp(prefix=UNFINISHED, dir=path.parent)
    os.close(number)
    try:
        write(Path(name))
        shutil.copymode(path, name)
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def _split(path: Path, file: Iterator[str], names: Collection[str]) -> Iterator[tuple[str, bool]]:
    """Yield each row as it is, and whether it is the person's."""
    if path.suffix == ".jsonl":
        for line in file:
            yield line, any(name in line for name in names) and _is_line_of(line, names)
        return
    header: list[str] = []
    for number, raw in enumerate(_read_raw_rows(file)):
        if number == 0:
            header = _read_header(raw)
            if not COLUMNS.isdisjoint(header):
                yield raw, False
                continue
            header = []
        has_name = any(name in raw for name in names)
        yield raw, has_name and _is_row_of(header, _read_cells(raw), names)


def _read_raw_rows(file: Iterator[str]) -> Iterator[str]:
    for raw in file:
        while raw.count('"') % 2:  # a line end inside of a text
            if not (line := next(file, "")):
                raise NotRows
            raw += line
        yield raw


def _read_header(raw: str) -> list[str]:
    return [cell.strip().lower() for cell in _read_cells(raw.lstrip("\ufeff"))]


def _read_cells(raw: str) -> list[str]:
    try:
        return next(csv.reader([raw]), [])
    except csv.Error as error:
        raise NotRows from error


def _is_row_of(header: list[str], cells: list[str], names: Collection[str]) -> bool:
    if not header:
        first = cells[0] if cells else ""  # of psiTurk's files a uniqueid, with a colon in it
        return first in names and (len(first) >= LONG or ":" in first)
    # A short id, such as 17 of SONA, may be a number of something else, for instance of a key. In
    # tables of ours it is an id in psiTurk's columns alone.
    sure = PSITURKS if "participant" in header else ID_COLUMNS - {"worker"}
    return any(
        cell in names and (len(cell) >= LONG or column in sure)
        for column, cell in zip(header, cells, strict=False)
        if column in COLUMNS
    )


def _is_line_of(line: str, names: Collection[str]) -> bool:
    try:
        sent = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise NotRows from error
    return isinstance(sent, dict) and any(
        isinstance(sent.get(name), str) and sent[name] in names for name in COLUMNS
    )


def _find_in_parquet(path: Path, names: Collection[str]) -> tuple:
    """Return the table in a file, and the numbers of the person's rows."""
    table = _import_parquet().read_table(path)
    columns = [name.lower() for name in table.column_names]
    naming = [number for number, column in enumerate(columns) if column in COLUMNS]
    header = [columns[number] for number in naming]
    rows = zip(*(map(str, table.column(number).to_pylist()) for number in naming), strict=True)
    return table, {n for n, row in enumerate(rows) if _is_row_of(header, list(row), names)}


def _import_parquet():
    try:
        import pyarrow.parquet
    except ImportError as error:
        cause = "There are Parquet files, which only the package pyarrow can read."
        remedy = "Run the same command with it: uv run --group parquet study …"
        raise StudyError(cause, remedy, "Nothing was changed.") from error
    return pyarrow.parquet
