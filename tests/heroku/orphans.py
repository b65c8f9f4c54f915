"""No process outlives the test run, not even one that is killed.

Dynos and databases are told of here. A small guardian waits on a pipe that only this process
holds open; when the pipe closes with something still running, the guardian ends it.
"""

from __future__ import annotations

import atexit
import functools
import subprocess
import sys
import threading

GUARDIAN = """
import os, signal, sys, time
groups = set()
for line in sys.stdin:
    (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
for number in (signal.SIGTERM, signal.SIGKILL):
    for group in groups:
        try:
            os.killpg(group, number)
        except ProcessLookupError:
            pass
    time.sleep(1 if groups else 0)
"""
_lock = threading.Lock()


@functools.cache
def _guardian() -> subprocess.Popen[str]:
    guardian = subprocess.Popen(
        [sys.executable, "-S", "-c", GUARDIAN],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,  # Ctrl-C ends the tests, and the guardian sees to the rest
    )
    atexit.register(guardian.communicate)  # closes the pipe and waits
    return guardian


def guard(group: int) -> None:
    """This process group shall end with the test run."""
    _tell(f"+{group}")


def release(group: int) -> None:
    """It has ended; from now on the number may be somebody else's."""
    _tell(f"-{group}")


def _tell(line: str) -> None:
    with _lock:
        pipe = _guardian().stdin
        pipe.write(line + "\n")
        pipe.flush()
