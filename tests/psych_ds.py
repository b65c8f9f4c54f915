"""The rules of Psych-DS that its own validator takes for errors.

Read from the schema of psychds-validator 1.5.0, which is not in every npm registry and asks GitHub
for the newest schema, so the tests do not need it.
"""

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path

NAME = re.compile(r"([a-z]+-[a-zA-Z0-9]+)(_[a-z]+-[a-zA-Z0-9]+)*_data\.csv")
# Others draw a warning.
KEYWORDS = {"study", "site", "subject", "session", "task", "condition", "trial", "stimulus"}
KEYWORDS |= {"description"}
REQUIRED = ("@context", "@type", "name", "description", "variableMeasured")


def find_breaches(dataset: Path) -> Iterator[str]:
    """Yield a line about each rule that a dataset does not keep."""
    about = json.loads((dataset / "dataset_description.json").read_text(encoding="utf-8"))
    yield from (f"{name} is missing" for name in REQUIRED if not about.get(name))
    if (about["@context"], about["@type"]) != ("https://schema.org/", "Dataset"):
        yield "it is no Dataset of schema.org"
    files = list((dataset / "data").rglob("*.csv"))
    if not files:
        yield "there are no data"
    described = [variable["name"] for variable in about["variableMeasured"]]
    yield from (f"{name} is described twice" for name in described if described.count(name) > 1)
    found = set()
    for file in files:
        yield from (f"{file.name}: {breach}" for breach in find_breaches_in_file(file))
        found |= set(read_rows(file)[0])
    yield from (f"the column {name} is not described" for name in found - set(described))
    yield from (f"there is no column {name}" for name in set(described) - found)
    for name in ("README.md", "CHANGES.md"):
        if not (dataset / name).read_text(encoding="utf-8").strip():
            yield f"{name} is empty"


def find_breaches_in_file(file: Path) -> Iterator[str]:
    keywords = {pair.split("-")[0] for pair in file.name.split("_")[:-1]}
    if not NAME.fullmatch(file.name) or keywords - KEYWORDS:
        yield "not a name of keywords"
    header, *rows = read_rows(file)
    if len(set(header)) < len(header):
        yield "a column is there twice"
    if any(len(row) != len(header) for row in rows):
        yield "a row has another length than the header"


def read_rows(file: Path) -> list[list[str]]:
    with file.open(encoding="utf-8", newline="") as text:
        return list(csv.reader(text, strict=True))
