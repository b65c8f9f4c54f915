"""Columns in words and small pictures: what each holds, and how its values are distributed."""

from dataclasses import dataclass, field

from study.export.codebook import WORDS
from study.messages import pluralize
from study.report.charts import draw_small
from study.report.columns import IDS, LONGEST, Column
from study.report.estimates import quantile
from study.report.formats import moment, significant
from study.statuses import STATUS_NAMES

MOST_SHOWN = 8  # texts of a column
SEE_BELOW = ", see below"  # in codebook.md
QUARTERS = {"lowest": 0, "quarter": 0.25, "median": 0.5, "three quarters": 0.75, "highest": 1}


@dataclass
class Description:
    """A column as the page shows it. ``counts`` are values with their rows, the rest is text."""

    name: str
    meaning: str
    kind: str
    rows: int
    missing: int
    bars: str = ""  # the path of a small histogram
    quantiles: dict[str, str] = field(default_factory=dict)
    counts: list[tuple[str, int]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def describe_files(columns: dict[str, list[Column]], rows: dict[str, int]) -> list[tuple]:
    """Return for each file its name, its number of rows and the descriptions of its columns."""
    return [
        (name, rows[name], [describe(column, name) for column in found])
        for name, found in columns.items()
    ]


def describe(column: Column, file: str) -> Description:
    meanings = WORDS["meanings"] if file != "questiondata" else {}
    meaning = meanings.get(column.name, "").removesuffix(SEE_BELOW)
    found = Description(column.name, meaning, name_kind(column), column.rows, column.missing)
    if column.name in IDS:
        return found
    if column.numeric:
        add_numbers(found, column)
        if column.name == "status":
            named = {str(number): f"{number}, {name}" for number, name in STATUS_NAMES.items()}
            found.counts = [(named.get(value, value), rows) for value, rows in found.counts]
    if column.textual:
        add_texts(found, column)
    if column.odd:
        found.notes.append(f"{pluralize(column.odd, 'value')} NaN or infinite")
    return found


def name_kind(column: Column) -> str:
    if column.name in IDS:
        return "pseudonym"
    kinds = []
    if column.numeric or column.odd:
        kinds.append("time" if column.is_time else "number")
    if column.textual > column.nested:
        words = set(column.texts or ["", "many"])
        kinds.append("true/false" if {w.lower() for w in words} <= {"true", "false"} else "text")
    if column.nested:
        kinds.append("list or object")
    return " and ".join(kinds) or "empty"


def add_numbers(found: Description, column: Column) -> None:
    """Add each value with its rows if there are few, else quantiles and a picture."""
    if column.values is not None and not column.is_time:
        found.counts += [(significant(v), rows) for v, rows in sorted(column.values.items())]
        return
    ordered = sorted(column.numbers)
    write = moment if column.is_time else significant
    ends = {0: column.least, 1: column.greatest}
    found.quantiles = {
        name: write(ends.get(part, quantile(ordered, part))) for name, part in QUARTERS.items()
    }
    found.bars = draw_small(ordered)
    if column.is_sampled:
        found.notes.append(f"quartiles of a random sample of {len(ordered):,}")


def add_texts(found: Description, column: Column) -> None:
    """Add the commonest texts, and how many more there are."""
    shown = column.shown_texts[:MOST_SHOWN]
    found.counts += [(f"{text}…" if len(text) == LONGEST else text, rows) for text, rows in shown]
    if column.texts is None:
        found.notes.append("too many different texts to count")
        return
    if others := len(column.texts) - len(shown):
        rest = column.textual - sum(rows for _, rows in shown)
        more = pluralize(others, "other text" if shown else "different text")
        found.notes.append(f"{more} in {pluralize(rest, 'row')}, not shown")
