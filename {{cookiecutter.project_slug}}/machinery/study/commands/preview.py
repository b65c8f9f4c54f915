"""Runs the study on this machine, to try it out: `study preview` and `study dashboard`."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import make_url

from study import config
from study.config import Config
from study.errors import StudyError
from study.server import dashboard

SECONDS_TO_START = 60
SECONDS_TO_STOP = 10


def preview(port: int | None = None, open_browser: bool = False) -> None:
    """Serve the study until Ctrl-C, and print a link by which to take part.

    Raises StudyError if the environment holds settings of a server in the cloud, if the
    port is taken, or if the server does not start.
    """
    refuse_cloud_settings(config.read(Path.cwd()))
    if port:
        os.environ["PSITURK_PORT"] = str(port)
    os.environ |= {"STUDY_PREVIEW": "1", "PSITURK_THREADS": "1", "PSITURK_ERRORLOG": "-"}
    os.environ["PYTHONUNBUFFERED"] = "1"  # what the server prints is seen at once, and once
    settings = config.load()
    refuse_remote_database(settings)
    with ending_quietly(), serving(settings) as address:
        print(f'\nThe study:  {address}    (there, choose "Try the study")')
        print("Edits to templates/ and static/ show when you reload the page; after one to")
        print("config.txt or custom.py, stop this with Ctrl-C and start it again.\n", flush=True)
        if open_browser:
            webbrowser.open(address)
        wait()


def show_dashboard(port: int, scheduler: bool) -> None:
    """Serve psiTurk's dashboard until Ctrl-C. Raises StudyError as `preview` does."""
    password = dashboard.prepare_environment(port, scheduler)
    os.environ["PSITURK_ERRORLOG"] = "-"
    with ending_quietly(), serving(config.load()) as address:
        print(f"\nDashboard:  {address}/dashboard/   name: researcher   password: {password}")
        print("Ctrl-C stops it.", flush=True)
        wait()


def refuse_cloud_settings(settings: Config) -> None:
    """Raise StudyError if ON_CLOUD, which makes psiTurk behave as on Heroku, is set."""
    for name in ("ON_CLOUD", "ON_HEROKU"):  # psiTurk reads either, whatever its value
        if name in settings.environment:
            raise StudyError(
                f"psiTurk would use its settings for the cloud: {settings.origin(name)} is set.",
                f"Remove it, then try again. In a terminal: unset {name}",
            )


def refuse_remote_database(settings: Config) -> None:
    """Raise StudyError if the preview would write into a database on another machine."""
    url = make_url(settings.value("Database Parameters", "database_url"))
    local = (None, "", "localhost", "127.0.0.1", "::1")
    if url.drivername.startswith("sqlite") or url.host in local:
        return
    source = settings.source("Database Parameters", "database_url")
    raise StudyError(
        f"The database is on another machine: {url.render_as_string()} ({source}). "
        "A preview would write test data into it.",
        "Remove that setting, then try again.",
    )


@contextlib.contextmanager
def serving(settings: Config) -> Iterator[str]:
    """Run the server as a process of its own; gives its address once it answers."""
    host, port = settings.study.host, settings.study.port
    refuse_busy_port(host, port)
    address = f"http://{host}:{port}"
    # Out of reach of Ctrl-C: `stop` ends it once, where two signals at once leave a traceback.
    server = subprocess.Popen([sys.executable, "-m", "study.server"], start_new_session=True)
    try:
        wait_until_it_answers(server, address)
        yield address
    finally:
        stop(server)


def refuse_busy_port(host: str, port: int) -> None:
    """Raise StudyError if something already listens there."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
        raise StudyError(
            f"Port {port} on {host} is busy: perhaps another preview is still running.",
            f"Stop it, or use another port: `uv run study preview --port {port + 1}`.",
        )


def wait_until_it_answers(server: subprocess.Popen, address: str) -> None:
    """Return when the front page is served; raise StudyError if that does not happen."""
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(urllib.error.URLError, OSError):
            urllib.request.urlopen(address, timeout=5).close()
            return
        time.sleep(0.05)
    raise StudyError(
        "The server did not start.",
        "The lines above say why.",
    )


@contextlib.contextmanager
def ending_quietly() -> Iterator[None]:
    """Ends what is inside, in one line, at Ctrl-C or when the terminal is closed."""

    def end(*_):
        raise KeyboardInterrupt

    for asked_to_end in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(asked_to_end, end)
    try:
        yield
    except KeyboardInterrupt:
        print("\nStopped.", flush=True)


def wait() -> None:
    """Wait for ever."""
    while True:
        time.sleep(3600)


def stop(server: subprocess.Popen) -> None:
    """End the server: kindly first, so that running requests can finish."""
    server.terminate()
    try:
        server.wait(SECONDS_TO_STOP)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        server.kill()
