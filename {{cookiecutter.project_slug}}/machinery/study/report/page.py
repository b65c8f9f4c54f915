"""The page: what a download holds, arranged in sections for page.html.

Everything from the data is escaped by Jinja; participants appear by the first characters of their
pseudonyms.
"""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from statistics import mode

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from study.messages import pluralize
from study.report import formats
from study.report.charts import Histograms, Strips, draw_histograms, draw_strips
from study.report.describe import describe_files
from study.report.download import Download
from study.report.estimates import Estimate, estimate, quantile
from study.report.people import Person

HERE = Path(__file__).parent
MOST_GROUPS = 12  # conditions that get a line in a chart
MOST_CELLS = 100  # conditions that get a line in the table
MOST_FLAGS = 50
MOST_PEOPLE = 300  # listed one by one
ALL = "all"
DOWNLOADED = "Downloaded on "  # how codebook.md begins


def write_page(download: Download, title: str, minutes: int = 0) -> str:
    """Return the page about a download of the study. ``minutes`` are those that it announces."""
    return load_template().render(
        page=Page(download),
        download=download,
        title=title,
        minutes=minutes,
        style=(HERE / "page.css").read_text("utf-8"),
        files=describe_files(download.columns, download.rows),
        now=datetime.now(UTC).timestamp(),
    )


@cache
def load_template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": formats.number, "moment": formats.moment}
    environment.globals |= {"share": formats.share, "interval": formats.interval}
    environment.globals["pluralize"] = pluralize
    return environment.get_template("page.html")


class Page:
    """The figures of a download, worked out when the template asks for them."""

    def __init__(self, download: Download):
        self.download = download
        self.people, self.trials = download.people, download.trials
        self.flags = download.flags
        self.finished = self.people.finished
        self.conditions = self.people.conditions
        # How each is found, and what its axis holds anyway.
        self.measures = {
            "rt": (self._rt, ()),
            "accuracy": (self._accuracy, (90, 100)),
            "effect": (self.trials.find_effect, (0,)),
        }
        self.minutes = sorted(p.minutes for p in self.finished if p.minutes is not None)

    def name(self, group: str) -> str:
        """Return what the trials of a condition call it, or its number."""
        return "All" if group == ALL else self.trials.name_condition(group) or self.number(group)

    def number(self, group: str) -> str:
        if group == ALL:
            return ""
        return f"condition {group}" if group else "without a condition"

    def data_date(self) -> str:
        """When the data were downloaded or, if nothing says so, written."""
        for note in self.download.notes:
            if note.startswith(DOWNLOADED):
                return note.removeprefix(DOWNLOADED).removesuffix(".").replace(" at ", " ")
        return f"{formats.moment(self.download.when.timestamp())} UTC"

    def stages(self) -> list[tuple[str, int]]:
        """How many came how far. A stage that the task does not report is left out."""
        everybody, finished = len(self.people), len(self.finished)
        began = sum(person.began is not None or person.finished for person in self.people)
        saved = sum(person.name in self.trials.saved for person in self.people)
        between = []
        if any(person.began is not None for person in self.people):
            between.append(("Finished the instructions", began))
        if saved >= finished:
            between.append(("Recorded something", saved))
        between.sort(key=lambda stage: -stage[1])
        return [("Arrived", everybody), *between, ("Finished", finished)]

    def outcomes(self) -> list[tuple[str, int]]:
        """What became of those who have not finished, the commonest first."""
        return Counter(p.outcome for p in self.people if not p.finished).most_common()

    def cells(self) -> list[dict]:
        """One line for each condition, with how many came how far, unless there are too many."""
        counts = {"arrived": 0, "saved": 0, "finished": 0}
        cells = {each: {"condition": each} | counts for each in self.conditions}
        for person in self.people:
            cell = cells[person.condition]
            cell["arrived"] += 1
            cell["saved"] += person.name in self.trials.saved
            cell["finished"] += person.finished
        return list(cells.values()) if len(cells) <= MOST_CELLS else []

    def duration(self, share: float) -> float:
        return quantile(self.minutes, share)

    def draw_durations(self) -> Histograms | None:
        return draw_histograms(self.group(lambda person: person.minutes))

    def draw_times(self) -> Histograms | None:
        """Draw the response times of all trials that count."""
        times = self.trials.times
        groups = {condition: times[condition] for condition in self.conditions}
        if len(groups) > MOST_GROUPS:
            groups = {ALL: [time for group in groups.values() for time in group]}
        return draw_histograms(groups)

    def draw(self, measure: str) -> Strips | None:
        """Draw each participant's mean "rt", "accuracy" or "effect"."""
        value, ends = self.measures[measure]
        return draw_strips(self.group(value), estimate, *ends)

    def overall(self, measure: str) -> Estimate:
        """Estimate the mean of a measure over all who finished."""
        value, _ = self.measures[measure]
        return estimate([v for v in map(value, self.finished) if v is not None])

    def group(self, value: Callable[[Person], float | None]) -> dict[str, list[float]]:
        """Return the values of those who finished: all, and by condition if there are several."""
        valued = [(p.condition, v) for p in self.finished if (v := value(p)) is not None]
        groups = {ALL: [v for _, v in valued]}
        if 1 < len(self.conditions) <= MOST_GROUPS:
            for condition in self.conditions:
                groups[condition] = [v for each, v in valued if each == condition]
        return groups

    def _performance(self, person: Person):
        return self.trials.by_person.get(person.name)

    def _rt(self, person: Person) -> float | None:
        done = self._performance(person)
        return done and done.rt

    def _accuracy(self, person: Person) -> float | None:
        done = self._performance(person)
        return 100 * done.accuracy if done and done.answers else None

    def contrast(self) -> tuple[str, str]:
        """The two kinds of trials that the effect compares, in words."""
        column, values = self.trials.effect, self.trials.contrast()
        if column == "congruent" and {value.lower() for value in values} == {"true", "false"}:
            return "incongruent", "congruent"
        return tuple(f"{column} = {value}" for value in values)

    def usual_trials(self) -> int:
        """How many trials that count most of those who finished have; 0 if nobody has one."""
        numbers = [done.trials for done in self.trials.by_person.values()]
        return mode(numbers) if numbers else 0

    def short(self) -> int:
        """How many finished with fewer trials than usual."""
        usual = self.usual_trials()
        done = (self._performance(person) for person in self.finished)
        return sum((each.trials if each else 0) < usual for each in done)

    def list_people(self) -> list[dict]:
        """One line for each of those who finished, the least accurate and slowest first."""
        if len(self.finished) > MOST_PEOPLE:
            return []
        lines = [self._describe(person) for person in self.finished]
        return sorted(lines, key=lambda line: (line["accuracy"] or 0, -(line["rt"] or 0)))

    def _describe(self, person: Person) -> dict:
        done = self._performance(person)
        flags = [f for f, people in self.flags.people.items() if person.name in people]
        return {
            "name": person.name,
            "condition": person.condition,
            "minutes": person.minutes,
            "trials": done.trials if done else 0,
            "rt": self._rt(person),
            "accuracy": self._accuracy(person),
            "flags": ", ".join(flags),
        }

    def list_flags(self) -> list[dict]:
        """One line for each flag: a reason, the commonest, and how many participants have it."""
        return [
            {"flag": flag, "reason": reasons.most_common(1)[0][0],
             "participants": len(self.flags.people[flag])}
            for flag, reasons in sorted(self.flags.reasons.items())[:MOST_FLAGS]
        ]  # fmt: skip
