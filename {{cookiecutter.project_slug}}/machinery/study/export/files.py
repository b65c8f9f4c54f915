"""The files of a download: for their owner's eyes only, and there when they are complete."""

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from study.errors import StudyError

UNREADABLE = "unreadable.jsonl"  # records that could not be read whole, as they are
SUPERSEDED = "superseded.jsonl"  # records that lost against those of a newer window


def private(path: str, flags: int) -> int:
    """An opener that lets nobody else on this machine read the file."""
    return os.open(path, flags, 0o600)


def write_at_once(path: Path, content: Iterable[bytes]) -> None:
    """A file that is there as a whole or not at all."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    with open(unfinished, "wb", opener=private) as file:
        file.writelines(content)
    unfinished.replace(path)


class Files:
    """Files of one folder, counted in bytes while they are written."""

    def __init__(self, files: dict[str, BinaryIO]):
        self._files = files
        self.sizes = dict.fromkeys(files, 0)

    def write(self, name: str, text: bytes) -> None:
        self._files[name].write(text)
        self.sizes[name] += len(text)


@contextmanager
def files(folder: Path, names: Iterable[str], at_need: Iterable[str]) -> Iterator[Files]:
    """Files of these names, open for writing; those ``at_need`` only stay with content.

    They replace those of an earlier download when all are complete. Raises StudyError if the
    disk does not hold what was written.
    """
    names, at_need = tuple(names), tuple(at_need)
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        to = Files({
            name: stack.enter_context(open(folder / f"{name}.part", "wb", opener=private))
            for name in (*names, *at_need)
        })  # fmt: skip
        yield to
    for name, size in to.sizes.items():
        if (folder / f"{name}.part").stat().st_size != size:
            raise StudyError(
                f"{folder / name} was not written to its end.",
                "Is the disk full? Then run the same command again.",
            )
    for name, size in to.sizes.items():
        (folder / f"{name}.part").replace(folder / name)
        if not size and name in at_need:
            (folder / name).unlink()
