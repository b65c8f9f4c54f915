"""A dataset of the participants' data as Psych-DS asks for it: `study data --psych-ds`.

The rules are in psychds-docs.readthedocs.io: a folder data/ with CSV files whose names are made of
keywords, and dataset_description.json (description.py) with a description of every column.
"""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from study.config import StudySettings
from study.dataset.description import describe, find_undescribed
from study.dataset.texts import Census, describe_licence, write_changes, write_readme
from study.export.about import FILE, About
from study.export.codebook import codebook
from study.export.csv_format import Table
from study.export.download import Report, replace_files
from study.messages import printable
from study.signing import private

# The files of a download that are in the dataset, and the values of Psych-DS's keyword
# `description` in their names. identifiers.csv is none of them.
FILES = {
    "participants": "participants",
    "trialdata": "trials",
    "eventdata": "events",
    "questiondata": "answers",
    "quality": "flags",
}
OURS = re.compile(rf"study-[a-zA-Z0-9]+_description-({'|'.join(FILES.values())})_data\.csv")
CHANGES = "CHANGES.md"
READ = "Before others get it, read what participants wrote in their own words: it may name them."


def write_dataset(report: Report, out: Path, settings: StudySettings, about: About) -> None:
    """Write the dataset of a download that is complete into the folder ``out``.

    What else is there is left alone. Raises StudyError if it cannot be written.
    """
    files = name_files(settings.title)
    earlier = (out / CHANGES).read_text(encoding="utf-8") if (out / CHANGES).exists() else ""
    texts = write_texts(report, files, settings, about, earlier)
    with replace_files(out) as folder:
        for path, text in texts.items():
            (folder / path).parent.mkdir(exist_ok=True)
            with open(folder / path, "wb", opener=private) as written:
                written.write(text.encode())
        (folder / "data").mkdir()
        for name, file in files.items():
            shutil.copy(report.folder / f"{name}.csv", folder / "data" / file)
        for path in (out / "data").glob("study-*"):
            if OURS.fullmatch(path.name) and path.name not in files.values():
                path.unlink()  # the study had another title


def name_files(title: str) -> dict[str, str]:
    """Return the names in the dataset of the files of a download."""
    label = re.sub(r"[^a-zA-Z0-9]", "", title.title()) or "Study"
    return {name: f"study-{label}_description-{word}_data.csv" for name, word in FILES.items()}


def write_texts(
    report: Report, files: dict[str, str], settings: StudySettings, about: About, earlier: str
) -> dict[str, str]:
    """Return the texts of a dataset by their paths; ``earlier`` is the last CHANGES.md."""
    tables, census = take_public(report), Census.of(report)
    description = describe(tables, settings, about)
    return {
        "dataset_description.json": json.dumps(description, indent=2, ensure_ascii=False) + "\n",
        "README.md": write_readme(report, files, census, settings, about),
        "LICENSE.md": f"# Licence\n\n{describe_licence(settings, about)}\n",
        CHANGES: write_changes(report, census, earlier),
        "documentation/codebook.md": codebook(tables, report.notes, about),
    }


def find_gaps(report: Report, about: About) -> Iterator[str]:
    """Yield a sentence about each thing that others will miss."""
    if not about.licence:
        yield f"The dataset has no licence, so nobody may use it unasked: choose one in {FILE}."
    if not about.authors:
        yield f"The dataset names no authors: add them to {FILE}."
    if missing := find_undescribed(take_public(report), about):
        columns = ", ".join(map(printable, missing))
        yield f"The dataset does not say what these columns mean: {columns}. Add that to {FILE}."


def take_public(report: Report) -> dict[str, Table]:
    return {name: report.tables[name] for name in FILES}
