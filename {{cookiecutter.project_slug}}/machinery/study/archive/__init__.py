"""One file for the paper, from which the study runs again: `study archive`.

It has the study as committed, the dataset without ids, the settings without secrets and the
SHA-256 of each file. The same commit and data give the same bytes.
"""

import hashlib
import os
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from study.archive.texts import write_readme, write_settings
from study.config import Config
from study.dataset import write_dataset
from study.dataset.texts import Census
from study.export.about import read_about
from study.export.download import Report
from study.messages import StudyError

HASHES = "SHA256SUMS"
EARLIEST = 1980  # year of a file in a zip


@dataclass(frozen=True)
class Commit:
    """A commit of the study, and the tar file that git has made of it."""

    id: str
    date: datetime
    code: Path


def write_archive(
    path: Path, work: Path, commit: Commit, settings: Config, report: Report | None
) -> None:
    """Write the archive to ``path``; ``work`` is an empty folder to prepare it in.

    ``report`` is of the download of its data; without one it has none. Raises StudyError if the
    archived study could not run, or if nothing can be written.
    """
    unpack(commit.code, work / "study")
    if not (work / "study" / "uv.lock").exists():
        remedy = "Make and commit it: uv lock, then git add uv.lock, then git commit -m Lock"
        raise StudyError("uv.lock is not committed, so the study could not run again.", remedy)
    census = None
    if report:
        write_dataset(report, work / "data", settings.study, read_about(settings.folder))
        census = Census.of(report)
    texts = {
        "README.md": write_readme(settings.study, commit.id, commit.date, census),
        "settings.md": write_settings(settings),
    }
    for name, text in texts.items():
        (work / name).write_bytes(text.encode())
    (work / HASHES).write_bytes(write_hashes(work).encode())
    try:
        pack(work, path, commit.date)
    except OSError as error:
        remedy = "Choose another place with --out."
        raise StudyError(f"The archive could not be written: {error}.", remedy) from error


def unpack(code: Path, folder: Path) -> None:
    with tarfile.open(code) as packed:
        # Python 3.11 before its fourth correction has no filters yet.
        packed.extraction_filter = getattr(tarfile, "data_filter", None)
        packed.extractall(folder)


def list_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files with their names in the archive, always in the same order."""
    files = (file for file in folder.rglob("*") if file.is_file())
    yield from sorted((file.relative_to(folder).as_posix(), file) for file in files)


def write_hashes(folder: Path) -> str:
    """Return the SHA-256 of each file, in the form that ``sha256sum --check`` reads."""
    lines = []
    for name, path in list_files(folder):
        with path.open("rb") as file:
            lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {name}\n")
    return "".join(lines)


def pack(folder: Path, path: Path, date: datetime) -> None:
    """Make a zip of a folder, in a folder of the same name as the zip, all of one date."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.unfinished")
    moment = date.replace(year=max(date.year, EARLIEST)).timetuple()[:6]
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, file in list_files(folder):
            entry = zipfile.ZipInfo(f"{path.stem}/{name}", moment)
            entry.create_system = 3  # Unix, whose permissions follow
            entry.external_attr = (0o100755 if os.access(file, os.X_OK) else 0o100644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            with file.open("rb") as source, archive.open(entry, "w", force_zip64=True) as target:
                while block := source.read(1 << 20):
                    target.write(block)
    unfinished.replace(path)
