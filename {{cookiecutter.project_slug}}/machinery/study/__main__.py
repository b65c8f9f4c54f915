"""The command line of the study: `uv run study --help`.

Each command is a module of study.commands, imported only when it is run. These modules import
SQLAlchemy and Flask inside functions: together they take 0.4 s, which a help text or a mistyped
option should not cost.
"""

import importlib
import sys

import click

from study.messages import StudyError

# In the order of a study's life, each with the first sentence of its own help.
COMMANDS = {
    "adopt": "Bring over the experiment of an older psiTurk study.",
    "preview": "Try the study on this computer.",
    "try": "Let robots take part in every condition, in a real browser.",
    "library": "Add JavaScript libraries from npm, served by the study itself.",
    "up": "Create the app on Heroku, or complete it.",
    "deploy": "Put the committed study online and print its links.",
    "dashboard": "Run psiTurk's dashboard for MTurk.",
    "check": "Say what needs attention before participants come.",
    "status": "Count participants by condition and show the server's state.",
    "watch": "Show the running study on a page that keeps itself up to date.",
    "alert": "Send a test message to where alerts go.",
    "conditions": "Show the conditions with their targets and weights.",
    "data": "Download the data as CSV files.",
    "quality": "Say whom to look at, because a program may have taken part.",
    "report": "Make a page about the downloaded data, to look at and to send.",
    "bonuses": "Write the bonuses to a file.",
    "verify": "Look up completion codes.",
    "exclude": "Keep out participants of earlier studies.",
    "person": "Write the copy of a person's data that they may ask for.",
    "erase": "Remove a person's data, after showing where they are.",
    "forget": "Delete what the study promised to keep no longer.",
    "archive": "Write one file for the paper: the study, its data and a README.",
    "update": "Bring the study to a newer version of the template.",
    "host": "Prepare the study for another host than Heroku.",
    "down": "Download everything, then destroy the app and its database.",
}
# Whose name no Python module can have.
MODULES = {"try": "try_out"}


class LazyGroup(click.Group):
    """Lists COMMANDS in their order and imports only the command that is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name in self.commands or name not in COMMANDS:
            return super().get_command(ctx, name)
        module = MODULES.get(name, name)
        return getattr(importlib.import_module(f"study.commands.{module}"), module)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"max_content_width": 100})
def cli() -> None:
    """Run and manage this study."""


@cli.command()
@click.option("--dry-run", is_flag=True, help="Print the commands without running them.")
@click.option("--yes", is_flag=True, help="Agree to the price, for use without a terminal.")
@click.option("--json", "as_json", is_flag=True, help="Print the state as JSON.")
def up(dry_run: bool, yes: bool, as_json: bool) -> bool:
    """Create the app on Heroku, or complete it. Asks before buying anything."""
    # Its module cannot import click: the template's hook runs it before anything is installed.
    from study.commands.up import run_up

    return run_up(dry_run, yes, as_json)


@cli.result_callback()
def exit_with_1(is_fine: bool | None) -> None:
    """Exit with 1 if a command found something that needs attention."""
    if is_fine is False:
        sys.exit(1)


def main() -> None:
    """Run a command. Print a StudyError without a traceback and exit with 1."""
    try:
        cli(prog_name="study")
    except StudyError as error:
        sys.exit(f"\n{error}")


if __name__ == "__main__":
    main()
