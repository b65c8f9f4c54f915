"""Sends a test message to where alerts go: `study alert`."""

from pathlib import Path

import click

from study import config
from study.alerts.posting import name_chat, post
from study.heroku.app import fetch_app, read_spec
from study.heroku.cli import Heroku
from study.messages import StudyError

TEST = "This is a test. Alerts about the study come like this one."


@click.command()
@click.option("--local", is_flag=True, help="Use this computer's settings, not those of the app.")
def alert(local: bool) -> None:
    """Send a test message to where alerts go."""
    folder, name = Path.cwd(), read_spec(Path.cwd()).app
    app = None if local else fetch_app(Heroku(name))
    settings = config.read(folder, app.config if app else None)
    if not (url := settings.alert_url):
        command = f"heroku config:set ALERT_URL=https://… --app {name}"
        raise StudyError("Alerts go nowhere yet.", f"Give them an address: {command}")
    chat = name_chat(url) or "the address in ALERT_URL"
    post(url, f"{settings.study.title}: {TEST}")
    print(f"A test message was sent to {chat}.")
