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
from contextlib import contextmanager, suppress
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
    if is_parquet(path):
        return len(_find_in_parquet(path, names)[1])
    with open(path, **TEXT) as file:
        return sum(is_theirs for _, is_theirs in _split(path, file, names))


def remove_rows(path: Path, names: Collection[str]) -> None:
    """Take the person's rows out of a file. An interruption leaves it as it was."""
    if is_parquet(path):
        table, theirs = _find_in_parquet(path, names)
        kept = table.filter([number not in theirs for number in range(table.num_rows)])
        write = _import_pyarrow().parquet.write_table
        return _replace(path, lambda new: write(kept, new, compression="zstd"))

    def copy(new: Path) -> None:
        with open(path, **TEXT) as file, open(new, "w", **TEXT) as kept:
            kept.writelines(raw for raw, is_theirs in _split(path, file, names) if not is_theirs)

    return _replace(path, copy)


def read_columns(path: Path) -> set[str]:
    """Return the names in the first row of a table, in lower case; none of one without any."""
    if _is_json_lines(path):
        return set()
    with suppress(NotRows):
        if is_parquet(path):
            with _open_parquet(path) as file:
                return {*map(str.lower, file.schema_arrow.names)}
        with open(path, **TEXT) as file:
            return {*_read_header(next(_read_raw_rows(file), ""))}
    return set()


def is_parquet(path: Path) -> bool:
    return path.suffix.lower() == ".parquet"


def is_named_in_parquet(path: Path, names: Collection[str]) -> bool:
    """Return whether any cell has one of the names in it. Raises NotRows, and StudyError.

    Such files are compressed, so their bytes do not tell.
    """
    with _open_parquet(path) as file:
        for column in (column for batch in file.iter_batches() for column in batch.columns):
            text = "\n".join(map(str, column.to_pylist()))
            if any(name in text for name in names):
                return True
    return False


def _is_json_lines(path: Path) -> bool:
    return path.suffix.lower() == ".jsonl"


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
    if _is_json_lines(path):
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
    with _open_parquet(path) as file:
        table = file.read()
    columns = [name.lower() for name in table.column_names]
    naming = [number for number, column in enumerate(columns) if column in COLUMNS]
    header = [columns[number] for number in naming]
    rows = zip(*(map(str, table.column(number).to_pylist()) for number in naming), strict=True)
    return table, {n for n, row in enumerate(rows) if _is_row_of(header, list(row), names)}


@contextmanager
def _open_parquet(path: Path) -> Iterator:
    pyarrow = _import_pyarrow()
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            yield file
    except (pyarrow.ArrowException, OSError) as error:  # the latter, too, for damaged contents
        raise NotRows from error


def _import_pyarrow():
    try:
        import pyarrow.parquet
    except ImportError as error:
        cause = "There are Parquet files, which only the package pyarrow can read."
        remedy = "Run the same command with it: uv run --group parquet study …"
        raise StudyError(cause, remedy, "Nothing was changed.") from error
    return pyarrow
