"""The figures of a running study, in one place: counts, durations, refusals, the database.

    collect(participants, settings) -> Overview

`study status`, `study watch` and the server's alerts show what is counted here, so no two of them
can differ. The database counts; nothing of a participant is read but where they stand.
"""

from study.overview.counting import collect
from study.overview.figures import Durations, Overview, Progress

__all__ = ["Durations", "Overview", "Progress", "collect"]
