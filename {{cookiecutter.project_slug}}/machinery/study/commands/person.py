"""Writes the copy of a person's data that they may ask for: `study person`."""

import click

from study.commands.erase import Holdings
from study.erasure.copy import write_copy
from study.signing import read_pseudonym_key


@click.command()
@click.argument("id")
@click.option("--local", is_flag=True, help="Use the data on this computer, not those of the app.")
def person(id: str, local: bool) -> None:
    """Write the copy of a person's data that they may ask for.

    ID is the recruiter's id, a pseudonym or a completion code. Exits with 1 if it is unknown.
    """
    holdings = Holdings.open(local)
    [found] = holdings.find([id])
    places = list(holdings.plan(found).describe())
    title = holdings.settings.study.title
    key = read_pseudonym_key(holdings.folder)
    out = write_copy(found, holdings.participants, holdings.folder, key, title, places)
    print(f"Everything about {found} is in {out}")
    for path in sorted(out.iterdir()):
        print(f"{path.stat().st_size:>10,} bytes  {path.name}")
    print("README.txt says what is what. Send the folder by a way that only this person can read,")
    print("once you are sure that it is they who ask. `study erase` removes it with the rest.")
