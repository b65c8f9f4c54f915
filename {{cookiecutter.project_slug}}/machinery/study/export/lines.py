"""The lines of one file in the making, and what their columns hold."""

from study.export.column_stats import Observed
from study.export.csv_format import as_csv

ROWS_AT_ONCE = 1000  # so few that they are still in the processor's cache


class Lines:
    """Rows of one width, all of which begin with a participant."""

    def __init__(self, width: int):
        self.rows = self.longest = 0
        self.observed = [Observed() for _ in range(width)]
        self.observed[0] = Observed(kinds={"text"}, values=None)
        self._texts: list[bytes] = []
        self._waiting: list[tuple] = []

    def add(self, rows: list[tuple]) -> None:
        """Add rows."""
        self._waiting += rows
        if len(self._waiting) >= ROWS_AT_ONCE:
            self._write()

    def end(self) -> bytes:
        """All lines. Only now everything is counted and observed."""
        self._write()
        return b"".join(self._texts)

    def _write(self) -> None:
        rows, self._waiting = self._waiting, []
        columns = zip(*rows, strict=False)  # shorter while keys are learnt
        next(columns, None)  # the participants
        observed = zip(self.observed[1:], columns, strict=False)
        missing = sum(column.add(cells) for column, cells in observed)
        text = as_csv(rows, missing)
        self._texts.append(text)
        self.rows += len(rows)
        self.longest = max(self.longest, len(text))
