"""The command line of the study: `uv run study --help`."""

import sys

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
    from study.heroku import run_up

    run_up(dry_run, as_json)


@app.command()
def dashboard(
    port: int = typer.Option(22363, help="Port to listen on."),
    scheduler: bool = typer.Option(False, help="Also run the dashboard's campaigns."),
) -> None:
    """psiTurk's dashboard for MTurk, beside the study's own server."""
    from study.preview import show_dashboard

    show_dashboard(port, scheduler)


def main() -> None:
    """Run a command; print a problem that the reader can solve and exit with 1."""
    try:
        app()
    except StudyError as error:
        sys.exit(f"\n{error}")


if __name__ == "__main__":
    main()
