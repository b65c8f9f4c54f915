"""The command line of the study: `uv run study --help`."""

import sys
from pathlib import Path

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
    mode: str = typer.Option("", help="live, lab, debug, … or all. [default: all but debug]"),
    psiturk: bool = typer.Option(False, help="Also write psiTurk's three files without headers."),
) -> None:
    """Download the data as CSV files. Fails if a record could not be read."""
    from study.download import run_data

    if not run_data(Path.cwd(), local, Path(out), mode, psiturk):
        raise typer.Exit(1)


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
