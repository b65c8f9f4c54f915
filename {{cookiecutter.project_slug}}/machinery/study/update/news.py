"""What CHANGELOG.md of the template says of an update, and the numbers of versions."""

import re
import tomllib
from pathlib import Path

from study.heroku.git import Repository

FILE = "CHANGELOG.md"


def read_version(repository: Repository) -> str:
    """Return the number of the version that a study has."""
    machinery = repository.read("show", "HEAD:machinery/pyproject.toml")
    if machinery:
        return tomllib.loads(machinery)["project"]["version"]
    project = tomllib.loads(repository.read("show", "HEAD:pyproject.toml"))  # as 0.1.0 wrote it
    return project["tool"]["psiturk-heroku"]["template-version"]


def describe_news(template: Path, commit: str, version: str) -> list[str]:
    """Return the points of CHANGELOG.md that are new since a commit of the template, or why none.

    If that commit is not known, these are the points of all versions but the study's own.
    """
    text = (template / FILE).read_text(encoding="utf-8")
    old = Repository(template).read("show", f"{commit}:{FILE}") if commit else ""
    nothing = f"{FILE} tells of nothing new since then."
    if not old:
        parts = re.split(r"(?m)^## ", text)[1:]
        text = "\n".join(part for part in parts if part.split()[0] != version)
        nothing = f"Which commit of {version} made this study is not known, so neither is what is "
        nothing += f"new. The template's {FILE} has all of {version}."
    news = [point for point in split_points(text) if point not in split_points(old)]
    return ["What is new:", *news] if news else [nothing]


def split_points(text: str) -> list[str]:
    """Return the points of the lists, without the lines between them."""
    return [point.rstrip() for point in re.findall(r"(?m)^- .*(?:\n  .*)*", text)]
