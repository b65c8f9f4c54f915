"""Prepares the study for another host than Heroku: `study host`."""

from pathlib import Path

import click

from study.heroku.app import read_spec
from study.hosts import HOSTS, LARGEST_BODY, write_file


@click.command()
@click.argument("name", type=click.Choice(list(HOSTS)))
def host(name: str) -> None:
    """Prepare the study for another host than Heroku.

    Writes the one file that the host needs and prints what to type. Nothing else is changed.
    """
    folder, (file, commands) = Path.cwd(), HOSTS[name]
    is_new = write_file(file, folder)
    print(f"{file} {'is written' if is_new else 'is there already'}. Commit it:")
    print(f"  git add {file}\n  git commit -m {file}\nThen:")
    commands = commands.format(name=read_spec(folder).app, body=LARGEST_BODY)
    print("\n".join(f"  {line}" for line in commands.splitlines()))
    print("\nWhat the study needs there, and how to get the data: docs/hosts.md")
