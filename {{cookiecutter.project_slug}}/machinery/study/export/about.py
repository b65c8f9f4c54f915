"""What the researcher says about the data, in dataset.toml: descriptions, authors, licence."""

import re
import tomllib
from pathlib import Path

import msgspec
from msgspec import Struct, field

from study.messages import StudyError

FILE = "dataset.toml"
LICENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*")  # a name in SPDX's list
ORCID = re.compile(r"\d{4}-\d{4}-\d{4}-\d{3}[\dX]")


class Author(Struct, forbid_unknown_fields=True):
    name: str
    orcid: str = ""


class Column(Struct, forbid_unknown_fields=True):
    """What a column means, and its unit if it has one."""

    meaning: str
    unit: str = ""


class About(Struct, forbid_unknown_fields=True):
    """The contents of dataset.toml. What is not known is empty."""

    licence: str = ""
    citation: str = ""
    keywords: list[str] = field(default_factory=list)
    authors: list[Author] = field(default_factory=list)
    columns: dict[str, str | Column] = field(default_factory=dict)
    questions: dict[str, str] = field(default_factory=dict)

    def column(self, name: str) -> Column:
        """Return the description of a trial's column; one without words if there is none."""
        found = self.columns.get(name, "")
        return found if isinstance(found, Column) else Column(found)

    @property
    def licence_url(self) -> str:
        return f"https://spdx.org/licenses/{self.licence}.html" if self.licence else ""


def read_about(folder: Path) -> About:
    """Read dataset.toml; older studies have none. Raises StudyError for a mistake in it."""
    path = folder / FILE
    if not path.exists():
        return About()
    try:
        about = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), About)
    except (ValueError, msgspec.ValidationError) as error:
        raise StudyError(f"{FILE} cannot be used: {error}.", "Correct it there.") from error
    if about.licence and not LICENCE.fullmatch(about.licence):
        remedy = f'Write the name that spdx.org/licenses gives it into {FILE}, such as "CC-BY-4.0".'
        raise StudyError(f"{about.licence!r} is not the name of a licence.", remedy)
    for author in about.authors:
        if author.orcid and not ORCID.fullmatch(author.orcid):
            remedy = f"Write it into {FILE} as 0000-0002-1825-0097, or leave it out."
            raise StudyError(f"{author.orcid!r} is not an ORCID iD.", remedy)
    return about
