"""Let robots take part in the study on this computer: `study try`.

It starts a server of its own with a database of its own, data/simulated/participants.db, so that no
robot meets a participant's record, whatever the settings of this machine say.
"""

import sys
import time
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import click

from study.commands.preview import serving_apart
from study.messages import StudyError, pluralize
from study.robots.browser import (
    NO_BROWSER,
    describe_download,
    download,
    has_browser,
    is_playwright_installed,
)
from study.robots.crowd import Venue, plan_crowd, plan_tour, send_robots
from study.robots.data import (
    DATABASE,
    FOLDER,
    PICTURES,
    SHEET,
    clean,
    database_url,
    fill_in,
    write_data,
)
from study.robots.report import Report
from study.robots.sheet import write_sheet

SPEED = 20  # of the clock in the robots' pages
ROUNDS = 3  # of robots, until each condition was given
# Conditions are given equally, whatever config.txt says, so that few robots meet all.
EQUAL = {"PSITURK_CONDITION_TARGETS": "1000000", "PSITURK_CONDITION_WEIGHTS": "1"}


@click.command("try")
@click.option("--participants", type=click.IntRange(min=1), help="So many in all, with mishaps.")
@click.option(
    "--speed",
    type=click.FloatRange(1, 50),
    default=SPEED,
    show_default=True,
    help="How much faster than a real one a page's clock runs.",
)
@click.option("--clean", "cleans", is_flag=True, help="Delete everything that robots have left.")
def try_out(participants: int | None, speed: float, cleans: bool) -> bool:
    """Let robots take part in every condition, in a real browser.

    Exits with 1 if a condition cannot be finished or data are lost. All is in data/simulated, apart
    from the data of participants.
    """
    if cleans:
        print(f"Deleted {pluralize(clean(Path.cwd()), 'file')} of robots.")
        return True
    offer_browser()
    report = try_study(Path.cwd(), participants or 0, speed)
    print(f"\n{report}\n\nEvery page: {report.folder / SHEET}")
    print(f"Their data, as `study data` would write them: {report.folder}")
    print("To delete all of it: uv run study try --clean")
    return report.is_fine


def offer_browser() -> None:
    """Offer to download a browser if there is none. Raises StudyError if there is none then."""
    if has_browser():
        return
    if sys.platform == "win32":
        cause = "Robots visit the study's server, which runs on Linux and macOS only."
        raise StudyError(cause, "On Windows, use WSL (learn.microsoft.com/windows/wsl).")
    if not is_playwright_installed():
        remedy = "Run: uv add --dev 'psiturk-heroku-machinery[robots]'"
        raise StudyError("Robots need the package playwright, which is not installed.", remedy)
    if sys.stdin.isatty():
        name = describe_download()
        if click.confirm(f"No Chromium, Chrome or Edge was found. Download {name}?"):
            download()
            if has_browser():
                return
    raise NO_BROWSER


def try_study(folder: Path, participants: int = 0, speed: float = SPEED) -> Report:
    """Let a robot take part in each condition of the study in the current folder.

    With ``participants``, robots with mishaps follow until there are so many in all. What an
    earlier run has left is replaced. Raises StudyError if the server or the browser does not start.
    """
    clean(folder)
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    with serving_apart(database_url(folder), **EQUAL) as (address, key, found):
        venue, settings = Venue(address, key, folder), found.study
        cells = list(product(range(settings.num_conds), range(settings.num_counters)))
        report = Report(cells, FOLDER)
        send_tour(report, venue, speed)
        if participants > len(report.tour):
            send_crowd(report, venue, participants - len(report.tour), speed)
    if participants > len(report.tour) and report.can_be_finished and not report.crowd:
        raise StudyError("Interrupted, so the crowd says nothing.", "Run the same command again.")
    if (folder / FOLDER / DATABASE).exists():
        write_data(folder)
    write_sheet(report, settings.title, folder / FOLDER / SHEET)
    return report


def send_tour(report: Report, venue: Venue, speed: float) -> None:
    """Send robots until each condition was given, or would never be."""
    pictures = venue.folder / FOLDER / PICTURES
    for _ in range(ROUNDS):
        if not (missing := len(report.unreached)):
            return
        plans = plan_tour(missing, speed, pictures, first=len(report.tour))
        with progress(
            f"{pluralize(len(plans), 'robot')}, one for each condition", len(plans)
        ) as tell:
            report.tour += send_robots(venue, plans, tell)
        write_data(venue.folder)
        fill_in(report.tour, venue.folder)
        if not any(outcome.ending == "finished" for outcome in report.tour):
            return


def send_crowd(report: Report, venue: Venue, number: int, speed: float) -> None:
    if not report.can_be_finished:
        print("The crowd stays at home until one robot can finish each condition.")
        return
    begun = time.monotonic()
    with progress(f"A crowd of {number}", number) as tell:
        report.crowd = send_robots(venue, list(plan_crowd(number, speed, report.tour)), tell)
    report.crowd_seconds = time.monotonic() - begun
    write_data(venue.folder)
    fill_in(report.crowd, venue.folder)


@contextmanager
def progress(label: str, length: int):
    """Show how many robots have come to their end; yields the function that counts one."""
    print(f"{label} ...", flush=True)
    with click.progressbar(length=length, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        yield lambda: bar.update(1)
