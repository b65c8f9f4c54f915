"""codebook.md: what the files, columns and values of a download mean, and which values occur.

The words are in codebook.toml, and in dataset.toml for what a study records itself.
"""

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

from study.export.about import About
from study.export.csv_format import Table
from study.export.records import COLUMNS
from study.messages import printable
from study.recruiters import RECRUITERS
from study.statuses import STATUS_NAMES

WORDS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
CONDITIONS = Path("static", "js", "conditions.js")
# A column's line: its name, meaning and type, then how many are missing and what was seen.
DESCRIBED = re.compile(r"^(\| `(?:[^|]|\\\|)*` \|(?: (?:[^|]|\\\|)* \|){2}).*$")
MODES = {mode: words for each in RECRUITERS.values() for mode, words in each.modes.items()}


def codebook(tables: dict[str, Table], notes: list[str], about: About) -> str:
    """Return the text of codebook.md. ``notes`` describe the download, one line each."""
    parts = {name: describe_columns(name, found, about) for name, found in tables.items()}
    parts["identifiers"] = WORDS["identifiers"] if "identifiers" in tables else ""
    parts["notes"] = "\n".join(f"- {printable(line)}" for line in notes)
    questions = [(code(name), printable(text)) for name, text in about.questions.items()]
    parts["questions"] = table(("question", "meaning"), questions) if questions else ""
    parts["statuses"] = table(("status", "meaning"), STATUS_NAMES.items())
    parts["modes"] = table(("mode", "meaning"), (MODES | WORDS["modes"]).items())
    text = WORDS["text"]
    if conditions := read_conditions(CONDITIONS):
        parts["conditions"] = table(("cond", "condition"), enumerate(map(code, conditions)))
        text += WORDS["conditions"]
    return text.format(**parts)


def read_conditions(path: Path) -> list[str]:
    """Read the lines of CONDITIONS in static/js/conditions.js; none if it has another form."""
    if not path.exists():
        return []
    listed = re.search(r"CONDITIONS\s*=\s*\[\n(.*?)^\]", path.read_text("utf-8"), re.S | re.M)
    lines = [line.strip().rstrip(",") for line in (listed[1] if listed else "").splitlines()]
    return lines if all(re.fullmatch(r"\{.*\}", line) for line in lines) else []


def find_meaning(table: str, column: str, about: About) -> str:
    """Return what a column of one of the files means; empty if nobody has said it."""
    if table not in COLUMNS or column in ("participant", *COLUMNS[table]):
        return WORDS["meanings"].get(column, "")
    found = about.column(column)
    unit = f" ({found.unit})" if found.unit else ""
    return f"{found.meaning}{unit}" if found.meaning else WORDS["instructions"].get(column, "")


def describe_columns(name: str, found: Table, about: About) -> str:
    """Describe each column of a file in a row of a table in Markdown."""
    rows = []
    for column, stats in zip(found.columns, found.stats, strict=True):
        seen = "many"
        if stats.values is not None:
            seen = ", ".join(map(code, sorted(stats.values, key=lambda value: (len(value), value))))
        elif stats.least <= stats.most:
            seen = f"{stats.least:,} to {stats.most:,}"
        kinds = ", ".join(sorted(stats.kinds) + ["*formula*"] * stats.has_formula) or "none"
        meaning = printable(find_meaning(name, column, about)).replace("|", r"\|")
        missing = f"{found.rows - stats.present:,}"
        rows.append((code(column), meaning, kinds, missing, seen))
    return table(("column", "meaning", "type", "missing", "seen"), rows)


def forget_values(text: str) -> str:
    """Return the text of a codebook with no more of each column than its meaning and type."""
    lines = (DESCRIBED.sub(r"\1 | |", line) for line in text.split("\n"))
    return "\n".join(lines)


def table(header: tuple[str, ...], rows: Iterable[tuple]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def code(text: str) -> str:
    """Mark a string as code in Markdown, on one line."""
    for character, harmless in (("`", "'"), ("|", r"\|"), ("\n", " "), ("\r", " ")):
        text = text.replace(character, harmless)
    return f"`{printable(text)}`" if text.strip() else "(empty)"
