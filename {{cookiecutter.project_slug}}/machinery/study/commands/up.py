"""Creates the app on Heroku: `study up`."""

import click


@click.command()
@click.option("--dry-run", is_flag=True, help="Print the commands without running them.")
@click.option("--yes", is_flag=True, help="Agree to the price, for use without a terminal.")
@click.option("--json", "as_json", is_flag=True, help="Print the state as JSON.")
def up(dry_run: bool, yes: bool, as_json: bool) -> bool:
    """Create the app on Heroku, or complete it. Asks before buying anything."""
    from study.heroku.up import run_up

    return run_up(dry_run, yes, as_json)
