"""The researcher's mistakes as a preview shows them: message, file, line, and the lines around it.

They come from three sides: what failed in this server, what a page of a debug run has reported, and
what is wrong in a file at this moment.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any

from flask import Flask
from jinja2 import TemplateError
from psiturk.experiment_errors import ExperimentError

from study.messages import printable
from study.server import files
from study.server.__main__ import explain

PLACE = re.compile(r"([\w./-]+\.\w+), line (\d+)(?:: )?")
READABLE = ("static", "templates")  # whose lines are shown; config.txt may hold a secret
WRITTEN_IN = (".js", ".mjs", ".html")
AROUND = 2  # lines before and after
LONGEST_LINE = 200  # characters
SECONDS_TOLD = 10  # for which a problem that comes again is not printed again
LARGEST_FILE = 1_000_000  # bytes that are searched for a name


@dataclass(frozen=True)
class Problem:
    """A mistake, what to do about it, and where it is (line 0: not known)."""

    message: str
    advice: str = ""
    file: str = ""
    line: int = 0

    @property
    def place(self) -> str:
        return f"{self.file}, line {self.line}" if self.line else self.file

    def describe(self) -> dict[str, Any]:
        """Return it as the page gets it, with the lines around the mistake as (number, text)."""
        return asdict(self) | {"place": self.place, "excerpt": list(self._read_around())}

    def _read_around(self) -> Iterator[tuple[int, str]]:
        if not self.line or self.file.partition("/")[0] not in READABLE:
            return
        lines = read(Path(self.file)).splitlines()
        for number in range(max(1, self.line - AROUND), self.line + AROUND + 1):
            if number <= len(lines):
                yield number, lines[number - 1][:LONGEST_LINE]


class Board:
    """What the terminal and the pages of debug runs tell of this server's problems."""

    def __init__(self) -> None:
        self._failed: list[Problem] = []
        self._printed: dict[Problem, float] = {}

    def __len__(self) -> int:
        return len(self._failed)

    def add(self, problem: Problem) -> None:
        """Print a problem that ended a request, and keep it for the pages."""
        self._failed.append(problem)
        self.print(problem)

    def since(self, number: int) -> list[Problem]:
        """Return the problems that ended requests, after the first so many."""
        return self._failed[number:]

    def print(self, problem: Problem) -> None:
        """Print a problem in the terminal, unless it was told a moment ago."""
        now, last = monotonic(), self._printed.get(problem, float("-inf"))
        self._printed[problem] = now
        if now - last > SECONDS_TOLD:
            told = filter(None, (problem.place, problem.message, problem.advice))
            lines = "\n          ".join(map(printable, told))
            print(f"{datetime.now():%H:%M:%S}  MISTAKE  {lines}", flush=True)


board = Board()
_checked: dict[Path, tuple[int, Problem | None]] = {}  # time of the file, and what is wrong in it


def from_error(error: Exception) -> Problem | None:
    """Return the researcher's mistake in an error of the server; None if it is not theirs."""
    mistake = explain(error)
    return mistake and from_text(str(mistake))


def from_text(text: str) -> Problem:
    """Return the problem that a StudyError tells."""
    cause, _, remedy = text.strip().partition("\n")
    place = PLACE.search(cause) or PLACE.search(remedy)
    if not place:
        return Problem(cause, remedy)
    cause = cause.removeprefix(place[0])
    return Problem(cause, remedy, place[1], int(place[2]))


def find_template_errors(app: Flask) -> Iterator[Problem]:
    """Yield what is wrong in the files of templates/ that Jinja reads."""
    for file in files_in(files.TEMPLATES):
        changed = file.stat().st_mtime_ns
        if _checked.get(file, (0,))[0] != changed:
            _checked[file] = changed, _check_template(app, file)
        if problem := _checked[file][1]:
            yield problem


def _check_template(app: Flask, file: Path) -> Problem | None:
    name = file.relative_to(files.TEMPLATES).as_posix()
    if file.suffix != ".html" or not files.JINJA.search(file.read_bytes()):
        return None
    try:
        app.jinja_env.get_template(name)
    except ExperimentError:  # links.ModeInLinks
        words = "psiTurk finds no place for the mode in this page's link to the next one."
        return Problem(words, "The link must contain workerId={{ workerid }}", str(file))
    except (TemplateError, UnicodeDecodeError) as error:
        return from_error(error) or Problem(f"{error}", "Correct it there.", str(file))
    return None


def find_line_naming(name: str) -> tuple[str, int]:
    """Return the file and line in which the researcher's pages and scripts name a file.

    ("", 0): nowhere. ``name`` is as the browser asked for it, so a page may name a part of it.
    """
    parts = name.split("/")
    written = ["/".join(parts[start:]) for start in range(len(parts))]
    for ending in written:
        quoted = re.compile(rf"""(?<![\w.-]){re.escape(ending)}(?=["'`)\s?#])""")
        for file in (*files_in(Path("static")), *files_in(Path("templates"))):
            if file.suffix in WRITTEN_IN and (found := quoted.search(text := read(file))):
                return file.as_posix(), text.count("\n", 0, found.start()) + 1
    return "", 0


def files_in(folder: Path) -> Iterable[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file())


def read(file: Path) -> str:
    """Return the text of a file; empty if it is gone, or too large to be written by hand."""
    try:
        is_small = file.stat().st_size <= LARGEST_FILE
        return file.read_text(encoding="utf-8", errors="replace") if is_small else ""
    except OSError:
        return ""
