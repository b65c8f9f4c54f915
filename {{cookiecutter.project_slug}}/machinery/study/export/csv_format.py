"""Tables whose cells keep their type: as CSV files, and as Parquet.

In CSV, text is always quoted; a number, true and false never are; a list or an object is
its JSON, quoted; missing and null are an empty cell. So ``"12"`` is text and ``12`` a
number, ``""`` is empty text and an empty cell no value. Nothing is shortened, rounded or
masked. (`csv.QUOTE_STRINGS` is the same format, but needs Python 3.12.)
"""

import json
import sys
import tempfile
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from math import inf, isfinite
from pathlib import Path
from types import NoneType

import msgspec

from study.messages import StudyError
from study.signing import private

KINDS = {str: "text", int: "integer", float: "number", bool: "true/false", list: "list",
         dict: "object"}  # fmt: skip
NUMBERS, NESTED = {int, float}, {list, dict}
BARE = {"integer", "number", "true/false"}
ODD = "NaN, Infinity or beyond 64 bits"
SMALLEST, LARGEST = -(2**63), 2**63 - 1
FORMULA = tuple("=+-@")  # the first characters of text that a spreadsheet calculates
MOST_VALUES, LONGEST_VALUE = 12, 50  # characters: a commit with +changes fits
ROW_END = b"\xff\r\n"  # until a table is complete; UTF-8 has no such byte
TIMES = ("beginhit", "beginexp", "endhit")
EXACT = 2**53  # up to here, a floating-point number can be every integer

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass
class ColumnStats:
    """What a column holds. ``values`` is None if there are too many to list."""

    kinds: set[str] = field(default_factory=set)
    present: int = 0
    least: float = inf
    most: float = -inf
    values: set[str] | None = field(default_factory=set)
    has_formula: bool = False

    def add(self, cells: tuple) -> Collection:
        """Take cells into account; return the different ones.

        Returns all if a set cannot hold them or tell them apart.
        """
        types = set(map(type, cells))
        self.present += len(cells) - (cells.count(None) if NoneType in types else 0)
        types.discard(NoneType)
        # A set takes 1, 1.0 and True for the same, and 0.0 and -0.0.
        different = set(cells) if len(types) < 2 and types <= {str, int, bool} else cells
        self.kinds |= {KINDS[kind] for kind in types}
        if types & NUMBERS:
            numbers = [cell for cell in different if type(cell) in NUMBERS]
            ordinary = [number for number in numbers if is_ordinary(number)]
            if len(ordinary) < len(numbers):
                self.kinds.add(ODD)
            self.least, self.most = min([self.least, *ordinary]), max([self.most, *ordinary])
        if str in types and not self.has_formula:
            self.has_formula = any(type(c) is str and c.startswith(FORMULA) for c in different)
        if types & NESTED:
            self.values = None
        elif self.values is not None:
            self.values.update(_shown(cell) for cell in different if cell is not None)
            if len(self.values) > MOST_VALUES:
                self.values = None
        return different


def is_ordinary(number: float) -> bool:
    """Whether Parquet, too, can hold the number."""
    return isfinite(number) if type(number) is float else SMALLEST <= number <= LARGEST


@lru_cache(typed=True)
def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


class Table:
    """Rows on their way to a CSV file. Each begins with its participant.

    Columns can be added at any time. So rows are first written to a temporary file, and
    `save` puts the header before them and empty cells behind those that lack columns.
    """

    def __init__(self, folder: Path, columns: Iterable[str]):
        self.columns = ["participant", *columns]
        self.stats = [ColumnStats() for _ in self.columns]
        self.stats[0].values = None
        self.rows = self.longest = 0
        # Open for as long as the table lives, so not in a `with`; it has no name to be left behind.
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        self._widths = [(0, len(self.columns))]  # from which byte on rows have how many columns
        self._waiting: list[tuple] = []

    def add(self, rows: Iterable[tuple]) -> None:
        self._waiting += rows

    def add_column(self, name: str) -> None:
        """Add a column to the right. All further rows must have it."""
        self.flush()
        self.columns.append(name)
        self.stats.append(ColumnStats())
        self._widths.append((self._file.tell(), len(self.columns)))

    def flush(self) -> None:
        """Write the rows that were added since the last time."""
        if not self._waiting:
            return
        columns = zip(self.stats, zip(*self._waiting, strict=True), strict=True)
        cells = [_to_cells(column, stats.add(column), stats.kinds) for stats, column in columns]
        text = b"".join([ROW_END.join(map(b",".join, zip(*cells, strict=True))), ROW_END])
        self._file.write(text)
        self.longest = max(self.longest, len(text))
        self.rows += len(self._waiting)
        self._waiting = []

    def save(self, path: Path) -> int:
        """Write the CSV file; return how many rows it has, counted anew."""
        self.flush()
        ends = [*(start for start, _ in self._widths[1:]), self._file.tell()]
        written = 0
        self._file.seek(0)
        with self._file, open(path, "wb", opener=private) as file:
            file.write(b",".join(map(to_cell, self.columns)) + b"\r\n")
            for (start, width), end in zip(self._widths, ends, strict=True):
                lacking = b"," * (len(self.columns) - width)
                while block := self._file.read(min(end - start, 1 << 20)):
                    start += len(block)
                    written += block.count(ROW_END[:1])
                    file.write(block.replace(ROW_END[:1], lacking))
        return written


def _to_cells(values: tuple, different: Collection, kinds: set[str]) -> Iterable[bytes]:
    if 2 * len(different) <= len(values):
        cells = {value: to_cell(value) for value in different}
        return map(cells.__getitem__, values)
    if kinds <= BARE:  # JSON and CSV agree about them, except for null
        return msgspec.json.encode(values)[1:-1].replace(b"null", b"").split(b",")
    return map(to_cell, values)


def to_cell(value: object) -> bytes:
    """Write a value that JSON can hold as a cell."""
    if value is None:
        return b""
    text = value
    if not isinstance(value, str):
        # Python 3.11 counts the calls above, and there were fewer of them when it was read.
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(2 * limit)
        try:
            text = _encode(value)
        finally:
            sys.setrecursionlimit(limit)
    if isinstance(value, str | list | dict):
        text = '"' + text.replace('"', '""') + '"'
    return text.encode()


def write_parquet(path: Path, table: Table) -> None:
    """Write a CSV file once more as Parquet, beside it. Raises StudyError without pyarrow."""
    pyarrow = import_pyarrow()
    csv = pyarrow.csv
    columns = zip(table.columns, table.stats, strict=True)
    schema = pyarrow.schema([(name, _parquet_type(name, stats)) for name, stats in columns])
    convert = csv.ConvertOptions(
        column_types=schema, null_values=[""], strings_can_be_null=True,
        quoted_strings_can_be_null=False, true_values=["true"], false_values=["false"],
    )  # fmt: skip
    longest = table.longest + len(table.columns)  # a block must hold at least one row
    read = csv.ReadOptions(block_size=max(longest, 1 << 20), use_threads=False)
    parse = csv.ParseOptions(newlines_in_values=True)
    parquet = path.with_suffix(".parquet")
    parquet.touch(0o600)
    with (
        csv.open_csv(path, read, parse, convert) as batches,
        pyarrow.parquet.ParquetWriter(parquet, schema, compression="zstd") as file,
    ):
        for batch in batches:
            file.write_batch(batch)


def import_pyarrow():
    """Return the package pyarrow. Raises StudyError if it is not installed."""
    try:
        import pyarrow.csv
        import pyarrow.parquet
    except ImportError as error:
        cause = "Parquet needs the package pyarrow, which is not installed."
        raise StudyError(cause, "Run: uv run --group parquet study data --parquet") from error
    return pyarrow


def _parquet_type(name: str, stats: ColumnStats) -> str:
    """Return the narrowest type that holds every value exactly; string if none does."""
    if name in TIMES:
        return "timestamp[us]"
    types = {("true/false",): "bool", ("integer",): "int64", ("number",): "float64"}
    if stats.kinds == {"integer", "number"} and max(-stats.least, stats.most) <= EXACT:
        return "float64"
    return types.get(tuple(stats.kinds), "string")
