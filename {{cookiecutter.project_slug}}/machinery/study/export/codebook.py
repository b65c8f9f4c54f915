"""codebook.md: what the files, columns and values of a download mean, and which values occur."""

import re
from collections.abc import Iterable
from pathlib import Path

from study.export.csv_format import ColumnStats, Table
from study.recruiters import RECRUITERS
from study.statuses import STATUS_NAMES

CONDITIONS = Path("static", "js", "conditions.js")
# What psiTurk (`psiturk/models.py`, psiturk.js) and this study put into a column.
MEANINGS = {
    "participant": "the pseudonym of one participation (of psiTurk's uniqueid)",
    "worker": "the pseudonym of the person; the same in every participation",
    "browser": "the browser, as recognised by the server",
    "platform": "the operating system, as recognised by the server",
    "language": "the browser's language",
    "cond": "the assigned condition, counted from 0",
    "counterbalance": "the assigned order, counted from 0",
    "codeversion": "experiment_code_version of config.txt at the time",
    "beginhit": "when they opened the experiment, UTC, by the server's clock",
    "beginexp": "when they finished the instructions, UTC, by the server's clock",
    "endhit": "when they finished, UTC, by the server's clock",
    "bonus": "the stored bonus, in the currency of the study",
    "status": "how far they got, see below",
    "mode": "who sent them, see below",
    "ending": "screened-out or left-early; empty for all others",
    "current_trial": "the row's number in the participant's record, counted from 0",
    "dateTime": "when the row was recorded, ms since 1970 UTC, by the participant's clock",
    "eventtype": "what happened: initialized, window_resize, focus, or an event of the task",
    "interval": "ms since the previous event",
    "value": "details of the event, such as width and height, or on and off",
    "timestamp": "when it happened, ms since 1970 UTC, by the participant's clock",
    "question": "the question's name, or any name under which the task stored an answer",
    "answer": "the answer",
    "trialdata": "a trial that is not an object, as recorded",
}
FILES = {
    "participants": "One row for each participation, from psiTurk's table.",
    "trialdata": (
        "One row for each call of `recordTrialData` in the task, as the browser sent it. The "
        "columns after `dateTime` are the trials' keys, in the order in which they first appear."
    ),
    "eventdata": "One row for each event that psiTurk's client noted.",
    "questiondata": "One row for each call of `recordUnstructuredData` in the task.",
}
FORM = """\
The CSV files are UTF-8 with a header, commas, and CR LF at line ends. Texts are always quoted;
numbers, `true` and `false` never are; lists and objects are JSON, in quotes. An empty cell is a
missing value: the trial has no such key, or it is null. (An empty text is `""`.) Nothing was
shortened, rounded or masked. A spreadsheet takes texts that begin with `=`, `+`, `-` or `@` for
formulas: import columns marked *formula* below as text.

The Parquet files hold the same. A column that mixes numbers and texts is a column of texts.

Whatever else a task put into its record (`psiTurk.taskdata.set`) is in no file.
"""
MODES = {mode: words for each in RECRUITERS.values() for mode, words in each.modes.items()} | {
    "debug": "test runs by the researcher, not participants",
    "preview": "a recruiter's own preview, not participants",
}


def codebook(tables: dict[str, Table], about: list[str]) -> str:
    """The text of codebook.md. ``about`` describes the download, one line each."""
    parts = ["# Codebook", "\n".join(f"- {line}" for line in about), FORM.strip()]
    for name, content in FILES.items():
        found = tables[name]
        rows = [
            (code(column), MEANINGS.get(column, ""), *_describe(stats, found.rows))
            for column, stats in zip(found.columns, found.stats, strict=True)
        ]
        header = ("column", "meaning", "type", "missing", "seen")
        parts += [f"## {name}.csv\n\n{content}", table(header, rows)]
    parts.append("## identifiers.csv\n\nThe real ids of each participation. Keep it apart.")
    statuses = [(str(number), words) for number, words in STATUS_NAMES.items()]
    parts += ["## Statuses", table(("status", "meaning"), statuses)]
    parts += ["## Modes", table(("mode", "meaning"), MODES.items())]
    if conditions := read_conditions(CONDITIONS):
        rows = [(str(number), code(text)) for number, text in enumerate(conditions)]
        parts += [
            "## Conditions\n\nAs static/js/conditions.js lists them now.",
            table(("cond", "condition"), rows),
        ]
    return "\n\n".join(parts) + "\n"


def read_conditions(path: Path) -> list[str]:
    """The lines of CONDITIONS in static/js/conditions.js; none if it has another form."""
    if not path.exists():
        return []
    listed = re.search(r"CONDITIONS\s*=\s*\[\n(.*?)^\]", path.read_text("utf-8"), re.S | re.M)
    lines = [line.strip().rstrip(",") for line in (listed[1] if listed else "").splitlines()]
    return lines if all(re.fullmatch(r"\{.*\}", line) for line in lines) else []


def table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Rows as a table in Markdown."""
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def code(text: str) -> str:
    """A text in Markdown's quotes for code, on one line."""
    for character, harmless in (("`", "'"), ("|", r"\|"), ("\n", " "), ("\r", " ")):
        text = text.replace(character, harmless)
    return f"`{text}`" if text.strip() else "(empty)"


def _describe(stats: ColumnStats, rows: int) -> tuple[str, str, str]:
    if stats.values is not None:
        seen = ", ".join(map(code, sorted(stats.values, key=lambda v: (len(v), v))))
    elif stats.least is not None:
        seen = f"{stats.least:,} to {stats.most:,}"
    else:
        seen = "many"
    kinds = ", ".join([*sorted(stats.kinds), *(["*formula*"] if stats.has_formula else [])])
    return kinds or "none", f"{rows - stats.present:,}", seen
