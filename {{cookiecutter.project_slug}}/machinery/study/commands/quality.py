"""`study quality`: whom to look at, because a program may have taken part or helped."""

import csv
import json
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from textwrap import fill

import click

from study.messages import StudyError, pluralize, printable
from study.quality.evidence import EVENT, QUESTION, TIME
from study.quality.methods import write_methods
from study.signals import SIGNALS

ADVICE = (
    "A flag is a reason to look at somebody's data, and perhaps to exclude them. It proves "
    "nothing, and neither does its absence: docs/quality.md says what each means."
)
WIDTH = 100  # of lines


@click.command()
@click.option(
    "--data", "folder", type=click.Path(path_type=Path), default="data", show_default=True,
    help="Folder with the files of `study data`.",
)  # fmt: skip
def quality(folder: Path) -> None:
    """Say whom to look at, because a program may have taken part.

    Reads the files of the last `study data`, and also writes a paragraph for the Methods.
    """
    participants = sum(1 for _ in read_rows(folder, "participants"))
    flags = [row for row in read_rows(folder, "quality") if row.get("participant")]
    pairs = [(row["participant"], row.get("flag") or "") for row in flags]
    number = len({name for name, _ in pairs})
    of_all = f"{number:,} of {pluralize(participants, 'participant')}"
    print(f"{of_all} {'has' if number == 1 else 'have'} flags.")
    for name, rows in groupby(flags, key=lambda row: row["participant"]):
        print(f"\n{printable(name)}")
        for row in rows:
            flag, reason = (printable(row.get(key) or "") for key in ("flag", "reason"))
            print(f"  {flag:<18} {reason}")
    print(f"\n{fill(ADVICE, WIDTH)}")
    methods = write_methods(
        participants, pairs, find_known(folder), version("psiturk-heroku-machinery")
    )
    print(f"\nFor the Methods:\n\n{fill(methods, WIDTH)}")


def read_rows(folder: Path, name: str) -> Iterator[dict[str, str]]:
    """Yield the rows of a file. Raises StudyError if it cannot be read."""
    file = folder / f"{name}.csv"
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            yield from csv.DictReader(lines)
    except (OSError, ValueError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise StudyError(f"{file} cannot be read: {reason}.", "Run: uv run study data") from error


def find_known(folder: Path) -> set[str]:
    """Return the signals that the data hold, whatever the settings say by now.

    TIME and QUESTION are among them if there are such trials and answers.
    """
    known = {TIME for row in read_rows(folder, "trialdata") if row.get(TIME)}
    asked = (row.get("question") for row in read_rows(folder, "questiondata"))
    known |= {QUESTION} & {*asked}
    for event in read_rows(folder, "eventdata"):
        if event.get("eventtype") == EVENT:
            with suppress(ValueError, TypeError, RecursionError):
                known |= {*json.loads(event.get("value"))} & {*SIGNALS}
    return known
