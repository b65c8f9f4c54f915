"""Deletes what config.txt promises to keep no longer: `study forget`."""

from datetime import UTC, datetime
from pathlib import Path

import click

from study.commands.erase import PATH, Holdings, ask_for_yes
from study.database.erasure import clear_remains, count_rows, delete_rows
from study.erasure.files import DATA, Place, find_others
from study.erasure.removal import UNTIDY
from study.erasure.retention import (
    IDENTIFIERS,
    count_at_work,
    find_due,
    find_files,
    list_promises,
)
from study.export.download import download
from study.export.filters import read_filters
from study.heroku.app import fetch_app, read_spec
from study.heroku.cli import Heroku
from study.messages import StudyError, pluralize
from study.signing import read_pseudonym_key

EXAMPLE = "retention = 2027-12-31, in section [Study]"


@click.command()
@click.option("--local", is_flag=True, help="Use the data on this computer, not those of the app.")
@click.option("--files", multiple=True, type=PATH, help="Another folder with downloads.")
@click.option("--yes", "agreed", is_flag=True, help="Delete without asking.")
def forget(local: bool, files: tuple[Path, ...], agreed: bool) -> None:
    """Delete what the study promised to keep no longer.

    Of the days in config.txt that are past: identifiers first, then all data.
    """
    name = read_spec(Path.cwd()).app
    if not local and not fetch_app(Heroku(name)):
        print(f"There is no app {name} on Heroku, so this is about this computer alone.")
        local = True
    holdings = Holdings.open(local, files)
    promises = list_promises(holdings.settings.study)
    if not promises:
        cause = "config.txt does not say until when data are kept, so nothing is due."
        raise StudyError(cause, f"To say it, also on the consent page: {EXAMPLE}.")
    due = find_due(holdings.settings.study, datetime.now(UTC).date())
    if not due:
        days = "; ".join(f"{each.what} until {each.day}" for each in promises)
        return print(f"Nothing is due yet. Kept: {days}.")
    if number := count_at_work(holdings.participants):
        cause = f"{pluralize(number, 'participant')} came within the last day and may be at work."
        remedy = "Keep others out (uv run study down --pause), and run this again tomorrow."
        raise StudyError(cause, remedy, "Nothing was deleted.")
    carry_out(due, holdings, agreed)


def carry_out(due: str, holdings: Holdings, agreed: bool) -> None:
    """Show what is due, ask, delete it, and say what is left."""
    participants, folder = holdings.participants, holdings.folder
    rows = count_rows(participants, None) if participants.table is not None else {}
    places = list(find_files(due, holdings.downloads))
    if not rows and not places:
        return print(f"Nothing is left of it here: {due}.")
    print(f"To be deleted: {due}")
    for name, number in rows.items():
        print(f"{pluralize(number, 'row'):>18}  table {name}")
    print("\n".join(place.describe(folder) for place in places))
    keeps = due == IDENTIFIERS and participants.table is not None and bool(rows)
    kept = folder / DATA / f"kept-{datetime.now():%Y-%m-%d-%H%M%S}"
    if keeps:
        print(f"Before that, the data without identifiers are downloaded into {kept}.")
    ask_for_yes("delete this for ever", agreed)
    if keeps:
        print(download(participants, kept, read_pseudonym_key(folder), read_filters()))
        places += find_files(due, {path: kept for path in kept.iterdir()})
    if rows:
        delete_rows(participants, None, holdings.key)
    for place in (*places, Place(folder / DATA / "key", "all")):
        place.remove(())
    print("\nDeleted. Not reached:")
    if rows and not clear_remains(participants):
        print(f"  {UNTIDY}")
    for path in find_others(folder, [p for p in holdings.downloads if p.exists()], ())[1]:
        print(f"  {path} cannot be looked into. If it has data, delete it")
    for line in holdings.describe_unreached():
        print(f"  {line}")
