"""What the kernel says of a process and all that it has started (proc(5))."""

import os
from contextlib import suppress
from pathlib import Path

TICK = 1 / os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> list[int]:
    """A process and its descendants."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:  # it has just ended
        return []
    return [pid, *(found for child in children for found in tree(int(child)))]


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its descendants, also of those that have ended."""
    return sum(map(_own_cpu_seconds, tree(pid)))


def _own_cpu_seconds(pid: int) -> float:
    try:
        line = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    # After the name, which may hold anything: utime, stime, and those of children waited for.
    return sum(map(int, line.rpartition(")")[2].split()[11:15])) * TICK


def pss(pid: int) -> float:
    """Megabytes of a process; what it shares with others counts in parts."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    (kilobytes,) = [line.split()[1] for line in lines if line.startswith("Pss:")]
    return int(kilobytes) / 1000


def pin(pid: int, cores: set[int]) -> None:
    """Keep a process, and all that it will start, on these cores."""
    for each in tree(pid):
        with suppress(ProcessLookupError):  # it may just have ended
            os.sched_setaffinity(each, cores)


def everywhere() -> set[int]:
    """All cores that this process may use."""
    return os.sched_getaffinity(0)
