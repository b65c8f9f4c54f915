"""What people read in a dataset: README.md, LICENSE.md and CHANGES.md."""

import csv
from collections import Counter
from dataclasses import dataclass

from study.config import StudySettings
from study.export.about import About
from study.export.codebook import table
from study.export.download import Report
from study.messages import pluralize
from study.provenance import UNKNOWN, find_machinery

FORMAT = (
    "The dataset follows Psych-DS (psych-ds.github.io). `dataset_description.json` describes every "
    "column; `documentation/codebook.md` also says which values came up."
)
PSEUDONYMS = (
    "In all files, `participant` is one participation and `worker` one person. They are "
    "pseudonyms: the ids that a recruiter knows are not in the dataset, nor to be computed from it."
)
TITLE = "# Changes\n\n"


@dataclass(frozen=True)
class Census:
    """Under which commits how many records were made, and when the last participant arrived."""

    commits: Counter[str]
    last_arrival: str  # UTC; empty if nobody did

    @classmethod
    def of(cls, report: Report) -> "Census":
        path = report.folder / "participants.csv"
        with path.open(encoding="utf-8", newline="") as file:
            rows = [(row.get("commit"), row["beginhit"]) for row in csv.DictReader(file)]
        commits = Counter(commit or UNKNOWN for commit, _ in rows)
        return cls(commits, max((begin for _, begin in rows), default="")[:16])

    def __str__(self) -> str:
        return "\n".join(
            f"- {commit}: {pluralize(number, 'record')}" for commit, number in self.commits.items()
        )


def write_readme(
    report: Report, files: dict[str, str], census: Census, settings: StudySettings, about: About
) -> str:
    """Return a README for those who find the dataset somewhere.

    ``files`` has the names of the files in data/ by those of the download.
    """
    rows = [(f"`{file}`", f"{name}.csv", report.rows[name]) for name, file in files.items()]
    paragraphs = [
        f"# {settings.title}",
        settings.description,
        ", ".join([*(author.name for author in about.authors), settings.institution]),
        about.citation,
        FORMAT,
        table(("file in data/", "in the codebook", "rows"), rows),
        "\n".join(f"- {note}" for note in report.notes),
        PSEUDONYMS,
        f"The commits of the study under which the records were made:\n\n{census}",
        describe_licence(settings, about),
        f"Written by psiturk-heroku {find_machinery()}.",
    ]
    return "\n\n".join(filter(None, paragraphs)) + "\n"


def describe_licence(settings: StudySettings, about: About) -> str:
    """Return a sentence about the licence, also if none was chosen."""
    if about.licence:
        return f"Licence: {about.licence}, {about.licence_url}"
    asked = f"without asking those who made them ({settings.contact})"
    return f"No licence was chosen for these data, so nobody may use them {asked}."


def write_changes(report: Report, census: Census, earlier: str) -> str:
    """Return CHANGES.md with a line about this dataset above those of earlier ones."""
    rows = report.rows
    counts = f"{pluralize(rows['participants'], 'participant')}, {rows['trialdata']:,} trials"
    last = f"; the last arrived on {census.last_arrival} UTC" if census.last_arrival else ""
    line, lines = f"- {counts}{last}.", earlier.removeprefix(TITLE).splitlines()
    return TITLE + "\n".join(lines if line in lines else [line, *lines]) + "\n"
