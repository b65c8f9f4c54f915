"""What `study quality` has flagged: from the newest quality.csv below data/."""

import csv
from collections import defaultdict
from pathlib import Path

from study.signing import pseudonym, read_pseudonym_key

FILE = "quality.csv"


class Flags:
    """The flags of each participant, by the pseudonyms of downloads.

    ``exist`` says whether there is such a file; one that cannot be read is as good as none.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: tuple[Path, float] | None = None
        self._flags: dict[str, list[str]] = {}

    def look(self) -> bool:
        """Read the newest file if it is another one than before; return whether there is one."""
        found = [(path.stat().st_mtime, path) for path in self._folder.glob(f"data/**/{FILE}")]
        if not found:
            return False
        changed, path = max(found)
        if self._read != (path, changed):
            self._flags, self._read = read_flags(path), (path, changed)
        return bool(self._flags)

    def of(self, uniqueid: str) -> list[str]:
        return self._flags.get(pseudonym(read_pseudonym_key(self._folder), uniqueid), [])


def read_flags(path: Path) -> dict[str, list[str]]:
    """Return the flags of a file, each as its name and reason."""
    flags = defaultdict(list)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                told = f"{row['flag']}: {row['reason']}" if row.get("reason") else row["flag"]
                flags[row["participant"]].append(told)
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, TypeError):
        return {}
    return flags
