"""Who took part, as participants.csv says: how far each came, and how long that took."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from study.report.columns import read_number
from study.statuses import FINISHED, QUIT, TEST_MODES

ENDINGS = {"screened-out": "were screened out", "left-early": "stopped by the button"}
LEFT = "left without a word, or are still at it"
FACTS = ("codeversion", "commit", "machinery", "mode")  # that describe the whole study


@dataclass(slots=True)
class Person:
    """One participation. Times are seconds since 1970, None where there is none."""

    name: str
    condition: str = ""
    finished: bool = True
    outcome: str = ""  # in words, of those who have not finished
    arrived: float | None = None
    began: float | None = None
    ended: float | None = None

    @property
    def minutes(self) -> float | None:
        """How long it took to the end, if the times are in order."""
        if not self.finished or None in (self.arrived, self.ended):
            return None
        return (self.ended - self.arrived) / 60 if self.ended >= self.arrived else None


@dataclass
class People:
    """Everybody in a download, by pseudonym, and what the download says about the study."""

    by_name: dict[str, Person] = field(default_factory=dict)
    facts: dict[str, Counter[str]] = field(default_factory=lambda: {f: Counter() for f in FACTS})
    repeated: int = 0  # rows of somebody who had one already
    is_known: bool = True  # False without participants.csv: who finished is not known then

    def __iter__(self) -> Iterator[Person]:
        return iter(self.by_name.values())

    def __len__(self) -> int:
        return len(self.by_name)

    def add(self, rows: Iterable[dict[str, str]]) -> None:
        for row in rows:
            name = row.get("participant", "")
            if name in self.by_name:
                self.repeated += 1
                continue
            self.by_name[name] = read_person(name, row)
            for fact, counts in self.facts.items():
                counts[row.get(fact, "")] += 1

    def find(self, name: str) -> Person | None:
        """Return somebody; without participants.csv, whoever has a trial took part."""
        if not self.is_known and name not in self.by_name:
            self.by_name[name] = Person(name)
        return self.by_name.get(name)

    @property
    def finished(self) -> list[Person]:
        return [person for person in self if person.finished]

    @property
    def conditions(self) -> list[str]:
        """The conditions that somebody has, in the order of their numbers."""
        return sorted({person.condition for person in self}, key=lambda each: (len(each), each))

    @property
    def test_runs(self) -> Counter[str]:
        """The number of participations by test mode."""
        return Counter({mode: self.facts["mode"][mode] for mode in TEST_MODES})


def read_person(name: str, row: dict[str, str]) -> Person:
    status, ending = read_number(row.get("status", "")), row.get("ending", "")
    arrived, began, ended = (
        read_number(row.get(column, ""), is_time=True)
        for column in ("beginhit", "beginexp", "endhit")
    )
    finished = status in FINISHED
    quit_early = "closed the window" if status == QUIT else LEFT
    outcome = "" if finished else ENDINGS.get(ending, quit_early)
    condition = row.get("cond", "").removesuffix(".0")  # as pandas writes it beside a missing one
    return Person(name, condition, finished, outcome, arrived, began, ended)
