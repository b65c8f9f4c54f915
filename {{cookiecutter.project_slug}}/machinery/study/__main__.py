"""The command line of the study: `uv run study --help`."""

import sys
from pathlib import Path

import click

from study.errors import StudyError

SHOWN = {"show_default": True}
A_PATH = click.Path(path_type=Path)
ABOVE_0 = click.FloatRange(min=0.1)


class LifeOfAStudy(click.Group):
    """Lists the commands in the order in which a study needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which they stand here."""
        return list(self.commands)


@click.group(cls=LifeOfAStudy, context_settings={"max_content_width": 100})
def app() -> None:
    """Run and look after this study."""


@app.command()
@click.option("--port", type=int, help="Port to listen on, if the usual one is busy.")
@click.option("--browser/--no-browser", default=True, help="Open the link in the browser.")
def preview(port: int | None, browser: bool) -> None:
    """Try the study on this machine. Nothing to set up; data go to participants.db."""
    from study.commands.preview import preview

    preview(port, open_browser=browser and sys.stdout.isatty())


@app.command()
@click.option("--dry-run", is_flag=True, help="Print the commands and make nothing.")
@click.option("--yes", is_flag=True, help="Agree to the price, to be used without a terminal.")
@click.option("--json", "as_json", is_flag=True, help="Print the state as JSON.")
def up(dry_run: bool, yes: bool, as_json: bool) -> bool:
    """Make the app on Heroku, or complete it. Asks before it buys anything."""
    from study.commands.up import run_up

    return run_up(dry_run, yes, as_json)


@app.command()
def deploy() -> None:
    """Put online what is committed, and print the links to use."""
    from study.commands.deploy import deploy

    deploy(Path.cwd())


@app.command()
@click.option("--port", default=22363, help="Port to listen on.", **SHOWN)
@click.option("--scheduler", is_flag=True, help="Also run the dashboard's campaigns.")
def dashboard(port: int, scheduler: bool) -> None:
    """psiTurk's dashboard for MTurk, beside the study's own server."""
    from study.commands.preview import show_dashboard

    show_dashboard(port, scheduler)


@app.command()
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def check(as_json: bool) -> bool:
    """What needs attention? Shows every setting with its source."""
    from study.commands.check.command import run_check

    return run_check(Path.cwd(), as_json)


@app.command()
@click.option("--local", is_flag=True, help="Look at this machine, not at the app.")
def status(local: bool) -> None:
    """How many took part, in which condition, and how the server is."""
    from study.commands.status import run_status

    run_status(Path.cwd(), local)


@app.command()
@click.option("--local", is_flag=True, help="The data on this machine, not those of the app.")
@click.option("--out", type=A_PATH, default="data", help="Folder to write to.", **SHOWN)
@click.option("--version", multiple=True, help="Only these code versions: 1.0,1.1")
@click.option("--mode", multiple=True, help="Only these, or all. [default: no trial runs]")
@click.option("--status", multiple=True, help="finished, or numbers: 3,4. [default: all]")
@click.option("--since", default="", help="Only who came on this day or later, UTC: 2026-11-24.")
@click.option("--until", default="", help="Only who came on this day or before, UTC.")
@click.option("--parquet", is_flag=True, help="Also as Parquet: uv run --group parquet study data")
@click.option("--json-trials", is_flag=True, help="Each trial as JSON in one column.")
@click.option("--psiturk", is_flag=True, help="Also write psiTurk's three files without headers.")
def data(
    local: bool, out: Path, version: tuple[str, ...], mode: tuple[str, ...],
    status: tuple[str, ...], since: str, until: str, parquet: bool, json_trials: bool,
    psiturk: bool,
) -> bool:  # fmt: skip
    """Download the data as CSV files. Fails if a record could not be read."""
    from study.commands.data import run_data
    from study.export.filters import read_filters

    filters = read_filters(version, mode, status, since, until)
    return run_data(Path.cwd(), local, out, filters, json_trials, parquet, psiturk)


@app.command()
@click.option("--simulate", is_flag=True, help="Show what the design gives with drop-outs.")
@click.option(
    "--participants", type=click.IntRange(min=0), default=0,
    help="How many begin. [default: the targets]",
)  # fmt: skip
@click.option(
    "--drop-out", type=click.FloatRange(0, 1), default=0.15,
    help="Share of those who do not finish.", **SHOWN,
)  # fmt: skip
@click.option(
    "--minutes", type=ABOVE_0, default=15.0, help="Median time of those who finish.", **SHOWN
)
@click.option("--per-hour", type=ABOVE_0, default=60.0, help="How many come in an hour.", **SHOWN)
def conditions(
    simulate: bool, participants: int, drop_out: float, minutes: float, per_hour: float
) -> None:
    """Show the design; with --simulate, what will come of it."""
    from study.commands import conditions

    if simulate:
        conditions.run_simulation(participants, drop_out, minutes, per_hour)
    else:
        conditions.show_design()


@app.command()
@click.option("--local", is_flag=True, help="Of the data on this machine, to try the rule.")
@click.option("--again", is_flag=True, help="Also those who were written to a file before.")
@click.option("--out", type=A_PATH, default="data/bonuses", help="Folder to write to.", **SHOWN)
def bonuses(local: bool, again: bool, out: Path) -> bool:
    """Write the bonuses of custom.py's rule to a file. Pays nothing."""
    from study.commands.bonuses import run_bonuses

    return run_bonuses(Path.cwd(), local, again, out)


@app.command()
@click.argument("codes", nargs=-1)
@click.option("--file", type=A_PATH, help="A text or CSV file with a code in each line.")
@click.option("--local", is_flag=True, help="Of the data on this machine, not those of the app.")
def verify(codes: tuple[str, ...], file: Path | None, local: bool) -> bool:
    """Tell whose thank-you codes these are. Fails if one is of nobody here."""
    from study.commands.verify import run_verify

    return run_verify(Path.cwd(), codes, file, local)


@app.command()
@click.argument("files", nargs=-1, type=A_PATH, required=True)
@click.option("--local", is_flag=True, help="For trying it out on this machine.")
def exclude(files: tuple[Path, ...], local: bool) -> None:
    """Keep those out who took part in an earlier study.

    FILES are its identifiers.csv, or lists of ids. Their pseudonyms go to excluded.txt.
    """
    from study.commands.exclude import run_exclude

    run_exclude(Path.cwd(), files, local)


@app.command()
@click.option("--pause", is_flag=True, help="Only stop the server; the app and its data stay.")
@click.option("--app", "name", default="", help="The app's name, to confirm without being asked.")
def down(pause: bool, name: str) -> None:
    """Download everything, then destroy the app and its database."""
    from study.commands.down import run_down

    run_down(Path.cwd(), pause, name)


@app.result_callback()
def fail(is_fine: bool | None) -> None:
    """Exit with 1 when a command tells that something needs attention."""
    if is_fine is False:
        sys.exit(1)


def main() -> None:
    """Run a command; print a problem that the reader can solve and exit with 1."""
    try:
        app(prog_name="study")
    except StudyError as error:
        sys.exit(f"\n{error}")


if __name__ == "__main__":
    main()
