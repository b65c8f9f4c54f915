"""The CSV files of a download, read in batches, whatever somebody has done to them since.

Nothing here raises for what a file holds: what cannot be read becomes a problem with its line.
"""

import codecs
import csv
import io
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from study.messages import pluralize

KEY = "participant"  # the column that all files have; psiTurk's own files have real ids there
CELLS = 100_000  # of a batch, about
LONGEST_CELL = 100_000_000  # characters; the csv module itself stops at 131,072
MOST_COLUMNS = 1_100  # as many as `study data` writes, and some of one's own
SHOWN = 20  # problems of a file
DELIMITERS = ",;\t"  # commas are ours; spreadsheets save the others

Batch = tuple[tuple[str, ...], ...]  # a tuple of cells for each column


class CsvFile:
    """A CSV file with a header. Without the file, or a column ``KEY``, there are no columns.

    ``problems`` grow while `read` is at work; it keeps the first ``SHOWN`` and counts all.
    """

    def __init__(self, path: Path):
        self.name, self.rows, self.left_out = path.name, 0, 0
        self.columns: list[str] = []
        self.problems: list[str] = []
        self.exists = path.is_file()
        self._path, self._unseen = path, 0

    def __iter__(self) -> Iterator[Batch]:
        """Yield the rows in batches, by columns. Rows of another length are left out."""
        if not self.exists:
            return
        csv.field_size_limit(LONGEST_CELL)
        try:
            with open(self._path, "rb") as file:
                yield from self._read(file)
        except OSError as error:
            self._note(f"cannot be read: {error.strerror}")

    def describe_problems(self) -> list[str]:
        more = f"{self.name}: {self._unseen:,} more of these"
        return [*self.problems, more] if self._unseen else self.problems

    def _read(self, file: io.BufferedReader) -> Iterator[Batch]:
        lines = self._decode(file)
        header = next(lines, "")
        delimiter = max(DELIMITERS, key=header.count)
        reader = csv.reader(_chain(header, lines), delimiter=delimiter)
        rows = self._rows(reader)
        columns = self._name_columns(next(rows, []))
        if columns and KEY not in columns[:MOST_COLUMNS]:
            self._note(f"line 1: no column {KEY}, so it is no file of `study data`; not read")
            return
        self.columns, width = columns, len(columns)
        whole = self._whole_rows(rows, reader, width)
        while batch := list(islice(whole, CELLS // (width + 1) + 1)):
            self.rows += len(batch)
            yield tuple(zip(*batch, strict=True))[:MOST_COLUMNS]

    def _rows(self, reader) -> Iterator[list[str]]:
        try:
            yield from reader
        except csv.Error:
            self._note(f"line {reader.line_num}: no table from here on; the rest was not read")

    def _whole_rows(self, rows: Iterator[list[str]], reader, width: int) -> Iterator[list[str]]:
        for row in rows:
            if len(row) == width:
                yield row
            elif row:
                self.left_out += 1
                cells = pluralize(len(row), "cell")
                self._note(f"line {reader.line_num}: left out, {cells} instead of {width}")

    def _decode(self, file: io.BufferedReader) -> Iterator[str]:
        """Yield the lines as text; what is no UTF-8 becomes \ufffd and is noted."""
        if file.peek(2)[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            yield from io.TextIOWrapper(file, "utf-16", errors="replace", newline="")
            return
        for number, line in enumerate(file, start=1):
            if number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            try:
                yield line.decode()
            except UnicodeDecodeError:
                self._note(f"line {number}: not UTF-8, which shows as \ufffd")
                yield line.decode(errors="replace")

    def _name_columns(self, header: list[str]) -> list[str]:
        """Return the header with a name for each column and none twice."""
        names: list[str] = []
        for number, name in enumerate(header, start=1):
            name = name.strip() or f"column {number}"
            if name in names:
                self._note(f"line 1: a second column {name}")
                name = f"{name} (column {number})"
            names.append(name)
        if len(names) > MOST_COLUMNS:
            self._note(f"line 1: {len(names):,} columns; only the first {MOST_COLUMNS:,} are used")
        return names

    def _note(self, problem: str) -> None:
        if len(self.problems) < SHOWN:
            self.problems.append(f"{self.name}, {problem}")
        else:
            self._unseen += 1


def _chain(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest
