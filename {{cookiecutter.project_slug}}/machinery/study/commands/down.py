"""End the study on Heroku, or pause it: `study down`.

Destroying the app destroys its database and Heroku's backups of it. So the data are first
downloaded and counted; nothing is destroyed until that has worked.
"""

import sys
from datetime import datetime
from pathlib import Path

import click
from sqlalchemy import func, select

from study import config
from study.database.reader import Participants, open_participants
from study.export.download import download
from study.heroku.app import PLANS, AppState, fetch_app, find_price, read_spec
from study.heroku.cli import Heroku, problem
from study.heroku.hosting import scale
from study.messages import StudyError
from study.signing import read_pseudonym_key

SECONDS_FOR_BACKUP = 1800
DUMP = b"PGDMP"  # the first bytes of pg_dump's custom format


@click.command()
@click.option("--pause", is_flag=True, help="Only stop the server; the app and its data stay.")
@click.option("--app", "confirmed", help="The app's name, to confirm without being asked.")
def down(pause: bool, confirmed: str | None) -> None:
    """Download everything, then destroy the app and its database."""
    folder = Path.cwd()
    name = read_spec(folder).app
    heroku = Heroku(name)
    app = fetch_app(heroku)
    if not app:
        raise StudyError(f"There is no app {name} on Heroku.", "Nothing is left to take down.")
    if pause:
        return pause_app(heroku, app)
    if not confirmed and not sys.stdin.isatty():
        cause = "This would destroy the app, and there is no terminal to confirm it in."
        remedy = f"To confirm it: uv run study down --app {name}"
        raise StudyError(cause, remedy)
    refuse_other_name(confirmed or name, name)
    out = folder / "data" / f"{name}-{datetime.now():%Y-%m-%d-%H%M%S}"
    participants = open_participants(config.read(folder, app.config))
    before = fingerprint(participants)
    try:
        save(heroku, app, participants, out, read_pseudonym_key(folder))
    except StudyError as error:
        raise StudyError(error.cause, error.remedy, "Nothing was destroyed.") from error
    database = ", its database and the backups Heroku keeps of it" if app.databases else ""
    print(f"\nThis destroys the app {name}, its address, its settings and secrets{database}.")
    print(describe_cost("Stops costing", app, with_dynos=True))
    refuse_other_name(confirmed or input("Type the app's name to destroy it: ").strip(), name)
    if fingerprint(participants) != before:
        raise StudyError(
            "Participants were at work meanwhile, so the download is no longer complete.",
            "Pause the study first (uv run study down --pause), then run this again.",
            f"Nothing was destroyed. What was downloaded is in {out}",
        )
    participants.engine.dispose()
    result = heroku.run("apps:destroy", "--confirm", name)
    if fetch_app(heroku):
        raise problem(result, f"destroying {name}")
    print(f"The app {name} is gone. The data are in {out}")


def pause_app(heroku: Heroku, app: AppState) -> None:
    """Stop the web dynos. Raises StudyError if they are still scaled up afterwards."""
    scale(heroku, 0)
    print("Paused: nobody can take part, and the server costs nothing.")
    print(describe_cost("Still costs", app, with_dynos=False))
    print(f"To go on: heroku ps:scale web=1 --app {heroku.app}")


def save(heroku: Heroku, app: AppState, participants: Participants, out: Path, key: bytes) -> None:
    """Bring a backup and every participant's data into a folder. Raises StudyError."""
    report = download(participants, out, key)
    if report is None:
        return print("Nobody has opened the study, so there are no data to keep.")
    print(report)
    if app.databases:
        print("  taking a backup ...")
        backup = out / "backup.dump"
        result = heroku.run("pg:backups:capture", seconds=SECONDS_FOR_BACKUP)
        if not result.exit_code:
            fetch = ("pg:backups:download", "--output", str(backup))
            result = heroku.run(*fetch, seconds=SECONDS_FOR_BACKUP)
        if not backup.exists() or backup.read_bytes()[: len(DUMP)] != DUMP:
            raise problem(result, "taking a backup")
        backup.chmod(0o600)
        print(f"The whole database is in {backup} (pg_restore reads it).")


def describe_cost(verb: str, app: AppState, with_dynos: bool) -> str:
    """List the prices of the app's databases and, if asked for, of its dynos."""
    items = [(f"{dyno['size']} dyno", dyno["size"]) for dyno in app.web_dynos if with_dynos]
    items += [(database.plan, database.plan) for database in app.databases]
    lines = [f"  {words}, {find_price(item) or '?'} USD a month" for words, item in items]
    return "\n".join([f"{verb} (prices of {PLANS['checked']}):", *(lines or ["  nothing"])])


def fingerprint(participants: Participants) -> tuple:
    """Something that changes with every arrival, every save and every step of a participant."""
    if participants.table is None:
        return ()
    columns = participants.table.c
    size = func.sum(func.length(columns.datastring))
    entries = participants.own_table("study_entries")
    with participants.snapshot() as connection:
        counts = select(func.count(), func.sum(columns.status), size)
        found = tuple(connection.execute(counts).one())
        if entries is not None:
            found += tuple(connection.execute(select(func.sum(entries.c.size))).one())
        return found


def refuse_other_name(typed: str, name: str) -> None:
    """Raise StudyError if this is not the app's name."""
    if typed != name:
        cause = f"{typed!r} is not the name of this study's app, {name}."
        raise StudyError(cause, "Nothing was destroyed.")
