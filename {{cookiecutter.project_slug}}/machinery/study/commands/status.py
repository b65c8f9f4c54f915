"""Who has taken part so far, and how the server is: `study status`.

The database does the counting. Times are UTC, as psiTurk stores them on Heroku.
"""

import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from sqlalchemy import ColumnCollection, ColumnElement, Connection, case, func, select

from study import config
from study.database.reader import Participants, open_participants
from study.heroku.app import App, look
from study.heroku.cli import Answer, Heroku
from study.heroku.wanted import read_wanted
from study.statuses import FINISHED, STATUS_NAMES, UNPAID_MODES
from study.text import pluralize

RECENTLY = timedelta(minutes=10)
DAYS = 7  # for which incidents are told
# What the server counts (incidents.py), in the order in which participants meet it.
INCIDENTS = {
    "link-missing": "came by a link that lacked something",
    "link-malformed": "came by a link with something odd in it",
    "wrong-mode": "came from MTurk's sandbox as live, or the reverse",
    "preview": "looked at the study from the recruiter's side",
    "wrong-browser": "were turned away for their device or browser",
    "excluded": "were turned away because of an earlier study",
    "declined": "did not agree to take part",
    "screened-out": "were screened out",
    "left-early": "stopped by the button",
    "no-proof": "asked for a record that another browser owns",
}


def run_status(folder: Path, local: bool) -> None:
    """Print it all. Raises StudyError if Heroku or the database cannot be asked."""
    app, answers = None, {}
    if not local:
        wanted = read_wanted(folder)
        app, answers = look(Heroku(wanted.app), size=("pg:info",))
        print(f"App {wanted.app}" if app else f"There is no app {wanted.app} yet. On this machine:")
    settings = config.read(folder, app.config if app else None)
    if app:
        print("\n".join(describe_server(app, answers["size"])))
    minutes = settings.study.cutoff_minutes
    participants = open_participants(settings)
    if participants.table is None:
        print(f"Nobody has opened the study yet ({participants.place}).")
    else:
        counts = count_participants(participants, minutes)
        print("\n".join(describe_participants(counts, minutes)))
    if told := describe_incidents(participants):
        print("\n".join(told))


def describe_server(app: App, size: Answer) -> list[str]:
    """The dynos, and how full the database is in Heroku's own words."""
    dynos = [f"{dyno['name']} {dyno['state']} ({dyno['size']})" for dyno in app.web_dynos]
    lines = [f"Server     {', '.join(dynos) or 'off: nobody can take part'}"]
    if app.databases:
        full = re.search(r"Data Size:\s*(.+)", size.out)
        plan = app.databases[0]["plan"]["name"]
        lines.append(f"Database   {plan}, {full[1].strip() if full else 'its size is not known'}")
    return lines


@dataclass
class Counts:
    """Who has taken part. Trial runs are in ``apart`` alone."""

    statuses: Counter[int]  # psiTurk's numbers
    cells: Counter[tuple]  # (condition, counterbalance, progress)
    apart: Counter[str]  # by mode
    endings: dict[str, int]
    first: datetime | None  # arrival, UTC
    last: datetime | None
    arrived: int  # within RECENTLY
    ended: int
    durations: list[float]  # seconds, of those who finished


def count_participants(participants: Participants, cutoff: int) -> Counts:
    """Let the database count.

    ``cutoff`` is psiTurk's cutoff_time in minutes: who began earlier and has not finished
    no longer counts as in progress.
    """
    columns = participants.table.c
    now = datetime.now(UTC).replace(tzinfo=None)
    late = case((columns.beginhit > now - timedelta(minutes=cutoff), "in progress"), else_="gone")
    part = case((columns.status.in_(FINISHED), "finished"), (columns.status == 6, "gone"),
                else_=late)  # fmt: skip
    keys = (columns.mode, columns.status, columns.cond, columns.counterbalance, part)
    real = columns.mode.is_(None) | columns.mode.not_in(UNPAID_MODES)
    statuses, cells, apart = Counter(), Counter(), Counter()
    with participants.snapshot() as connection:
        groups = connection.execute(select(*keys, func.count()).group_by(*keys))
        for mode, status, cond, counterbalance, progress, count in groups:
            if mode in UNPAID_MODES:
                apart[mode] += count
            else:
                statuses[status] += count
                cells[cond, counterbalance, progress] += count
        first, last = connection.execute(
            select(func.min(columns.beginhit), func.max(columns.beginhit)).where(real)
        ).one()
        arrived, ended = (
            connection.scalar(select(func.count()).where(real, column > now - RECENTLY))
            for column in (columns.beginhit, columns.endhit)
        )
        times = connection.execute(
            select(columns.beginhit, columns.endhit).where(real, columns.status.in_(FINISHED))
        )
        durations = [(end - begin).total_seconds() for begin, end in times if begin and end]
        endings = count_endings(connection, columns, real)
    return Counts(statuses, cells, apart, endings, first, last, arrived, ended, durations)


def describe_participants(counts: Counts, cutoff: int) -> list[str]:
    """Counts by status and condition, and times; trial runs apart."""
    statuses = counts.statuses
    lines = [f"Participants: {statuses.total()}"]
    lines += [
        f"  {STATUS_NAMES.get(s, s)!s:<14}{statuses[s]:>7}" for s in sorted(statuses, key=str)
    ]
    lines += [f"    {ending:<12}{count:>7}" for ending, count in sorted(counts.endings.items())]
    lines += [f"  apart: {pluralize(n, f'{mode} run')}" for mode, n in sorted(counts.apart.items())]
    if not statuses:
        return lines
    lines.append(f"Condition  counterbalance  finished  in progress  gone (or over {cutoff} min)")
    for cell in sorted({key[:2] for key in counts.cells}, key=str):
        done, busy, gone = (counts.cells[*cell, p] for p in ("finished", "in progress", "gone"))
        lines.append(f"{cell[0]!s:>9}  {cell[1]!s:>14}  {done:>8}  {busy:>11}  {gone:>4}")
    first, last = (f"{time:%Y-%m-%d %H:%M}" for time in (counts.first, counts.last))
    lines.append(f"Arrived    first {first}, last {last} UTC")
    if counts.durations:
        middle = median(counts.durations) / 60
        lines.append(f"Duration   median {middle:.1f} minutes of those who finished")
    minutes = RECENTLY // timedelta(minutes=1)
    lines.append(
        f"Last {minutes} minutes: {counts.arrived} arrived, {counts.ended} finished "
        "(psiTurk does not note when a record was saved)"
    )
    return lines


def count_endings(connection: Connection, columns: ColumnCollection, real: ColumnElement) -> dict:
    """How many ended without completing, by how; nothing in a table older than the column."""
    if "ending" not in columns:
        return {}
    query = select(columns.ending, func.count()).where(real, columns.ending.is_not(None))
    rows = connection.execute(query.group_by(columns.ending))
    return {ending.replace("-", " "): count for ending, count in rows}


def count_incidents(participants: Participants, days: int) -> Counter[str]:
    """How often each thing happened on the last days, today included; none in an older database."""
    table = participants.own_table("study_incidents")
    if table is None:
        return Counter()
    since = datetime.now(UTC).date() - timedelta(days=days - 1)
    query = select(table.c.kind, func.sum(table.c["count"])).where(table.c.day >= since)
    with participants.snapshot() as connection:
        rows = connection.execute(query.group_by(table.c.kind))
        return Counter({kind: count for kind, count in rows})


def describe_incidents(participants: Participants) -> list[str]:
    """What happened besides, in plain words; nothing if nothing did."""
    counts = count_incidents(participants, DAYS)
    lines = [f"{counts[kind]:>7}  {words}" for kind, words in INCIDENTS.items() if counts[kind]]
    return [f"Visits of the last {DAYS} days:", *lines] if lines else []
