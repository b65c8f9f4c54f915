"""Runs the study on this computer to try it out: `study preview`."""

import contextlib
import os
import re
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

import click

from study import config
from study.config import Config
from study.libraries import INSTALL, find_missing
from study.messages import StudyError, mask_passwords

SECONDS_TO_START = 60
SECONDS_TO_STOP = 10
LOCAL_SERVER = r"(localhost|127\.0\.0\.1|\[::1\])?([:/?]|$)"  # empty: by a socket in a folder


@click.command()
@click.option("--port", type=int, help="Port to listen on if the usual one is busy.")
@click.option("--browser/--no-browser", default=True, help="Open the link in the browser.")
def preview(port: int | None, browser: bool) -> None:
    """Try the study on this computer. Needs no setup; data go to participants.db."""
    refuse_what_is_online(config.read(Path.cwd()))
    if port:
        os.environ["PSITURK_PORT"] = str(port)
    os.environ |= {"STUDY_PREVIEW": "1", "PSITURK_THREADS": "1", "PSITURK_ERRORLOG": "-"}
    os.environ["PYTHONUNBUFFERED"] = "1"  # the server's output appears at once, and only once
    with serving(config.load()) as address:
        print(f'\nThe study:  {address}    (there, choose "Try the study")')
        print("Edits in templates/ and static/ appear when you reload the page. After an edit in")
        print("config.txt or custom.py, press Ctrl-C and start the preview again.\n", flush=True)
        if missing := find_missing(Path.cwd()):
            print(f"The task lacks a library: {missing}.\nFetch it: {INSTALL}\n", flush=True)
        if browser and sys.stdout.isatty():
            webbrowser.open(address)
        signal.pause()


def refuse_what_is_online(settings: Config) -> None:
    """Raise StudyError if psiTurk would behave as on Heroku, or write to another computer."""
    for name in ("ON_CLOUD", "ON_HEROKU"):  # psiTurk reads either, whatever its value
        if name in settings.environment:
            cause = f"psiTurk would use its settings for the cloud: {settings.origin(name)} is set."
            remedy = f"Remove it, then try again. In a terminal: unset {name}"
            raise StudyError(cause, remedy)
    url = settings.value("Database Parameters", "database_url")
    server = url.partition("://")[2].rpartition("@")[2]
    if not url.startswith("sqlite") and not re.match(LOCAL_SERVER, server):
        place = f"{mask_passwords(url)} ({settings.source('Database Parameters', 'database_url')})"
        raise StudyError(
            f"The database is on another computer: {place}. A preview would write test data to it.",
            "Remove that setting, then try again.",
        )


@contextlib.contextmanager
def serving(settings: Config) -> Iterator[str]:
    """Run the server in a process of its own; yield its address once it answers.

    Ctrl-C and a closed terminal end the body without a traceback. Raises StudyError if the port
    is busy or the server does not start.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # raises KeyboardInterrupt
    host, port = settings.study.host, settings.study.port
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
        cause = f"Port {port} on {host} is busy: perhaps another preview is still running."
        remedy = f"Stop it, or use another port: `uv run study preview --port {port + 1}`."
        raise StudyError(cause, remedy)
    address = f"http://{host}:{port}"
    # Out of reach of Ctrl-C, which it would get beside the SIGTERM below and print a traceback.
    server = subprocess.Popen([sys.executable, "-m", "study.server"], start_new_session=True)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            wait_until_it_answers(server, address)
            yield address
            return  # the body came to its end by itself
    finally:
        server.terminate()
        try:
            server.wait(SECONDS_TO_STOP)  # it finishes its running requests
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            server.kill()
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
