"""Runs the study on this computer to try it out: `study preview`."""

import contextlib
import os
import re
import secrets
import socket
import sys
import tempfile
import webbrowser
from collections.abc import Iterator
from pathlib import Path

import click

from study import config
from study.commands.local_server import LocalServer, restart_on_changes, running
from study.config import Config
from study.libraries import INSTALL, find_missing
from study.messages import StudyError, mask_passwords

LOCAL_SERVER = r"(localhost|127\.0\.0\.1|\[::1\])?([:/?]|$)"  # empty: by a socket in a folder


@click.command()
@click.option("--port", type=int, help="Port to listen on if the usual one is busy.")
@click.option("--browser/--no-browser", default=True, help="Open the link in the browser.")
def preview(port: int | None, browser: bool) -> None:
    """Try the study on this computer. Needs no setup; data go to participants.db."""
    if port:
        os.environ["PSITURK_PORT"] = str(port)
    settings = config.read(Path.cwd())
    refuse_what_is_online(settings)
    with tempfile.TemporaryDirectory(prefix="preview-") as folder:
        notice = Path(folder, "mistake")
        # The port stays, whatever config.txt says later. Output appears at once, and only once.
        environment = {"PSITURK_PORT": str(settings.study.port), "PYTHONUNBUFFERED": "1"}
        environment |= {"STUDY_PREVIEW": "1", "STUDY_PREVIEW_NOTICE": str(notice)}
        environment |= {"PSITURK_THREADS": "1", "PSITURK_ERRORLOG": "-"}
        with running(settings, os.environ | environment) as server:
            print(f'\nThe study:  {server.address}    (there, choose "Try the study")')
            print("Changes in templates/ and static/ show when you reload the page; after one in")
            print("config.txt or custom.py the server restarts. Mistakes are told here and on the")
            print("page. Ctrl-C ends the preview.\n", flush=True)
            if missing := find_missing(Path.cwd()):
                print(f"The task lacks a library: {missing}.\nFetch it: {INSTALL}\n", flush=True)
            if browser and sys.stdout.isatty():
                webbrowser.open(server.address)
            restart_on_changes(server, lambda: find_mistake(server), notice)


def find_mistake(server: LocalServer) -> str:
    """Return why the preview cannot go on with the files as they are; empty if it can."""
    try:
        refuse_what_is_online(config.read(Path.cwd()))
    except StudyError as error:
        return str(error)
    return server.find_mistake()


@contextlib.contextmanager
def serving(settings: Config) -> Iterator[str]:
    """Run the server in a process of its own; yield its address. Raises as ``running`` does."""
    with running(settings, os.environ) as server:
        yield server.address


@contextlib.contextmanager
def serving_apart(database_url: str, **variables: str) -> Iterator[tuple[str, str, Config]]:
    """Serve the study with a database of its own, whatever the settings of this machine say.

    Yields its address, its secret key and the settings. Raises as ``running`` does.
    """
    key, before = secrets.token_hex(32), dict(os.environ)
    for name in config.CLOUD:
        os.environ.pop(name, None)
    with socket.create_server(("localhost", 0)) as taken:
        port = taken.getsockname()[1]
    os.environ |= variables | {
        "PSITURK_SECRET_KEY": key,
        "PSITURK_DATABASE_URL": database_url.replace("%", "%%"),
        "PSITURK_THREADS": "1",
        "PSITURK_ERRORLOG": "-",
        "PSITURK_HOST": "localhost",
        "PSITURK_PORT": str(port),
    }
    try:
        settings = config.load()
        with serving(settings) as address:
            yield address, key, settings
    finally:
        os.environ.clear()
        os.environ |= before


def refuse_what_is_online(settings: Config) -> None:
    """Raise StudyError if psiTurk would behave as on Heroku, or write to another computer."""
    for name in config.CLOUD:
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
