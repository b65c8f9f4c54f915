"""A folder of `study data`, read once: the source of everything on the page.

identifiers.csv and superseded.jsonl, which hold real ids, are never opened, and of unreadable.jsonl
only whose records are there and why.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from study.export import IDENTIFIERS, UNREADABLE
from study.messages import StudyError
from study.recruiters import RECRUITERS
from study.report.columns import NUMBERS, Column
from study.report.files import KEY, MOST_COLUMNS, Batch, CsvFile
from study.report.people import People
from study.report.trials import Trials

FILES = ("participants", "trialdata", "questiondata", "eventdata")
ROBOTS = "simulated"  # the folder of `study try`
NOTE = re.compile(r"^- (.+)", re.MULTILINE)  # in codebook.md, about the whole download
LINES_ABOUT = 200
OF_A_FLAG = (KEY, "flag", "reason", "value")  # columns of quality.csv
FLAGS_KEPT = 1000
# Columns with these names, written in any way, hold what recruiters know people by.
RECRUITERS_IDS = {
    re.sub(r"[\W_]", "", name).lower()
    for names in (IDENTIFIERS, *((*r.placeholders, *r.id_columns) for r in RECRUITERS.values()))
    for name in names
}


@dataclass
class Flags:
    """What quality.csv says: who has each flag, the reason it gives most, and its first rows."""

    people: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    reasons: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    rows: list[dict[str, str]] = field(default_factory=list)
    exist: bool = False

    @property
    def participants(self) -> set[str]:
        return set().union(*self.people.values())

    def add(self, row: dict[str, str]) -> None:
        flag = row["flag"]
        self.people[flag].add(row["participant"])
        if len(self.reasons[flag]) < FLAGS_KEPT:
            self.reasons[flag][row["reason"]] += 1
        if len(self.rows) < FLAGS_KEPT:
            self.rows.append(row)


@dataclass
class Download:
    """What the files of a download hold. ``columns`` are those of each file, by its name."""

    folder: Path
    people: People
    trials: Trials
    when: datetime
    columns: dict[str, list[Column]] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    hidden: list[str] = field(default_factory=list)  # columns with a recruiter's ids
    flags: Flags = field(default_factory=Flags)
    notes: list[str] = field(default_factory=list)  # what `study data` said
    problems: list[str] = field(default_factory=list)  # what could not be read here
    left_out: int = 0  # rows

    def read(self) -> None:
        """Read all files; note what cannot be read."""
        take = {"participants": self._take_people, "trialdata": self.trials.add}
        for name in FILES:
            file = CsvFile(self.folder / f"{name}.csv")
            is_answers = name == "questiondata"
            columns = read_answers(file) if is_answers else read_columns(file, take.get(name))
            self.columns[name] = [each for each in columns if not is_recruiters(each.name)]
            self.rows[name] = file.rows
            self.hidden += [f"{c.name} of {file.name}" for c in columns if is_recruiters(c.name)]
            self._note(file)
            if not file.exists:
                self.problems.append(f"{file.name} is not in the folder")
        self._read_flags()
        self._read_unreadable()

    def _note(self, file: CsvFile) -> None:
        self.left_out += file.left_out
        self.problems += file.describe_problems()

    def _take_people(self, columns: list[str], batch: Batch) -> None:
        self.people.add(dict(zip(columns, row, strict=False)) for row in zip(*batch, strict=True))

    def _read_flags(self) -> None:
        file = CsvFile(self.folder / "quality.csv")
        self.flags.exist = file.exists
        for batch in file:
            found = dict(zip(file.columns, batch, strict=False))
            empty = ("",) * len(batch[0])
            cells = (found.get(name, empty) for name in OF_A_FLAG)
            for row in zip(*cells, strict=True):
                self.flags.add(dict(zip(OF_A_FLAG, row, strict=True)))
        self._note(file)

    def _read_unreadable(self) -> None:
        """Note which records `study data` could not read whole."""
        for number, line in enumerate(read_lines(self.folder / UNREADABLE), start=1):
            try:
                record = json.loads(line)
                name, problem = record["participant"], record["problem"]
                who = name if name in self.people.by_name else "nobody in participants.csv"
                problem = f"record of {who}: {problem}"
            except (ValueError, KeyError, TypeError, RecursionError):
                problem = "not a record"
            self.problems.append(f"{UNREADABLE}, line {number}: {problem}")


def read_download(folder: Path, effect: str) -> Download:
    """Read a folder. Raises StudyError if it holds no file of a download."""
    present = [path for name in FILES if (path := folder / f"{name}.csv").is_file()]
    if not present:
        cause = f"There are no data in {folder}/: no {FILES[0]}.csv and none of the other files."
        raise StudyError(cause, "Download them first: uv run study data")
    when = datetime.fromtimestamp(max(path.stat().st_mtime for path in present), UTC)
    people = People(is_known=(folder / "participants.csv").is_file())
    download = Download(folder, people, Trials(people, effect), when)
    about = "".join(islice(read_lines(folder / "codebook.md"), LINES_ABOUT)).partition("## ")[0]
    download.notes = NOTE.findall(about)
    download.read()
    return download


def read_lines(path: Path) -> Iterator[str]:
    """Yield the lines of a text file; none if it is not there or cannot be opened."""
    with suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
        yield from file


def find_newest(data: Path) -> Path:
    """Return the folder of the newest download in ``data``; that of robots if there is no other."""
    folders = [data, *(path for path in sorted(data.glob("*")) if path.is_dir())]
    found = [folder for folder in folders if (folder / "participants.csv").is_file()]
    people = [folder for folder in found if folder.name != ROBOTS]
    return max(people or found, key=written, default=data)


def written(folder: Path) -> float:
    """Return when the data in a folder were written, in seconds since 1970."""
    return (folder / "participants.csv").stat().st_mtime


def is_recruiters(column: str) -> bool:
    """Whether a column's name says that it holds a recruiter's ids."""
    return re.sub(r"[\W_]", "", column).lower() in RECRUITERS_IDS


def read_columns(
    file: CsvFile, take: Callable[[list[str], Batch], None] | None = None
) -> list[Column]:
    """Read a file column by column, and hand each batch on."""
    columns: list[Column] = []
    for batch in file:
        columns = columns or [Column(n, NUMBERS // len(batch)) for n in file.columns[: len(batch)]]
        names = batch[file.columns.index(KEY)]
        for column, cells in zip(columns, batch, strict=True):
            column.add(cells, names)
        if take:
            take(file.columns, batch)
    return columns or list(map(Column, file.columns))


def read_answers(file: CsvFile) -> list[Column]:
    """Read questiondata.csv: each question becomes a column of its answers."""
    columns: dict[str, Column] = {}
    for batch in file:
        found = dict(zip(file.columns, batch, strict=False))
        if not {"question", "answer"} <= found.keys():
            continue
        groups = defaultdict(list)
        for name, question, answer in zip(
            found[KEY], found["question"], found["answer"], strict=True
        ):
            groups[question].append((answer, name))
        for question, answers in groups.items():
            if question not in columns and len(columns) < MOST_COLUMNS:
                columns[question] = Column(question, NUMBERS // MOST_COLUMNS)
            if question in columns:
                columns[question].add(*zip(*answers, strict=True))
    return list(columns.values())
