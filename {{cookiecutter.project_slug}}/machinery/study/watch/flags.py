"""What `study quality` has flagged: from the newest quality.csv below data/."""

import csv
from collections import defaultdict
from functools import lru_cache
from pathlib import Path


def find_flags(folder: Path) -> dict[str, list[str]]:
    """Return the flags of each participant, by the pseudonyms of downloads.

    A file that cannot be read is as good as none.
    """
    found = [(path.stat().st_mtime, path) for path in folder.glob("data/**/quality.csv")]
    return read_flags(*max(found)) if found else {}


@lru_cache(maxsize=1)  # the page asks every few seconds
def read_flags(changed: float, path: Path) -> dict[str, list[str]]:
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
