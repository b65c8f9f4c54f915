"""Who has taken part so far, and how the server is: `study status`.

The figures are those of study/overview. Times are UTC, as psiTurk stores them on Heroku.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click

from study import config
from study.commands import name_app
from study.database.capacity import FULL
from study.database.reader import open_participants
from study.heroku.app import fetch_app
from study.heroku.cli import Heroku
from study.heroku.hosting import Hosting
from study.messages import pluralize, printable
from study.overview import Overview, Progress, collect
from study.overview.figures import REASONS
from study.overview.incidents import DAYS, INCIDENTS

MOST_PLACES = 5
WIDTH = 12  # of what a line is about


@click.command()
@click.option("--local", is_flag=True, help="Use the data on this computer, not those of the app.")
@click.option("--json", "as_json", is_flag=True, help="Print every figure as JSON.")
def status(local: bool, as_json: bool) -> None:
    """Count participants by condition and show the server's state."""
    folder = Path.cwd()
    name = name_app(folder, local)
    app = fetch_app(Heroku(name)) if name else None
    settings = config.read(folder, app.config if app else None)
    participants = open_participants(settings)
    overview = collect(participants, settings)
    hosting = Hosting.of(app) if app else None
    if as_json:
        facts = {"version": settings.study.code_version, "hosting": hosting and asdict(hosting)}
        return print(json.dumps(facts | overview.to_dict(), indent=2))
    if name:
        print(f"App {name}" if app else f"There is no app {name} yet. On this machine:")
    lines = [*describe_hosting(hosting, overview)] if hosting else []
    if overview.first_arrival or overview.apart or overview.other_versions:
        lines += describe_participants(overview)
    else:
        lines.append(f"Nobody has opened the study yet ({participants.place}).")
    print("\n".join([*lines, *describe_incidents(overview)]))


def describe_hosting(hosting: Hosting, overview: Overview) -> Iterator[str]:
    """How the server and the database are, and what they cost."""
    yield line("Server", hosting.server)
    if hosting.is_pilot:
        yield line("Pilot", "every page says so. To go live: uv run study deploy")
    size = f"{overview.size / 1e6:,.0f} MB"
    if hosting.limit:
        share = overview.size / hosting.limit / 1e6
        size = f"{overview.size / 1e6:,.0f} of {hosting.limit:,} MB ({share:.0%})"
    yield line("Database", f"{hosting.plan or 'a Postgres of your own'}, {size}")
    if overview.share >= FULL:
        yield line("", "It is nearly full, so nobody new is taken: uv run study check")
    if hosting.monthly is not None and hosting.spent_at_most is not None:
        spent = f"at most {hosting.spent_at_most:.2f} USD so far, {hosting.monthly:g} a month"
        yield line("Cost", f"{spent} (prices of {hosting.prices_checked})")
    yield ""


def describe_participants(overview: Overview) -> Iterator[str]:
    """Who finished, is at work and is gone, by condition; how long it took; who is not counted."""
    yield from describe_conditions(overview)
    yield ""
    yield from describe_drop_out(overview)
    if (median := overview.durations.median) is not None:
        said = f"; the invitation says {overview.minutes}" if overview.minutes else ""
        yield line("Duration", f"median {median:.1f} minutes of those who finished{said}")
    if overview.first_arrival:
        first, last = map(describe_time, (overview.first_arrival, overview.last_arrival))
        yield line("Arrived", f"first {first}, last {last} UTC")
    times = {"finish": overview.last_finish, "save": overview.last_save}
    if known := [f"{name} {describe_time(time)}" for name, time in times.items() if time]:
        yield line("Last", f"{', '.join(known)} UTC")
    recent = f"{overview.recently_arrived} arrived, {overview.recently_finished} finished"
    yield line("Just now", f"{recent} within {overview.recent_minutes} minutes")
    apart = [pluralize(number, f"{mode} run") for mode, number in overview.apart.items()]
    for version, number in overview.other_versions.items():
        apart.append(f"{number:,} who finished version {printable(version or '?')}")
    if apart:
        yield line("Not counted", ", ".join(apart))


def describe_conditions(overview: Overview) -> Iterator[str]:
    """A table of the conditions, and their sum."""
    rows = [*overview.cells, overview.total] if len(overview.cells) > 1 else [overview.total]
    width = max(len(printable(row.name)) for row in rows)
    yield f"{'Condition':<{width}}  {'finished':>14}  {'in progress':>11}  {'gone':>6}"
    for row in rows:
        numbers = f"{describe_finished(row):>14}  {row.in_progress:>11,}  {row.gone:>6,}"
        yield f"{printable(row.name):<{width}}  {numbers}"


def describe_finished(progress: Progress) -> str:
    of = "" if progress.target is None else f" of {progress.target:,}"
    return f"{progress.finished:,}{of}"


def describe_drop_out(overview: Overview) -> Iterator[str]:
    """The share, the reasons, and where people stopped."""
    if overview.drop_out is not None:
        over = overview.total.finished + overview.dropped_out
        counted = f"{overview.dropped_out:,} of {over:,} who are no longer at work did not finish"
        yield line("Drop-out", f"{counted} ({overview.drop_out:.0%})")
    for reason, words in REASONS.items():
        if number := overview.gone.get(reason):
            yield f"{number:>{WIDTH - 2},}  {words}"
    if overview.places:
        named = list(overview.places.items())[:MOST_PLACES]
        yield line("Stopped at", "; ".join(f"{printable(place)}: {n:,}" for place, n in named))


def describe_incidents(overview: Overview) -> list[str]:
    """What the server counted besides participants."""
    counts = overview.incidents
    known = {words: counts[kind] for kind, words in INCIDENTS.items() if kind in counts}
    told = [f"{number:>{WIDTH - 2},}  {words}" for words, number in known.items()]
    return ["", f"Visits of the last {DAYS} days:", *told] if told else []


def describe_time(time: datetime | None) -> str:
    return f"{time:%Y-%m-%d %H:%M}" if time else ""


def line(about: str, text: str) -> str:
    return f"{about:<{WIDTH}}{text}"
