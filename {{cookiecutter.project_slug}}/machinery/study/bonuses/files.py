"""The files from which bonuses are paid, in the form that each recruiter takes."""

import csv
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

from study import signing
from study.export import private
from study.recruiters import Recruiter

TO_PAY = {
    "prolific": """\
To pay: on Prolific, open the study whose ID the file's name ends with. Above its submissions
choose More, then Bulk bonus payment, and paste the lines of the file. They count in the
study's own currency.""",
    "mturk": """\
To pay: psiTurk's own column `bonus` now holds these amounts. In its shell, after approving:
  DATABASE_URL="$(heroku config:get DATABASE_URL --app {app})" uv run psiturk
  mode live
  worker bonus --auto --all --reason "Thank you for your good work"
It pays those who are approved and have no bonus yet.""",
    "sona": "To pay: SONA gives credit, not money, so pay these people by your own means.",
    "link": "To pay: whoever shows you a code that stands in the file gets the amount beside it.",
}
Lines = list[list[str]]


@dataclass(frozen=True)
class Bonus:
    """What one participant gets for one participation."""

    uniqueid: str
    worker: str
    assignment: str
    hit: str
    amount: Decimal
    exported: datetime | None  # UTC: when it was written to a file before


def files_for(
    recruiter: Recruiter, bonuses: list[Bonus], currency: str, again: bool, key: str
) -> dict[str, Lines]:
    """The lines of each file, by the end of its name.

    Prolific pays a person study by study, so each of its studies gets a file. MTurk pays for
    an assignment. Elsewhere a person is one line. ``again`` adds the date of an earlier
    export, except for Prolific's form, which has no place for it.
    """
    if recruiter.name == "prolific":
        studies = defaultdict(list)
        for one in bonuses:
            studies[one.hit].append(one)
        return {
            f"-{quote(study, safe='')}.txt": [[who, total(own)] for who, own in by_worker(found)]
            for study, found in studies.items()
        }
    if recruiter.name == "mturk":
        header = ["WorkerId", "AssignmentId", "Amount"]
        lines = [([one.worker, one.assignment, total([one])], [one]) for one in bonuses]
    elif recruiter.name == "sona":
        header = ["survey_code", "amount", "currency"]
        lines = [([who, total(own), currency], own) for who, own in by_worker(bonuses)]
    else:
        header = ["code", "label", "worker", "amount", "currency"]
        lines = [
            ([codes(own, key), own[-1].hit, who, total(own), currency], own)
            for who, own in by_worker(bonuses)
        ]
    if again:
        header.append("written before")
        lines = [([*line, last_export(own)], own) for line, own in lines]
    return {".csv": [header, *(line for line, _ in lines)]}


def by_worker(bonuses: Iterable[Bonus]) -> Iterator[tuple[str, list[Bonus]]]:
    """Each person once, with all that they get."""
    people = defaultdict(list)
    for one in bonuses:
        people[one.worker].append(one)
    yield from people.items()


def total(bonuses: Iterable[Bonus]) -> str:
    """The sum as recruiters take it, for example 1.50."""
    return f"{sum((one.amount for one in bonuses), Decimal(0)):.2f}"


def codes(bonuses: list[Bonus], key: str) -> str:
    """The codes that the person was thanked with."""
    return " ".join(signing.participant_code(key, one.uniqueid) for one in bonuses)


def last_export(bonuses: list[Bonus]) -> str:
    """The day of the last export, or empty."""
    return max((f"{one.exported:%Y-%m-%d}" for one in bonuses if one.exported), default="")


def write_parts(files: dict[str, Lines], out: Path, name: str) -> list[Path]:
    """Write the files to the disk as NAME.part, for their owner's eyes only; gives their names."""
    out.mkdir(parents=True, exist_ok=True)
    paths = [out / f"{name}{end}" for end in files]
    for path, lines in zip(paths, files.values(), strict=True):
        with open(temporary_path(path), "w", encoding="utf-8", newline="", opener=private) as file:
            csv.writer(file, lineterminator="\n").writerows(lines)
            file.flush()
            os.fsync(file.fileno())
    return paths


def temporary_path(path: Path) -> Path:
    """The name of a file until its bonuses are remembered."""
    return path.with_name(f"{path.name}.part")
