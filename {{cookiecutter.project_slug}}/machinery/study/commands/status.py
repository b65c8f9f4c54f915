"""Who has taken part so far, and how the server is: `study status`.

The database does the counting. Times are UTC, as psiTurk stores them on Heroku.
"""

import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import click
from sqlalchemy import ColumnElement, Row, case, func, select

from study import config
from study.database.capacity import FULL, find_share
from study.database.conditions import MINUTES_WITHOUT_SAVE
from study.database.reader import Participants, open_participants
from study.heroku.app import AppState, fetch_app, read_spec
from study.heroku.cli import Heroku
from study.messages import pluralize
from study.statuses import FINISHED, QUIT, STATUS_NAMES, UNPAID_MODES

RECENT_MINUTES = 10
DAYS = 7  # of incidents shown
# What the server counts, in the order in which participants meet it.
INCIDENTS = {
    "link-missing": "came by a link that lacked something",
    "link-malformed": "came by a link with something odd in it",
    "link-unsigned": "came by a link that this study did not make, or that was changed",
    "wrong-mode": "came by a HIT with the wrong mode in its address",
    "too-many-arrivals": "times too many came within a minute, and some had to wait for the next",
    "database-full": "were turned away because the database is nearly full",
    "preview": "looked at the study from the recruiter's side",
    "wrong-browser": "were turned away for their device or browser",
    "excluded": "were turned away because of an earlier study",
    "declined": "did not agree to take part",
    "screened-out": "were screened out",
    "left-early": "stopped by the button",
    "too-little": "came to the end with less done than a completion code is for",
    "no-proof": "asked for a record that another browser owns",
}


@click.command()
@click.option("--local", is_flag=True, help="Use the data on this computer, not those of the app.")
def status(local: bool) -> None:
    """Count participants by condition and show the server's state."""
    folder, app = Path.cwd(), None
    if not (local or config.is_database_named()):
        name = read_spec(folder).app
        app = fetch_app(Heroku(name), size=("pg:info",))
        print(f"App {name}" if app else f"There is no app {name} yet. On this machine:")
    settings = config.read(folder, app.config if app else None)
    participants = open_participants(settings)
    lines = describe_server(app) if app else [f"Database   {participants.place}"]
    if app and find_share(participants.size, app.config) >= FULL:
        lines.append("           It is nearly full, so nobody new is taken: uv run study check")
    if participants.table is None:
        lines.append(f"Nobody has opened the study yet ({participants.place}).")
    else:
        cutoff = settings.study.cutoff_minutes
        lines += describe_participants(*count_participants(participants, cutoff), cutoff)
    counts = count_incidents(participants, DAYS)
    incidents = [f"{counts[kind]:>7}  {text}" for kind, text in INCIDENTS.items() if counts[kind]]
    lines += [f"Visits of the last {DAYS} days:", *incidents] if incidents else []
    print("\n".join(lines))


def describe_server(app: AppState) -> list[str]:
    dynos = [f"{dyno['name']} {dyno['state']} ({dyno['size']})" for dyno in app.web_dynos]
    lines = [f"Server     {', '.join(dynos) or 'off: nobody can take part'}"]
    if config.is_pilot(app.config):
        lines.append("Pilot      every page says so. To go live: uv run study deploy")
    if app.plan:
        full = re.search(r"Data Size:\s*(.+)", app.answers["size"].out)
        lines.append(
            f"Database   {app.plan}, {full[1].strip() if full else 'its size is not known'}"
        )
    return lines


def count_participants(participants: Participants, cutoff: int) -> tuple[list[Row], list[float]]:
    """Let the database count; also return the seconds that each who finished took.

    Who has not finished ``cutoff`` minutes (psiTurk's cutoff_time) after the beginning is gone,
    and so is who has saved nothing by MINUTES_WITHOUT_SAVE.
    """
    columns = participants.table.c
    has_saved = columns.datastring.is_not(None)
    if "first_saved" in columns:  # newer than the table
        has_saved |= columns.first_saved.is_not(None)
    now = datetime.now(UTC).replace(tzinfo=None)

    def arrived_within(minutes: int) -> ColumnElement[bool]:
        return columns.beginhit > now - timedelta(minutes=minutes)

    progress = case(
        (columns.status.in_(FINISHED), "finished"),
        (columns.status == QUIT, "gone"),
        (has_saved & arrived_within(cutoff), "in progress"),
        (arrived_within(MINUTES_WITHOUT_SAVE), "in progress"),
        else_="gone",
    ).label("progress")
    keys = [columns.mode, columns.status, columns.cond, columns.counterbalance, progress]
    keys += [columns.ending] if "ending" in columns else []  # newer than the table
    recently = now - timedelta(minutes=RECENT_MINUTES)
    counts = (
        func.count().label("number"),
        func.min(columns.beginhit).label("first"),
        func.max(columns.beginhit).label("last"),
        func.sum(case((columns.beginhit > recently, 1), else_=0)).label("arrived"),
        func.sum(case((columns.endhit > recently, 1), else_=0)).label("ended"),
    )
    finished = select(columns.beginhit, columns.endhit).where(
        columns.mode.is_(None) | columns.mode.not_in(UNPAID_MODES), columns.status.in_(FINISHED)
    )
    with participants.snapshot() as connection:
        groups = list(connection.execute(select(*keys, *counts).group_by(*keys)))
        times = connection.execute(finished)
        return groups, [(end - begin).total_seconds() for begin, end in times if begin and end]


def describe_participants(groups: list[Row], durations: list[float], cutoff: int) -> list[str]:
    """Counts by status and condition, and times; test runs apart."""
    real = [group for group in groups if group.mode not in UNPAID_MODES]
    statuses = tally(real, "status")
    lines = [f"Participants: {statuses.total()}"]
    for (status,), number in sorted(statuses.items(), key=str):
        lines.append(f"  {STATUS_NAMES.get(status, status)!s:<14}{number:>7}")
    ended_early = [group for group in real if getattr(group, "ending", None)]
    for (ending,), number in sorted(tally(ended_early, "ending").items()):
        lines.append(f"    {ending.replace('-', ' '):<12}{number:>7}")
    apart = [group for group in groups if group.mode in UNPAID_MODES]
    for (mode,), number in sorted(tally(apart, "mode").items()):
        lines.append(f"  apart: {pluralize(number, f'{mode} run')}")
    if not real:
        return lines
    cells = tally(real, "cond", "counterbalance", "progress")
    lines.append(f"Condition  counterbalance  finished  in progress  gone (or over {cutoff} min)")
    for cell in sorted({cell[:2] for cell in cells}, key=str):
        numbers = (cells[*cell, progress] for progress in ("finished", "in progress", "gone"))
        lines.append("{!s:>9}  {!s:>14}  {:>8}  {:>11}  {:>4}".format(*cell, *numbers))
    first = min(group.first for group in real if group.first)
    last = max(group.last for group in real if group.last)
    lines.append(f"Arrived    first {first:%Y-%m-%d %H:%M}, last {last:%Y-%m-%d %H:%M} UTC")
    if durations:
        minutes = f"{median(durations) / 60:.1f} minutes"
        lines.append(f"Duration   median {minutes} of those who finished")
    arrived, ended = sum(group.arrived for group in real), sum(group.ended for group in real)
    note = "(psiTurk does not note when a record was saved)"
    lines.append(f"Last {RECENT_MINUTES} minutes: {arrived} arrived, {ended} finished {note}")
    return lines


def tally(groups: Iterable[Row], *columns: str) -> Counter[tuple]:
    """The number of participants by the values of some columns."""
    counts = Counter()
    for group in groups:
        counts[tuple(getattr(group, column) for column in columns)] += group.number
    return counts


def count_incidents(participants: Participants, days: int) -> Counter[str]:
    """How often each incident occurred on the last days; none in a database without the table."""
    table = participants.own_table("study_incidents")
    if table is None:
        return Counter()
    since = datetime.now(UTC).date() - timedelta(days=days - 1)
    query = select(table.c.kind, func.sum(table.c["count"])).where(table.c.day >= since)
    with participants.snapshot() as connection:
        return Counter(dict(connection.execute(query.group_by(table.c.kind)).all()))
