"""Where a person is in files of this computer, and what can be done about each.

Downloads and files of bonuses lie in data/, where a researcher keeps files of their own as well;
psiTurk's shell writes its downloads beside it. These are changed. What else the study's folder
holds is only looked through.
"""

import mmap
import os
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from study.database.erasure import LONG
from study.erasure.rows import (
    NotRows,
    count_rows,
    is_named_in_parquet,
    is_parquet,
    remove_rows,
    replace_text,
)
from study.excluded import FILE
from study.export.codebook import forget_values
from study.export.download import UNFINISHED
from study.messages import StudyError, pluralize

DATA = "data"
OF_PSITURK = ("trialdata.csv", "questiondata.csv", "eventdata.csv")  # of `download_datafiles`
IDENTIFIERS, CODEBOOK = "identifiers.csv", "codebook.md"
COPIES = "person-"  # what folders of `study person` begin with, before the pseudonym
ROWS = (".csv", ".txt", ".jsonl", ".parquet")
NOT_SEARCHED = {".git", ".venv", "machinery", "__pycache__", "node_modules", ".pytest_cache"}
# Files that hold data in a form in which no name can be found.
OPAQUE = (".dump", ".gz", ".zip", ".7z", ".xz", ".xlsx", ".ods", ".rds", ".rdata", ".feather")


@dataclass(frozen=True)
class Place:
    """A file or folder, and how much of it is the person's: rows, lines, values or all of it."""

    path: Path
    unit: str
    number: int = 1

    def describe(self, folder: Path) -> str:
        what = {"values": "the values listed", "all": "all of it"}.get(self.unit)
        return f"{what or pluralize(self.number, self.unit):>18}  {shorten(self.path, folder)}"

    def remove(self, names: Collection[str]) -> None:
        """Take the person out of it."""
        if self.unit == "all":
            shutil.rmtree(self.path) if self.path.is_dir() else self.path.unlink(missing_ok=True)
        elif self.unit == "row":
            remove_rows(self.path, names)
        elif self.unit == "line":
            replace_text(self.path, lambda text: _without_lines(text, names))
        else:
            replace_text(self.path, forget_values)


def shorten(path: Path, folder: Path) -> str:
    """The path as seen from the study's folder."""
    return f"{path.relative_to(folder) if path.is_relative_to(folder) else path}".replace("\\", "/")


def list_downloads(folder: Path, others: Iterable[Path] = ()) -> dict[Path, Path]:
    """Return the files with data, each with the folder in which it was found.

    That is data/, the study's own for files of psiTurk's shell, or another. Those that tell who
    somebody is come last: until then, an interrupted run can be repeated.
    """
    found = {folder / name: folder for name in OF_PSITURK if (folder / name).is_file()}
    for top in (folder / DATA, *(each.resolve() for each in others)):
        found |= {path: top for path in sorted(top.rglob("*")) if path.is_file()}
    found.pop(folder / DATA / "key", None)
    return dict(sorted(found.items(), key=lambda each: each[0].name == IDENTIFIERS))


def find_places(
    folder: Path, downloads: Mapping[Path, Path], names: Collection[str]
) -> list[Place]:
    """Return the places that can be cleared. Raises StudyError if a file needs another program."""
    whole, rows = {}, []
    for path, top in downloads.items():
        if own := _find_whole(path, top, names):
            whole[own] = Place(own, "all")
        elif is_table(path) and (number := _count(path, names)):
            rows.append(Place(path, "row", number))
    books = dict.fromkeys(each.path.parent / CODEBOOK for each in rows)
    values = [Place(book, "values") for book in books if book.exists()]
    excluded = [Place(folder / FILE, "line")] if mentions(folder / FILE, names) else []
    return [*whole.values(), *values, *excluded, *rows]


def find_others(
    folder: Path, downloads: Iterable[Path], names: Collection[str]
) -> tuple[list[Path], list[Path]]:
    """Return the files that have one of the names, and those that nobody can look into."""
    opaque = [path for path in downloads if path.suffix.lower() in OPAQUE]
    named = []
    for path in dict.fromkeys((*downloads, *_list_folder(folder))):
        try:
            named += [path] if path not in opaque and mentions(path, names) else []
        except (NotRows, StudyError):
            opaque.append(path)
    return named, opaque


def is_table(path: Path) -> bool:
    """Return whether a file has rows. Bonuses are in NAME.csv.part until they are recorded."""
    return path.name.removesuffix(".part").lower().endswith(ROWS)


def mentions(path: Path, names: Collection[str]) -> bool:
    """Return whether a file has one of the names in it; short ones are not looked for.

    Raises NotRows, and StudyError without pyarrow, for Parquet that cannot be read.
    """
    if not path.is_file() or not path.stat().st_size:
        return False
    names = [name for name in names if len(name) >= LONG]
    if is_parquet(path):
        return is_named_in_parquet(path, names)
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return any(content.find(name.encode()) >= 0 for name in names)


def _find_whole(path: Path, top: Path, names: Collection[str]) -> Path | None:
    """Return the file, or a folder below ``top``, that is theirs alone or was never finished."""
    for number, part in enumerate(path.relative_to(top).parts, 1):
        prefix, dash, name = part.partition(".")[0].partition("-")
        is_theirs = f"{prefix}{dash}" == COPIES and name in names
        if is_theirs or part.startswith(UNFINISHED):
            return Path(top, *path.relative_to(top).parts[:number])
    return None


def _count(path: Path, names: Collection[str]) -> int:
    try:
        return count_rows(path, names)
    except NotRows:
        return 0


def _list_folder(folder: Path) -> Iterator[Path]:
    for top, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in NOT_SEARCHED]
        yield from (Path(top) / name for name in files)


def _without_lines(text: str, names: Collection[str]) -> str:
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if line.strip() not in names)
