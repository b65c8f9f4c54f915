"""Under which code a record is made: the study's commit and the machinery's version.

Where the study is a git repository, git knows. A build on Heroku has none: there bin/post_compile
writes the commit into a file, from a variable that exists during a build only
(devcenter.heroku.com/articles/buildpack-api). Any other host tells in a variable.
"""

import os
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

from study import config

FILE = ".commit"
UNKNOWN = "unknown"
COMMIT = re.compile(r"[0-9a-f]{7,64}")
# One process for the commit and for what differs from it, whatever the user's settings of git;
# its lock is left to others.
STATUS = (
    *("git", "--no-optional-locks", "status"),
    *("--porcelain=v2", "--branch", "--untracked-files=normal"),
)
# In a git hook these lead to the repository that the hook belongs to.
MISLEADING = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")


class Provenance:
    """Says under which code a record is made, as long as a server of this study runs.

    Online the code is what it was at the start. On a researcher's machine it changes under a
    running preview, so git is asked for each record.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._machinery = find_machinery()
        self._commit = find_commit(folder) if config.is_on_cloud() else ""

    @property
    def values(self) -> dict[str, str]:
        """What the columns ``commit`` and ``machinery`` get."""
        commit = self._commit or find_commit(self._folder)
        return {"commit": commit, "machinery": self._machinery}


def find_machinery() -> str:
    """Return the version of the machinery that is installed."""
    return version("psiturk-heroku-machinery")


def find_commit(folder: Path) -> str:
    """Return the commit's id, with ``+changes`` if files differ from it, or ``unknown``."""
    is_repository = (folder / ".git").exists()  # of its own, not a folder in another one
    found = ask_git(folder) if is_repository else read_file(folder / FILE)
    return found or config.find_commit_variable(COMMIT) or UNKNOWN


def ask_git(folder: Path) -> str:
    """Return the commit that is checked out and whether anything differs; empty without one."""
    environment = {name: value for name, value in os.environ.items() if name not in MISLEADING}
    options = {"capture_output": True, "stdin": subprocess.DEVNULL, "env": environment}
    try:
        done = subprocess.run(STATUS, cwd=folder, encoding="utf-8", errors="replace", **options)
    except OSError:  # git is not installed
        return ""
    head = re.search(r"(?m)^# branch\.oid ([0-9a-f]+)$", done.stdout)
    has_changes = re.search(r"(?m)^[^#]", done.stdout)
    return head[1] + "+changes" * bool(has_changes) if head else ""


def read_file(path: Path) -> str:
    """Return the commit that a build has written; empty if there is none."""
    found = COMMIT.match(path.read_text(encoding="utf-8")) if path.exists() else None
    return found[0] if found else ""
