"""The study's server on this computer, in a process of its own, and its restarts after changes."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from study.config import Config
from study.messages import StudyError

SECONDS_TO_START = 60
SECONDS_TO_STOP = 10
SECONDS_TO_RESTART = 0.5  # for running requests; the page sends again what is not stored
SECONDS_BETWEEN_LOOKS = 0.25
READ_AT_START = ("config.txt", "conditions.json", "excluded.txt", ".env", "*.py")


class LocalServer:
    """``python -m study.server``, started with an environment.

    ``known`` are the files that it has read, as ``look`` returns them.
    """

    def __init__(self, settings: Config, environment: Mapping[str, str]) -> None:
        self._place, self._environment = (settings.study.host, settings.study.port), environment
        self.address = "http://{}:{}".format(*self._place)

    def start(self) -> None:
        """Return once the server answers. Raises StudyError if it does not start."""
        self.known = look()  # before it reads them
        # Out of reach of Ctrl-C, which it would get beside SIGTERM and print a traceback.
        command = [sys.executable, "-m", "study.server"]
        self._process = subprocess.Popen(command, env=self._environment, start_new_session=True)
        wait_until_it_answers(self._process, self.address)

    def stop(self, seconds: float = SECONDS_TO_STOP) -> None:
        """End the server, which has that long to finish its running requests."""
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            self._process.wait(seconds)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def refuse_busy_port(self) -> None:
        """Raise StudyError if somebody listens there."""
        host, port = self._place
        with contextlib.suppress(OSError), socket.create_connection(self._place, timeout=1):
            cause = f"Port {port} on {host} is busy: perhaps another preview is still running."
            remedy = f"Stop it, or use another port: `uv run study preview --port {port + 1}`."
            raise StudyError(cause, remedy)

    def find_mistake(self) -> str:
        """Return why the server would not start with the files as they are; empty if it would."""
        command = [sys.executable, "-m", "study.server", "check"]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True)
        told = done.stderr.strip() or f"The server would end with {done.returncode}."
        # Of a mistake that is not the researcher's, what went wrong comes last.
        told = told.rpartition("\n")[2] if "Traceback" in told else told
        return told if done.returncode else ""


@contextlib.contextmanager
def running(settings: Config, environment: Mapping[str, str]) -> Iterator[LocalServer]:
    """Run the server until the body ends.

    Ctrl-C and a closed terminal end the body without a traceback. Raises StudyError if the port
    is busy or the server does not start.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # raises KeyboardInterrupt
    server = LocalServer(settings, environment)
    server.refuse_busy_port()
    try:
        with contextlib.suppress(KeyboardInterrupt):
            server.start()
            yield server
            return  # the body came to its end by itself
    finally:
        server.stop()
    print("\nStopped.", flush=True)


def wait_until_it_answers(server: subprocess.Popen, address: str) -> None:
    """Return once the front page is served. Raises StudyError if the server does not start."""
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline and server.poll() is None:
        try:
            return urllib.request.urlopen(address, timeout=5).close()
        except urllib.error.HTTPError:  # an answer, too: a front page of the study's own may fail
            return None
        except OSError:
            pass
        time.sleep(0.05)
    raise StudyError("The server did not start.", "The lines above say why.")


def restart_on_changes(server: LocalServer, find_mistake: Callable[[], str], notice: Path) -> None:
    """Restart the server whenever a file has changed that it reads at its start only.

    A mistake there is printed and written to ``notice``, for the pages to show; the server goes on
    as it is until the mistake is mended. Runs until interrupted.
    """
    while True:
        time.sleep(SECONDS_BETWEEN_LOOKS)
        if (now := look()) == server.known:
            continue
        names = " and ".join(sorted({path.name for path, _ in server.known ^ now}))
        server.known, mistake = now, find_mistake()
        notice.write_text(mistake, encoding="utf-8")
        if mistake:
            print_line(f"MISTAKE  {mistake}\nThe server goes on as it was until that is mended.")
        else:
            restart(server, names)


def restart(server: LocalServer, names: str) -> None:
    """Start the server again after a change of these files."""
    server.stop(SECONDS_TO_RESTART)
    try:
        server.start()
    except StudyError as error:  # the server has printed why
        print_line(f"{error} It is tried again when a file changes.")
    else:
        print_line(f"{names} changed: the server has started again.")


def print_line(text: str) -> None:
    """Print a text with the time before it, as the server does."""
    indented = text.replace("\n", "\n" + " " * 10)
    print(f"{datetime.now():%H:%M:%S}  {indented}", flush=True)


def look() -> set[tuple[Path, tuple[int, int]]]:
    """Return the files that the server reads at its start, with their times and sizes."""
    found = set()
    for path in (path for pattern in READ_AT_START for path in Path().glob(pattern)):
        with contextlib.suppress(OSError):  # an editor may be replacing it
            status = path.stat()
            found.add((path, (status.st_mtime_ns, status.st_size)))
    return found
