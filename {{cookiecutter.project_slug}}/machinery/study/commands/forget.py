"""Deletes what config.txt promises to keep no longer: `study forget`."""

from datetime import UTC, datetime
from pathlib import Path

import click

from study.commands.erase import PATH, Holdings, ask_for_yes
from study.database.erasure import clear_remains, count_rows, delete_rows
from study.erasure.files import DATA, Place, shorten
from study.erasure.removal import UNTIDY
from study.erasure.retention import (
    IDENTIFIERS,
    count_at_work,
    find_due,
    find_files,
    has_data,
    list_promises,
)
from study.export.download import download
from study.export.filters import read_filters
from study.heroku.app import fetch_app, read_spec
from study.heroku.cli import Heroku
from study.messages import StudyError, pluralize
from study.signing import read_pseudonym_key

KEPT = "kept-"  # what folders with the tables that stay begin with
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
    rows = count_rows(holdings.participants, None)
    places = list(find_files(due, holdings.downloads))
    if not rows and not places:
        return print(f"Nothing is left here of the {due}.")
    keeps = bool(rows) and due == IDENTIFIERS
    describe(due, holdings, rows, places, keeps)
    ask_for_yes("delete this for ever", agreed)
    if keeps:
        places += keep_tables(holdings)
    delete(holdings, rows, places)


def find_key(holdings: Holdings) -> Place:
    """Return the key that makes a pseudonym of an id."""
    return Place(holdings.folder / DATA / "key", "all")


def describe(
    due: str, holdings: Holdings, rows: dict[str, int], places: list[Place], keeps: bool
) -> None:
    print(f"To be deleted, the {due}:")
    for name, number in rows.items():
        print(f"{pluralize(number, 'row'):>18}  table {name}")
    for place in (*places, find_key(holdings)):
        print(place.describe(holdings.folder))
    if keeps:
        print(f"Before that, the tables without identifiers are downloaded into {DATA}/{KEPT}….")


def keep_tables(holdings: Holdings) -> list[Place]:
    """Download the data once more; return the files among them that have identifiers.

    They get a folder of their own, as those of an earlier day may hold others.
    """
    folder = holdings.folder / DATA / f"{KEPT}{datetime.now():%Y-%m-%d-%H%M%S}"
    key = read_pseudonym_key(holdings.folder)
    print(download(holdings.participants, folder, key, read_filters()))
    return list(find_files(IDENTIFIERS, {path: folder for path in folder.iterdir()}))


def delete(holdings: Holdings, rows: dict[str, int], places: list[Place]) -> None:
    """Delete the rows, the files and, as the last, the key of the pseudonyms; say what is left."""
    if rows:
        delete_rows(holdings.participants, None, holdings.key)
    for place in (*places, find_key(holdings)):
        place.remove(())
    print("\nDeleted. Not reached:")
    if rows and not clear_remains(holdings.participants):
        print(f"  {UNTIDY}")
    for path in holdings.downloads:
        if path.exists() and not has_data(path):
            print(f"  {shorten(path, holdings.folder)}, if it has data of participants")
    for line in holdings.describe_unreached():
        print(f"  {line}")
