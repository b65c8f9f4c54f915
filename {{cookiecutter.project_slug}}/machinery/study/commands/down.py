"""Ends the study on Heroku, or pauses it: `study down`.

Destroying the app destroys its database and the backups that Heroku keeps of it. So the
data are first brought here, and counted; nothing is destroyed while that has not worked.
"""

import re
import sys
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select

from study import config
from study.database.reader import Participants, open_participants
from study.errors import StudyError
from study.export import Source, download, read_key
from study.heroku.app import App, look
from study.heroku.cli import Heroku, problem
from study.heroku.wanted import DYNO_PRICE, PLAN_PRICES, PRICES_CHECKED, read_wanted


def run_down(folder: Path, pause: bool, confirmed: str) -> None:
    """End or pause the app. ``confirmed`` is its name, for use without a terminal.

    Raises StudyError if there is no such app, if it is not confirmed, or if the data could not
    be brought here; then the app is as it was.
    """
    name = read_wanted(folder).app
    heroku = Heroku(name)
    app, _ = look(heroku)
    if not app:
        raise StudyError(f"There is no app {name} on Heroku.", "Nothing is left to take down.")
    if pause:
        return pause_app(heroku, app)
    if not confirmed and not sys.stdin.isatty():
        raise StudyError(
            "This would destroy the app, and nobody is here to confirm it.",
            f"To confirm it: uv run study down --app {name}",
        )
    refuse_other_name(confirmed or name, name)
    out = folder / "data" / f"{name}-{datetime.now():%Y-%m-%d-%H%M%S}"
    settings = config.read(folder, app.config)
    participants = open_participants(settings)
    before = fingerprint(participants)
    try:
        save(heroku, app, Source.of(settings), out, read_key(folder))
    except StudyError as error:
        raise StudyError(error.cause, error.remedy, "Nothing was destroyed.") from error
    database = ", its database and the backups Heroku keeps of it" if app.databases else ""
    print(f"\nThis destroys the app {name}, its address, its settings and secrets{database}.")
    print(cost(app))
    refuse_other_name(confirmed or input("Type the app's name to destroy it: ").strip(), name)
    if fingerprint(participants) != before:
        raise StudyError(
            "Participants were at work meanwhile, so the download is no longer complete.",
            "Pause the study first (uv run study down --pause), then run this again.",
            f"Nothing was destroyed. What was downloaded is in {out}",
        )
    participants.engine.dispose()
    answer = heroku.on_app("apps:destroy", "--confirm", name)
    if look(heroku)[0]:
        raise problem(answer, f"destroying {name}")
    print(f"The app {name} is gone. The data are in {out}")


def pause_app(heroku: Heroku, app: App) -> None:
    """Stop the web dynos. Raises StudyError if they are still wanted afterwards."""
    answer = heroku.on_app("ps:scale", "web=0")
    if not re.search(r"(^|\s)web=0\b", heroku.read_on_app("ps:scale").out):
        raise problem(answer, "stopping the server")
    print(f"Paused: nobody can take part, and the server costs nothing.\n{cost(app, paused=True)}")
    print(f"To go on: heroku ps:scale web=1 --app {heroku.app}")


def save(heroku: Heroku, app: App, source: Source, out: Path, key: bytes) -> None:
    """Bring a backup and every participant's data into a folder. Raises StudyError."""
    report = download(source, out, key)
    if report is None:
        return print("Nobody has opened the study, so there are no data to keep.")
    print(report)
    if app.databases:
        print("  taking a backup ...")
        backup = out / "backup.dump"
        answer = heroku.on_app("pg:backups:capture", seconds=1800)
        if not answer.code:
            answer = heroku.on_app("pg:backups:download", "--output", str(backup), seconds=1800)
        # The first bytes of pg_dump's custom format.
        if not backup.exists() or backup.read_bytes()[:5] != b"PGDMP":
            raise problem(answer, "taking a backup")
        backup.chmod(0o600)
        print(f"The whole database is in {backup} (pg_restore reads it).")


def cost(app: App, paused: bool = False) -> str:
    """What stops costing money or, after a pause, what goes on."""
    databases = [addon["plan"]["name"] for addon in app.databases]
    dynos = [] if paused else [f"{dyno['size']} dyno" for dyno in app.web_dynos]
    known = PLAN_PRICES | {"Basic dyno": DYNO_PRICE}
    lines = [f"  {what}, {known.get(what, '?')} USD a month" for what in (*dynos, *databases)]
    verb = "Still costs" if paused else "Stops costing"
    return "\n".join([f"{verb} (prices of {PRICES_CHECKED}):", *(lines or ["  nothing"])])


def fingerprint(participants: Participants) -> tuple:
    """Something that changes with every arrival, every save and every step of a participant."""
    if participants.table is None:
        return ()
    columns = participants.table.c
    size = func.sum(func.length(columns.datastring))
    with participants.snapshot() as connection:
        counts = select(func.count(), func.sum(columns.status), size)
        return tuple(connection.execute(counts).one())


def refuse_other_name(typed: str, name: str) -> None:
    if typed != name:
        raise StudyError(
            f"{typed!r} is not the name of this study's app, {name}.", "Nothing was destroyed."
        )
