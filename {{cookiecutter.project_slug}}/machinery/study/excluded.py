"""excluded.txt: pseudonyms of the people who took part in an earlier study.

`study exclude` writes the file, it is committed, and the server reads it when it starts.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from study import signing
from study.messages import StudyError

FILE = "excluded.txt"
PSEUDONYM = re.compile(r"^[0-9a-f]{32}$", re.MULTILINE)
MADE_WITH = "# Key: "


@dataclass(frozen=True)
class Excluded:
    """The content of excluded.txt: pseudonyms, and the fingerprint of the key they need."""

    pseudonyms: frozenset[str] = frozenset()
    fingerprint: str = ""


def read_excluded(folder: Path) -> Excluded:
    """Read excluded.txt. Raises StudyError if a line is not a pseudonym."""
    path = folder / FILE
    if not path.exists():
        return Excluded()
    if wrong := find_wrong_lines(path):
        remedy = "Take that line out: ids go through `uv run study exclude`, so git never has them."
        raise StudyError(f"{FILE}, line {wrong[0]}, is not a pseudonym.", remedy)
    text = path.read_text(encoding="utf-8")
    mark = re.search(f"^{MADE_WITH}(.*)", text, re.MULTILINE)
    return Excluded(frozenset(PSEUDONYM.findall(text)), mark[1] if mark else "")


def find_wrong_lines(path: Path) -> list[int]:
    """Return the numbers of the lines that are neither pseudonyms nor comments nor empty."""
    lines = enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
    harmless = re.compile(rf"\s*|#.*|{PSEUDONYM.pattern}")
    return [number for number, line in lines if not harmless.fullmatch(line)]


def fingerprint(key: str) -> str:
    """Return 16 hexadecimal digits that differ between keys and do not reveal them."""
    return signing.proof(key, "fingerprint", FILE).hex()[:16]
