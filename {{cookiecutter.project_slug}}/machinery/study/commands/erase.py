"""Removes one person's data from everywhere within reach: `study erase`."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import click

from study.commands import find_study
from study.config import Config
from study.database.erasure import LONG
from study.database.reader import Participants
from study.erasure.files import list_downloads
from study.erasure.people import Person, find_people, read_known
from study.erasure.removal import Removal
from study.excluded import read_excluded
from study.heroku.app import read_spec
from study.heroku.backups import describe_backups
from study.heroku.cli import Heroku
from study.heroku.git import Repository
from study.messages import StudyError, pluralize
from study.recruiters import find_recruiter
from study.signing import read_pseudonym_key

PATH = click.Path(path_type=Path, exists=True, file_okay=False)
YES = "yes"
ELSEWHERE = """\
copies that left this folder: on other computers, in mails, in a cloud, in what was published
what a backup brings back: after restoring one, run this again"""


@dataclass(frozen=True)
class Holdings:
    """Where this study's data are: a database and files."""

    folder: Path
    local: bool
    participants: Participants
    settings: Config
    key: str
    downloads: dict[Path, Path]

    @classmethod
    def open(cls, local: bool, files: Sequence[Path] = ()) -> "Holdings":
        """Open those of the app or, with ``local``, of this computer. Raises StudyError."""
        folder, key = Path.cwd(), ""
        participants, settings = find_study(folder, local)
        with suppress(StudyError):  # before the first visitor
            key = participants.find_key(settings)
        return cls(folder, local, participants, settings, key, list_downloads(folder, files))

    def find(self, ids: Sequence[str]) -> list[Person]:
        """Return the person behind each id, once. Raises StudyError if there is none."""
        files = (path for path in self.downloads if path.suffix == ".csv")
        names = read_pseudonym_key(self.folder)
        known = read_known(self.participants, self.key, names, files)
        excluded = read_excluded(self.folder).pseudonyms
        people = find_people(known, ids, self.key, excluded)
        if len(people) < len(ids):
            print("Some of these ids are the same person's.")
        return people

    def plan(self, person: Person) -> Removal:
        return Removal(person, self.participants, self.key, self.folder, self.downloads)

    def describe_unreached(self, names: frozenset[str] = frozenset()) -> Iterator[str]:
        """Yield what else may have data of participants: what no command here can change."""
        if not self.local:
            heroku = Heroku(read_spec(self.folder).app)
            yield from describe_backups(heroku)
            yield "Heroku's log, which has the addresses of requests for a week, ids included"
        if commits := find_commits(self.folder, names):
            yield f"git's history, in {commits}: only `git filter-repo` takes files out of it"
        recruiter = find_recruiter(self.settings.value("Study", "recruitment"))
        if not recruiter.is_anonymous:
            yield f"what {recruiter} itself has stored: ask there"
        yield from ELSEWHERE.splitlines()


@click.command()
@click.argument("ids", nargs=-1, required=True)
@click.option("--local", is_flag=True, help="Use the data on this computer, not those of the app.")
@click.option("--files", multiple=True, type=PATH, help="Another folder with downloads.")
@click.option("--yes", "agreed", is_flag=True, help="Remove without asking.")
def erase(ids: tuple[str, ...], local: bool, files: tuple[Path, ...], agreed: bool) -> None:
    """Remove a person's data, after showing where they are.

    IDS are the recruiter's ids, pseudonyms or completion codes. Exits with 1 if one is unknown.
    """
    holdings = Holdings.open(local, files)
    removals = [holdings.plan(person) for person in holdings.find(ids)]
    for removal in removals:
        print(f"\nTo be removed: {removal.person}")
        print("\n".join(removal.describe()))
    ask_for_yes("remove this for ever", agreed)
    for removal in removals:
        removal.carry_out()
    people = pluralize(len(removals), "person", "people")
    print(f"\nRemoved {people}. Their browsers delete their copies at the next visit.")
    rest = [line for removal in removals for line in removal.find_rest()]
    names = frozenset().union(*(removal.person.names for removal in removals))
    print("Not reached:")
    for line in dict.fromkeys((*rest, *holdings.describe_unreached(names))):
        print(f"  {line}")


def ask_for_yes(what: str, agreed: bool) -> None:
    """Return if ``yes`` is typed. Raises StudyError for anything else, or without a terminal."""
    left = "Nothing was removed."
    if agreed:
        return
    if not sys.stdin.isatty():
        cause = "Nothing is removed without a yes, and there is no terminal to type it in."
        raise StudyError(cause, "To agree in the command itself: --yes", left)
    if input(f"\nType {YES} to {what}: ").strip() != YES:
        raise StudyError("You did not type yes.", left)


def find_commits(folder: Path, names: frozenset[str]) -> str:
    """Return the commits that brought or removed one of the names, as git abbreviates them."""
    git, found = Repository(folder), {}
    for name in (name for name in names if len(name) >= LONG):
        found |= dict.fromkeys(git.read("log", "--all", "--format=%h", f"-S{name}").split())
    return ", ".join(found)
