"""codebook.md: what each file, column and value of a download means, and what was seen in it."""

import re
from collections.abc import Iterable
from pathlib import Path

from study.export.column_stats import Observed
from study.recruiters import RECRUITERS
from study.statuses import STATUS_NAMES

CONDITIONS = Path("static", "js", "conditions.js")
# What psiTurk (models.py, psiturk.js) and this study put into a column.
MEANINGS = {
    "participant": "the pseudonym of one participation (of psiTurk's uniqueid)",
    "worker": "the pseudonym of the person; the same in every participation",
    "browser": "the browser, as the server recognised it",
    "platform": "the operating system, as the server recognised it",
    "language": "the browser's language",
    "cond": "the condition that was assigned, counted from 0",
    "counterbalance": "the order that was assigned, counted from 0",
    "codeversion": "experiment_code_version of config.txt at the time",
    "beginhit": "when they opened the experiment, UTC, by the server's clock",
    "beginexp": "when they finished the instructions, UTC, by the server's clock",
    "endhit": "when they finished, UTC, by the server's clock",
    "bonus": "the bonus that was stored, in the currency of the study",
    "status": "how far they came, see below",
    "mode": "who sent them, see below",
    "ending": "screened-out or left-early; empty for all others",
    "current_trial": "number of the row in the participant's record, counted from 0",
    "dateTime": "when the row was recorded, ms since 1970 UTC, by the participant's clock",
    "eventtype": "what happened: initialized, window_resize, focus, or an event of the task",
    "interval": "ms since the event before",
    "value": "what belongs to the event, such as width and height, or on and off",
    "timestamp": "when it happened, ms since 1970 UTC, by the participant's clock",
    "question": "the name of the question, or whatever name the task stored an answer under",
    "answer": "the answer",
    "trialdata": "a trial that is no object, as it was recorded",
}
FILES = {
    "participants": "One row for each participation, from psiTurk's table.",
    "trialdata": (
        "One row for each call of `recordTrialData` in the task, as the browser sent it. The "
        "columns after `dateTime` are the keys of the trials, in the order in which they came up."
    ),
    "eventdata": "One row for each event that psiTurk's client noted.",
    "questiondata": "One row for each call of `recordUnstructuredData` in the task.",
}
FORM = """\
The CSV files are UTF-8 with a header, commas, and lines that end in CR LF. A text stands in quotes,
always; numbers, `true` and `false` stand without; lists and objects stand as JSON, in quotes. An
empty cell is missing: the trial has no such key, or it is null. (An empty text is `""`.) Nothing
was shortened, rounded or masked. A spreadsheet takes texts that begin with `=`, `+`, `-` or `@` for
formulas: import columns marked *formula* below as text.

The Parquet files hold the same. A column in which numbers and texts are mixed is a column of texts.

Whatever else a task put into its record (`psiTurk.taskdata.set`) is in no file.
"""
MODES = {mode: words for each in RECRUITERS.values() for mode, words in each.modes.items()} | {
    "debug": "test runs of the researcher, no participant",
    "preview": "a recruiter's own preview, no participant",
}


def codebook(
    headers: dict[str, tuple[str, ...]], observed: dict[str, list[Observed]], about: list[str]
) -> str:
    """The text. ``about`` says what was downloaded, one line each."""
    parts = ["# Codebook", "\n".join(f"- {line}" for line in about), FORM.strip()]
    for name, what in FILES.items():
        columns = zip(headers[name], observed[name], strict=True)
        rows = [(code(column), MEANINGS.get(column, ""), *_seen(o)) for column, o in columns]
        header = ("column", "meaning", "type", "missing", "seen")
        parts += [f"## {name}.csv\n\n{what}", table(header, rows)]
    parts.append("## identifiers.csv\n\nThe real ids of each participation. Keep it apart.")
    statuses = [(str(number), words) for number, words in STATUS_NAMES.items()]
    parts += ["## Statuses", table(("status", "meaning"), statuses)]
    parts += ["## Modes", table(("mode", "meaning"), MODES.items())]
    if conditions := read_conditions(CONDITIONS):
        rows = [(str(number), code(text)) for number, text in enumerate(conditions)]
        parts += [
            "## Conditions\n\nAs they stand in static/js/conditions.js now.",
            table(("cond", "condition"), rows),
        ]
    return "\n\n".join(parts) + "\n"


def read_conditions(path: Path) -> list[str]:
    """The lines of CONDITIONS in static/js/conditions.js; none if it looks otherwise."""
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
    """A text as it is, in Markdown."""
    for character, harmless in (("`", "'"), ("|", r"\|"), ("\n", " "), ("\r", " ")):
        text = text.replace(character, harmless)
    return f"`{text}`" if text.strip() else "(empty)"


def _seen(observed: Observed) -> tuple[str, str, str]:
    if observed.values is not None:
        seen = ", ".join(map(code, sorted(observed.values, key=lambda v: (len(v), v))))
    elif observed.least is not None:
        seen = f"{observed.least:,} to {observed.most:,}"
    else:
        seen = "many"
    kinds = ", ".join([*sorted(observed.kinds), *(["*formula*"] if observed.formula else [])])
    return kinds or "none", f"{observed.missing:,}", seen
