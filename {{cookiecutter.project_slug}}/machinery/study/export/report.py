"""What a download read and wrote, added up from its parts, and how that is told."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from study.errors import StudyError
from study.export.batches import Part
from study.export.column_stats import Observed
from study.export.files import SUPERSEDED, UNREADABLE
from study.text import pluralize

TOLD = 10  # problems; the file has them all
FIXED = 3  # columns of a trial's row before its keys: the participant, and psiTurk's two


@dataclass
class Report:
    """What was written, and what needs attention."""

    folder: Path
    whole: str = ""  # why each trial stands as JSON in one column, if it does
    rows: Counter = field(default_factory=Counter)
    counted: Counter = field(default_factory=Counter)  # rows, in the lines that were written
    keys: list[str | None] = field(default_factory=list)  # of trials
    headers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    observed: dict[str, list[Observed]] = field(default_factory=dict)
    longest: int = 0  # lines of a part, in bytes
    left_out: list[str] = field(default_factory=list)
    without_data: int = 0
    superseded: int = 0
    problems: list[str] = field(default_factory=list)

    def add(self, part: Part) -> None:
        """Take a part into account. Parts come in the order of participants."""
        self.keys += [key for key in part.keys if key not in self.keys]
        for name, columns in part.observed.items():
            places = list(range(len(columns)))
            if name == "trialdata":
                places[FIXED:] = (FIXED + self.keys.index(key) for key in part.keys)
            self._observe(name, dict(zip(places, columns, strict=True)), part.rows[name])
        self.rows.update(part.rows)
        self.counted.update(part.counted)
        self.without_data += part.without_data
        self.problems += part.problems
        self.longest = max(self.longest, part.longest)

    def _observe(self, name: str, columns: dict[int, Observed], rows: int) -> None:
        """Merge what was observed in a part's columns, each at its place among all."""
        all_columns = self.observed.setdefault(name, [])
        while len(all_columns) <= max(columns, default=-1):
            all_columns.append(Observed(missing=self.rows[name]))
        for place, column in enumerate(all_columns):
            column.merge(columns.get(place) or Observed(missing=rows))

    def places(self, part: Part) -> list[int | None] | None:
        """Where in the part's trials each column of the file is; None if they are the same."""
        if part.keys == self.keys:
            return None
        there = {key: FIXED + place for place, key in enumerate(part.keys)}
        return [*range(FIXED), *map(there.get, self.keys)]

    def require_all(self, expected: int) -> None:
        """Raises StudyError unless everybody was read, and every row is in the lines."""
        if self.rows["participants"] != expected or self.rows != self.counted:
            raise StudyError(
                f"The download is not complete: the database has {expected} participants, "
                f"{dict(self.rows)} were read and {dict(self.counted)} written.",
                "Run the same command again.",
            )

    @property
    def formulas(self) -> str:
        """The columns with texts that begin as a formula does, in words."""
        return ", ".join(
            f"{column} of {name}.csv"
            for name, columns in self.observed.items()
            for column, observed in zip(self.headers[name], columns, strict=False)
            if observed.formula
        )

    @property
    def notes(self) -> list[str]:
        """What is not in the files as one might expect, and why."""
        notes = [f"Left out: {people}." for people in self.left_out]
        if self.without_data:
            people = pluralize(self.without_data, "participant")
            notes.append(f"{people} came but never saved anything.")
        if self.superseded:
            notes.append(
                f"In {SUPERSEDED}: {pluralize(self.superseded, 'record')} that an older window sent "
                "when a newer one had taken over."
            )
        if self.whole:
            notes.append(f"Each trial stands as JSON in one column, {self.whole}.")
        if self.problems:
            times = pluralize(len(self.problems), "time")
            notes.append(
                f"{times} something could not be understood. Those records are kept as they are in "
                f"{UNREADABLE}, and what was understood is in the files."
            )
        return notes

    def __str__(self) -> str:
        lines = [f"{count:>9,} rows  {self.folder / name}.csv" for name, count in self.rows.items()]
        problems = [f"  {problem}" for problem in self.problems[:TOLD]]
        return "\n".join([*lines, *self.notes, *problems])
