"""dataset_description.json: the study and each column, in the words of schema.org/Dataset."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from study.config import StudySettings
from study.export.about import About
from study.export.codebook import CONDITIONS, MODES, WORDS, find_meaning, read_conditions
from study.export.csv_format import Table
from study.messages import printable
from study.statuses import STATUS_NAMES

Tables = Mapping[str, Table]


def describe(tables: Tables, settings: StudySettings, about: About) -> dict[str, Any]:
    """Return the metadata of the dataset, without what is not known."""
    return drop_empty(
        {
            "@context": "https://schema.org/",
            "@type": "Dataset",
            "name": settings.title,
            "description": settings.description,
            "author": [describe_author(author.name, author.orcid) for author in about.authors],
            "sourceOrganization": {"@type": "Organization", "name": settings.institution},
            "license": about.licence_url,
            "citation": about.citation,
            "keywords": about.keywords,
            "variableMeasured": describe_variables(tables, about),
        }
    )


def describe_author(name: str, orcid: str) -> dict[str, str]:
    address = f"https://orcid.org/{orcid}" if orcid else ""
    return drop_empty({"@type": "Person", "@id": address, "name": name})


def describe_variables(tables: Tables, about: About) -> list[dict[str, Any]]:
    """Describe each column name once, as Psych-DS wants it, in however many files it is."""
    values = {
        "status": STATUS_NAMES,
        "mode": MODES | WORDS["modes"],
        "cond": dict(enumerate(read_conditions(CONDITIONS))),
        "question": about.questions,
    }
    return [
        drop_empty(
            {
                "@type": "PropertyValue",
                "name": column,
                "description": join(meanings),
                "unitText": about.column(column).unit if "trialdata" in meanings else "",
                "valueReference": [
                    {"@type": "DefinedTerm", "termCode": str(value), "description": text}
                    for value, text in values.get(column, {}).items()
                ],
            }
        )
        for column, meanings in collect_meanings(tables, about).items()
    ]


def collect_meanings(tables: Tables, about: About) -> dict[str, dict[str, str]]:
    """Return what each column means in each file that has it."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for name, table in tables.items():
        for column in table.columns:
            found[column][name] = printable(find_meaning(name, column, about))
    return found


def join(meanings: Mapping[str, str]) -> str:
    """Return one description for a column, which may mean another thing in each file."""
    known = {name: text for name, text in meanings.items() if text}
    if len(set(known.values())) < 2:
        return next(iter(known.values()), "")
    return "; ".join(f"in {name}: {text}" for name, text in known.items())


def find_undescribed(tables: Tables, about: About) -> list[str]:
    """Return the columns whose meaning nobody has said."""
    meanings = collect_meanings(tables, about)
    return [column for column, each in meanings.items() if not any(each.values())]


def drop_empty(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if value}
