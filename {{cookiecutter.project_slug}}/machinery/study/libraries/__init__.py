"""JavaScript libraries from npm, served by the study itself: nobody else learns who takes part.

pyproject.toml names each with its exact version and the files that pages load, each with its hash
in the form of Subresource Integrity. The files are in static/libraries/ and belong into git, as a
host has no npm. `study library` changes both.
"""

import base64
import hashlib
import re
import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from study.libraries import npm
from study.messages import StudyError

FOLDER = PurePosixPath("libraries")  # in static/
# Kept beside the files: who made them, and under which licence.
NOTICES = re.compile(r"package\.json|(licen[cs]e|copying|notice)[^/]*", re.IGNORECASE)
INSTALL = "uv run study library install"


@dataclass(frozen=True)
class Library:
    """A package of an exact version, and the files of it that pages load."""

    name: str
    version: str
    files: Mapping[str, str]  # their hashes by their paths in the package

    @property
    def static_files(self) -> list[str]:
        """The paths of its files in static/, in the order of pyproject.toml."""
        return [str(FOLDER / self.name / path) for path in self.files]

    def find_problems(self, folder: Path) -> list[str]:
        """Return what is wrong with its files in the study's folder, in a few words each."""
        found = {path: folder / "static" / FOLDER / self.name / path for path in self.files}
        states = {path: find_problem(file, self.files[path]) for path, file in found.items()}
        return [f"{self.name} ({path} {state})" for path, state in states.items() if state]


def read_libraries(folder: Path) -> list[Library]:
    """Read the table of pyproject.toml. Raises StudyError if a row of it cannot be used."""
    return [read_row(name, row) for name, row in read_table(folder).items()]


def read_table(folder: Path) -> dict[str, object]:
    """Return the rows as they are written, by the names of the packages."""
    project = folder / "pyproject.toml"
    text = project.read_text(encoding="utf-8") if project.exists() else ""
    return tomllib.loads(text).get("tool", {}).get("psiturk-heroku", {}).get("libraries", {})


def read_row(name: str, row: object) -> Library:
    """Read a row of the table. Raises StudyError."""
    npm.require_name(name)
    match row:
        case {"version": str(version), "files": {**files}} if files and all(
            map(npm.is_inside, files)
        ):
            return Library(name, version, files)
    raise StudyError(
        f"pyproject.toml, [tool.psiturk-heroku.libraries]: {name} needs a version and files.",
        f"Write it anew: uv run study library add {name}",
    )


def find_problem(file: Path, expected: str) -> str:
    """Return what is wrong with a file, in a few words; empty if it has the hash."""
    if not file.is_file():
        return "is missing"
    return "" if hash_of(file.read_bytes()) == expected else "differs from what npm has"


def hash_of(content: bytes) -> str:
    """Return a hash as pyproject.toml and Subresource Integrity write it."""
    return f"sha384-{base64.b64encode(hashlib.sha384(content).digest()).decode()}"


def find_missing(folder: Path) -> str:
    """Name the files of libraries that are missing or changed; return nothing if all is there."""
    try:
        return ", ".join(p for each in read_libraries(folder) for p in each.find_problems(folder))
    except StudyError as error:
        return error.cause


def install(folder: Path) -> list[Library]:
    """Fetch the libraries that are missing or changed, and return them.

    Raises StudyError if npm cannot be asked, or has something else than pyproject.toml says;
    nothing of that library is written then.
    """
    wanted = [each for each in read_libraries(folder) if each.find_problems(folder)]
    for library in wanted:
        package = npm.fetch(library.name, library.version, again=INSTALL)
        for path, expected in library.files.items():
            if hash_of(package.read(path)) != expected:
                raise StudyError(
                    f"{path} of {library.name} {library.version} is not the file that pyproject."
                    "toml describes: its hash differs. It was not written.",
                    f"If you trust what npm has now: uv run study library add "
                    f"{library.name}@{library.version}",
                )
        write(library, package, folder)
    return wanted


def write(library: Library, package: npm.Package, folder: Path) -> None:
    """Write the files of a library, and its notices, in the place of another version's."""
    target = folder / "static" / FOLDER / library.name
    shutil.rmtree(target, ignore_errors=True)
    for path in [*filter(NOTICES.fullmatch, package.files), *library.files]:
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_bytes(package.read(path))
