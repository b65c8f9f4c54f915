"""Removes one person from the database and the files of this computer.

Files go first and the database last, so that whoever interrupts it can run it again: until the
end, something here still tells which pseudonyms are the person's.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from study.database.erasure import BONUSES, clear_remains, count_rows, delete_rows, search
from study.database.reader import Participants
from study.erasure.files import Place, find_others, find_places, shorten
from study.erasure.people import Person
from study.excluded import FILE
from study.messages import StudyError, pluralize

STAYS = "its amount stays in the ledger, without the person"
UNTIDY = "unused parts of the database, which is in use, until it tidies itself up"


@dataclass(frozen=True)
class Removal:
    """A person, and where to look for them: a database, and files with the folder of each."""

    person: Person
    participants: Participants
    key: str
    folder: Path
    downloads: Mapping[Path, Path]

    @cached_property
    def tables(self) -> dict[str, int]:
        """The number of the person's rows in each table."""
        return count_rows(self.participants, self.person.uniqueids)

    @cached_property
    def places(self) -> list[Place]:
        return find_places(self.folder, self.downloads, self.person.names)

    def describe(self) -> Iterator[str]:
        """Yield a line for each place from which the person is removed."""
        for name, number in self.tables.items():
            note = f": {STAYS}" if name == BONUSES else ""
            yield f"{pluralize(number, 'row'):>18}  table {name}{note}"
        yield from (place.describe(self.folder) for place in self.places)

    def carry_out(self) -> None:
        """Remove the person. Raises StudyError; a second run then completes it."""
        try:
            for place in self.places:
                place.remove(self.person.names)
        except OSError as error:
            left = "The person is removed from some files, and from no table of the database."
            raise StudyError(f"A file could not be changed: {error}.", AGAIN, left) from error
        if self.tables:
            delete_rows(self.participants, self.person.uniqueids, self.key)

    def find_rest(self) -> Iterator[str]:
        """Yield where the person's names still are after the removal, or may be."""
        names = self.person.names
        if self.tables and not clear_remains(self.participants):
            yield UNTIDY
        for column, number in search(self.participants, names):
            yield f"{pluralize(number, 'row')} of {column} in the database still name the person"
        existing = [path for path in self.downloads if path.exists()]
        named, opaque = find_others(self.folder, existing, names)
        for path in named:
            is_database = path.name.startswith("participants.db")
            remedy = "run this with --local" if is_database else "change or delete it"
            yield f"{shorten(path, self.folder)} still names the person: {remedy}"
        if any(place.path.name == FILE for place in self.places):
            yield f"{FILE} as the app has it. Commit the file, then: uv run study deploy"
        for path in opaque:
            yield f"{shorten(path, self.folder)} cannot be looked into. If it has data, delete it"


AGAIN = "Put that right and run the same command again."
