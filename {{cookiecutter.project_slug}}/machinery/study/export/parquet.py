"""CSV files of a download as Parquet, with a type for each column."""

from pathlib import Path

from study.errors import StudyError
from study.export.column_stats import Observed

try:
    import pyarrow
    from pyarrow import csv
    from pyarrow.parquet import ParquetWriter
except ImportError as error:
    raise StudyError(
        "Parquet needs the package pyarrow, which is not installed.",
        "Run: uv run --group parquet study data --parquet",
    ) from error

TIMES = ("beginhit", "beginexp", "endhit")
EXACT = 2**53  # the integers that a floating-point number can be


def write_parquet(
    path: Path, columns: tuple[str, ...], observed: list[Observed], longest: int
) -> Path:
    """Write a CSV file once more, as Parquet beside it.

    ``longest`` is the size of the longest run of lines in bytes, as one line must fit into what
    is read at once.
    """
    types = {c: _time(c) or _type(o) for c, o in zip(columns, observed, strict=True)}
    schema = pyarrow.schema(list(types.items()))
    convert = csv.ConvertOptions(
        column_types=schema, null_values=[""], strings_can_be_null=True,
        quoted_strings_can_be_null=False, true_values=["true"], false_values=["false"],
    )  # fmt: skip
    read = csv.ReadOptions(block_size=max(longest, 1 << 20), use_threads=False)
    parse = csv.ParseOptions(newlines_in_values=True)
    unfinished = path.with_suffix(".parquet.part")
    unfinished.touch(0o600)
    with (
        csv.open_csv(path, read, parse, convert) as batches,
        ParquetWriter(unfinished, schema, compression="zstd") as file,
    ):
        for batch in batches:
            file.write_batch(batch)
    return unfinished.replace(path.with_suffix(".parquet"))


def _time(column: str) -> pyarrow.DataType | None:
    return pyarrow.timestamp("us") if column in TIMES else None


def _type(observed: Observed) -> pyarrow.DataType:
    """The narrowest type that holds every value exactly; text if none does."""
    if observed.kinds == {"true/false"}:
        return pyarrow.bool_()
    if observed.kinds == {"integer"}:
        return pyarrow.int64()
    if observed.kinds == {"number"}:
        return pyarrow.float64()
    if observed.kinds == {"integer", "number"}:
        exact = max(-observed.least, observed.most) <= EXACT
        return pyarrow.float64() if exact else pyarrow.string()
    return pyarrow.string()
