"""The command line of the study: `uv run study --help`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from study.errors import StudyError

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Run and look after this study."
)


@app.command()
def preview(
    port: int | None = typer.Option(None, help="Port to listen on, if the usual one is busy."),
    browser: bool = typer.Option(True, help="Open the link in the browser."),
) -> None:
    """Try the study on this machine. Nothing to set up; data go to participants.db."""
    from study.preview import preview

    preview(port, open_browser=browser and sys.stdout.isatty())


@app.command()
def up(
    dry_run: bool = typer.Option(False, help="Print the commands and make nothing."),
    as_json: bool = typer.Option(False, "--json", help="Print the state as JSON."),
) -> None:
    """Make the app on Heroku, or complete it. Shows the price before it makes anything."""
    from study.heroku.up import run_up

    run_up(dry_run, as_json)


@app.command()
def deploy() -> None:
    """Check what is committed, put it online, and print the links to use."""
    from study.deploy import deploy

    deploy(Path.cwd())


@app.command()
def dashboard(
    port: int = typer.Option(22363, help="Port to listen on."),
    scheduler: bool = typer.Option(False, help="Also run the dashboard's campaigns."),
) -> None:
    """psiTurk's dashboard for MTurk, beside the study's own server."""
    from study.preview import show_dashboard

    show_dashboard(port, scheduler)


@app.command()
def check(as_json: bool = typer.Option(False, "--json", help="Print it as JSON.")) -> None:
    """Is everything ready? Every setting with its source, and what needs attention."""
    from study.check import run_check

    if not run_check(Path.cwd(), as_json):
        raise typer.Exit(1)


@app.command()
def status(
    local: bool = typer.Option(False, help="Look at this machine, not at the app."),
) -> None:
    """How many took part, in which condition, and how the server is."""
    from study.status import run_status

    run_status(Path.cwd(), local)


@app.command()
def data(
    local: bool = typer.Option(False, help="The data on this machine, not those of the app."),
    out: str = typer.Option("data", help="Folder to write to."),
    version: Annotated[
        list[str] | None, typer.Option(help="Only these code versions: 1.0,1.1")
    ] = None,
    mode: Annotated[
        list[str] | None, typer.Option(help="Only these, or all. [default: no trial runs]")
    ] = None,
    status: Annotated[
        list[str] | None, typer.Option(help="finished, or numbers: 3,4. [default: all]")
    ] = None,
    since: str = typer.Option("", help="Only who came on this day or later, UTC: 2026-11-24."),
    until: str = typer.Option("", help="Only who came on this day or before, UTC."),
    parquet: bool = typer.Option(False, help="Also as Parquet: uv run --group parquet study data"),
    json_trials: bool = typer.Option(False, help="Each trial as JSON in one column."),
    psiturk: bool = typer.Option(False, help="Also write psiTurk's three files without headers."),
) -> None:
    """Download the data as CSV files. Fails if a record could not be read."""
    from study.download import read_choice, run_data

    choice = read_choice(version, mode, status, since, until)
    if not run_data(Path.cwd(), local, Path(out), choice, json_trials, parquet, psiturk):
        raise typer.Exit(1)


@app.command()
def conditions(
    simulate: bool = typer.Option(False, help="Show what the design gives with drop-outs."),
    participants: int = typer.Option(0, min=0, help="How many begin. [default: the targets]"),
    drop_out: float = typer.Option(0.15, min=0, max=1, help="Share of those who do not finish."),
    minutes: float = typer.Option(15, min=0.1, help="Median time of those who finish."),
    per_hour: float = typer.Option(60, min=0.1, help="How many come in an hour."),
) -> None:
    """The design: conditions, targets and weights; with --simulate, what will come of it."""
    from study import simulation

    if simulate:
        simulation.run_simulation(participants, drop_out, minutes, per_hour)
    else:
        simulation.show_design()


@app.command()
def bonuses(
    local: bool = typer.Option(False, help="Of the data on this machine, to try the rule."),
    again: bool = typer.Option(False, help="Also those who were written to a file before."),
    out: str = typer.Option("data/bonuses", help="Folder to write to."),
) -> None:
    """Write the bonuses of custom.py's rule to a file for the recruiter. Pays nothing itself."""
    from study.bonuses import run_bonuses

    if not run_bonuses(Path.cwd(), local, again, Path(out)):
        raise typer.Exit(1)


@app.command()
def verify(
    codes: Annotated[list[str] | None, typer.Argument(help="Codes of participants.")] = None,
    file: str = typer.Option("", help="A text or CSV file with a code in each line."),
    local: bool = typer.Option(False, help="Of the data on this machine, not those of the app."),
) -> None:
    """Whose thank-you code is this? Fails if one is of nobody in this study."""
    from study.verify import run_verify

    if not run_verify(Path.cwd(), codes or [], Path(file) if file else None, local):
        raise typer.Exit(1)


@app.command()
def exclude(
    files: Annotated[list[str], typer.Argument(help="identifiers.csv, or lists of ids.")],
    local: bool = typer.Option(False, help="For trying it out on this machine."),
) -> None:
    """Keep those out who took part in an earlier study: adds their pseudonyms to excluded.txt."""
    from study.exclude import run_exclude

    run_exclude(Path.cwd(), [Path(file) for file in files], local)


@app.command()
def down(
    pause: bool = typer.Option(False, help="Only stop the server; the app and its data stay."),
    app: str = typer.Option("", help="The app's name, to confirm without being asked."),
) -> None:
    """End the study on Heroku: download everything, then destroy the app and its database."""
    from study.down import run_down

    run_down(Path.cwd(), pause, app)


def main() -> None:
    """Run a command; print a problem that the reader can solve and exit with 1."""
    try:
        app()
    except StudyError as error:
        sys.exit(f"\n{error}")


if __name__ == "__main__":
    main()
