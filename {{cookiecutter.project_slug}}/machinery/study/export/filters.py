"""Which participants a download takes, and whom it leaves out for what reason."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from study.errors import StudyError
from study.export.source import Reader, as_text
from study.statuses import FINISHED, STATUS_NAMES, TEST_MODES

ALL = "all"


@dataclass(frozen=True)
class Choice:
    """Empty means no restriction; times are UTC. ``modes`` None means all but trial runs."""

    versions: tuple[str, ...] = ()
    modes: tuple[str, ...] | None = None
    statuses: tuple[int, ...] = ()
    since: datetime | None = None
    until: datetime | None = None

    @property
    def rules(self) -> list[tuple[str, str, list]]:
        """For each restriction, its name, the condition in SQL, and its parameters."""
        rules = []
        if self.modes is None:
            rules.append(("mode", f"not {_is_one_of('mode', TEST_MODES)}", [*TEST_MODES]))
        elif self.modes:
            rules.append(("mode", _is_one_of("mode", self.modes), [*self.modes]))
        if self.versions:
            rules.append(("version", _is_one_of("codeversion", self.versions), [*self.versions]))
        if self.statuses:
            texts = [str(status) for status in self.statuses]
            rules.append(("status", _is_one_of("status", self.statuses), texts))
        for time, sign in ((self.since, ">="), (self.until, "<")):
            if time:
                condition = f"coalesce(beginhit {sign} %s, false)"
                rules.append(("date", condition, [str(time)]))  # SQLite compares texts
        return rules

    @property
    def where(self) -> tuple[str, list]:
        """The condition in SQL for those who are taken, and its parameters."""
        rules = self.rules
        conditions = " and ".join(condition for _, condition, _ in rules)
        return conditions or "true", [one for _, _, parameters in rules for one in parameters]

    def count(self, reader: Reader) -> tuple[int, list[str]]:
        """How many are taken, as the database counts, and who is left out, in words."""
        cases = "".join(f" when not {c} then '{name}'" for name, c, _ in self.rules)
        reason = f"case{cases} else '' end" if cases else "''"
        told = {"mode": "mode", "version": "codeversion", "status": "status"}
        told = "".join(f" when '{name}' then {as_text(of)}" for name, of in told.items())
        statement = (
            f"select {as_text('reason')}, {as_text(f'case reason{told} end')}, "
            f"{as_text('count(*)')} from (select *, {reason} as reason from {reader.table}) as t "
            "group by 1, 2 order by 1, 2"
        )
        taken, left_out = 0, []
        for reason, value, count in reader.rows(statement, *self.where[1]):
            if reason:
                left_out.append(self._told(reason.decode(), (value or b"none").decode(), count))
            else:
                taken = int(count)
        return taken, left_out

    def _told(self, reason: str, value: str, count: bytes) -> str:
        remedy = " (to take all: --mode all)" if reason == "mode" and self.modes is None else ""
        if reason == "date":
            return f"{int(count):,} who came before or after the dates"
        if reason == "status" and value.isdigit():
            value = f"{value}, {STATUS_NAMES.get(int(value), 'unknown')}"
        return f"{int(count):,} of {reason} {value}{remedy}"


EVERYBODY = Choice(modes=())


def read_choice(
    version: Iterable[str], mode: Iterable[str], status: Iterable[str], since: str, until: str
) -> Choice:
    """The options of `study data`; those that were repeated, each perhaps with commas.

    Raises StudyError.
    """
    modes, statuses = _words(mode), _words(status)
    return Choice(
        versions=_words(version),
        modes=(() if ALL in modes else modes) if modes else None,
        statuses=() if ALL in statuses else tuple(_numbers(statuses)),
        since=_time("--since", since),
        until=_time("--until", until, whole_day=True),
    )


def _is_one_of(column: str, values: Iterable) -> str:
    return f"(coalesce({as_text(column)}, '') in ({', '.join('%s' for _ in values)}))"


def _words(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(word for text in texts for word in map(str.strip, text.split(",")) if word)


def _numbers(statuses: Iterable[str]) -> Iterable[int]:
    for status in statuses:
        if status == "finished":
            yield from FINISHED
        elif status.isdigit() and int(status) in STATUS_NAMES:
            yield int(status)
        else:
            known = ", ".join(f"{number} {name}" for number, name in STATUS_NAMES.items())
            raise StudyError(
                f"There is no status {status}.", f"Use finished, all, or the numbers of: {known}"
            )


def _time(option: str, text: str, whole_day: bool = False) -> datetime | None:
    """A time in UTC without a zone; of a day, its beginning, or its end."""
    if not text:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise StudyError(
            f"{option} {text} is not a date.", "Write it as 2026-11-24 or 2026-11-24T15:30 (UTC)."
        ) from error
    if whole_day and len(text) <= len("2026-11-24"):
        time += timedelta(days=1)
    return time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time
