"""The lines of one file in the making, and what their columns hold."""

from study.download.cells import as_csv
from study.download.observed import Observed

ROWS_AT_ONCE = 1000  # so few that they are still in the processor's cache


class Lines:
    """Rows of one width, all of which begin with a participant."""

    def __init__(self, width: int):
        self.rows = self.longest = 0
        self._observed = [Observed() for _ in range(width)]
        self._observed[0] = Observed(kinds={"text"}, values=None)
        self._texts: list[bytes] = []
        self._waiting: list[tuple] = []

    def add(self, rows: list[tuple]) -> None:
        """Add rows, or none of them. Raises ValueError or RecursionError as `as_csv` does."""
        text = as_csv(rows)
        self._texts.append(text)
        self.rows += len(rows)
        self.longest = max(self.longest, len(text))
        self._waiting += rows
        if len(self._waiting) >= ROWS_AT_ONCE:
            self._observe()

    @property
    def text(self) -> bytes:
        """The lines."""
        return b"".join(self._texts)

    @property
    def observed(self) -> list[Observed]:
        """What each column holds."""
        self._observe()
        return self._observed

    def _observe(self) -> None:
        columns = zip(*self._waiting, strict=False)  # shorter while keys are learnt
        next(columns, None)  # the participants
        for column, cells in zip(self._observed[1:], columns, strict=False):
            column.add(cells)
        self._waiting = []
