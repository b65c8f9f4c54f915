"""Processes of a study that listen on a port, for tests and benchmarks."""

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests import forks


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(condition: Callable[[], object], seconds: float = 120) -> None:
    """Return when the condition holds; fail if that does not happen."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


class Server:
    """A process that serves HTTP; a context manager that ends it and all it started.

    with Server(study.path, study.python, "-m", "study.server", port=port) as server:
        server.wait()

    A study's server is forked (forks.py), unless the test is about how it ``starts`` or about the
    memory that it takes.
    """

    def __init__(
        self,
        folder: Path,
        *command: str | Path,
        port: int,
        starts: bool = False,
        **settings: str,
    ) -> None:
        self.folder, self.command, self.port = folder, [str(part) for part in command], port
        self.starts = starts
        self.settings = {"PSITURK_MINIMUM_TRIALS": "0"} | settings  # most tests do little
        self.address = f"http://127.0.0.1:{port}"
        self._output = ""

    def __enter__(self) -> "Server":
        environment = os.environ | self.settings
        is_own = self.command[1:] == forks.SERVER and forks.can_fork(self.command, environment)
        with tempfile.NamedTemporaryFile("w", prefix="server-", delete=False) as log:
            self._log = Path(log.name)
            if is_own and not self.starts:
                with open(os.devnull) as nothing:
                    files = nothing, log, log
                    self.process = forks.start(self.command, self.folder, environment, *files)
            else:
                self.process = subprocess.Popen(
                    self.command,
                    cwd=self.folder,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        return self

    def __exit__(self, *_) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(15)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._output = self.output
        self._log.unlink()

    def wait(self, seconds: float = 120) -> "Server":
        """Return when the front page is served; fail with the output if that does not happen."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(self.address, timeout=10).close()
                return self
            time.sleep(0.01)
        raise AssertionError(f"{self.command} did not serve:\n{self.output}")

    @property
    def output(self) -> str:
        """What the process has printed so far."""
        return self._log.read_text() if self._log.exists() else self._output

    def started_workers(self, number: int, seconds: float = 30) -> list[int]:
        """The process ids of the workers, once there are so many."""
        deadline = time.monotonic() + seconds
        while len(self.workers()) < number and time.monotonic() < deadline:
            time.sleep(0.05)
        # A worker that cannot start is replaced or takes the master with it; give it time to.
        time.sleep(1.5)
        return self.workers()

    def workers(self) -> list[int]:
        """The process ids of gunicorn's workers."""
        children = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        return [int(pid) for pid in Path(children).read_text().split()]


def cloud_server(
    folder: Path, python: Path, url: str, port: int = 0, *, starts: bool = False, **settings: str
) -> Server:
    """A study's server as a host in the cloud runs it, with the database at that address."""
    port = port or free_port()
    settings = {"ON_CLOUD": "1", "DATABASE_URL": url, "PORT": str(port)} | settings
    return Server(folder, python, "-m", "study.server", port=port, starts=starts, **settings)
