"""Who is meant: a person by the recruiter's id, a pseudonym or a completion code.

A person may have taken part several times. Once the app is gone, or after an interruption, the
database does not know them any more; then the identifiers.csv of downloads do.
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from study import signing
from study.database.reader import Participants
from study.erasure.rows import read_columns
from study.messages import StudyError, printable
from study.signing import pseudonym
from study.statuses import STATUS_NAMES

COLUMNS = ("uniqueid", "workerid", "assignmentid")
IDENTIFIERS = {"participant", "worker", *COLUMNS}  # columns of identifiers.csv


@dataclass(frozen=True)
class Participation:
    """One participation: psiTurk's ids, its names in downloads, and its completion code."""

    uniqueid: str
    worker: str
    assignment: str
    pseudonym: str
    worker_pseudonym: str
    code: str = ""
    about: str = ""  # when and how far, in words

    def list_names(self) -> Iterator[tuple[str, str]]:
        """Yield what it can be called by, with words for what that is."""
        yield self.worker, "the recruiter's id"
        yield self.uniqueid, "the id of a participation"
        yield self.assignment, "the id of an assignment"
        yield self.pseudonym, "the pseudonym of a participation"
        yield self.worker_pseudonym, "the pseudonym of a person"
        yield self.code, "a completion code"


@dataclass(frozen=True)
class Person:
    """Everything that one person is called by; ``excluded`` is their name in excluded.txt."""

    worker: str
    participations: tuple[Participation, ...]
    excluded: str = ""

    @property
    def uniqueids(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(each.uniqueid for each in self.participations))

    @property
    def names(self) -> frozenset[str]:
        """All names, as they are in the database and in files."""
        listed = (name for each in self.participations for name, _ in each.list_names())
        return frozenset({self.worker, self.excluded, *listed} - {""})

    def __str__(self) -> str:
        about = dict.fromkeys(each.about for each in self.participations if each.about)
        return f"{printable(self.worker)}{''.join(f'; {words}' for words in about)}"


def read_known(
    participants: Participants, key: str, pseudonym_key: bytes, files: Iterable[Path]
) -> list[Participation]:
    """Return the participations in the database and in these files. Raises StudyError."""
    known = list(_read_table(participants, key, pseudonym_key))
    for file in files:
        known += _read_identifiers(file, key)
    return known


def _read_table(participants: Participants, key: str, names: bytes) -> Iterator[Participation]:
    if participants.table is None:
        return
    columns = [participants.table.c[name] for name in (*COLUMNS, "mode", "status", "beginhit")]
    with participants.snapshot() as connection:
        for row in connection.execute(sa.select(*columns).order_by(columns[-1])):
            ids = row.uniqueid, row.workerid, row.assignmentid
            made = pseudonym(names, row.uniqueid), pseudonym(names, row.workerid)
            day = f"{row.beginhit:%Y-%m-%d}" if row.beginhit else "on an unknown day"
            about = f"came {day}, {STATUS_NAMES.get(row.status, row.status)}, mode {row.mode}"
            yield Participation(*ids, *made, signing.participant_code(key, row.uniqueid), about)


def _read_identifiers(file: Path, key: str) -> Iterator[Participation]:
    if not read_columns(file) >= IDENTIFIERS:
        return
    with open(file, encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
        for row in csv.DictReader(lines):
            ids = [row[name] or "" for name in (*COLUMNS, "participant", "worker")]
            yield Participation(*ids, signing.participant_code(key, ids[0]))


def find_people(
    known: Iterable[Participation], typed: Iterable[str], key: str, excluded: Iterable[str]
) -> list[Person]:
    """Return the person behind each name, each once, in the order of the names.

    ``excluded`` are the pseudonyms in excluded.txt. Raises StudyError if nobody, or more than one
    person, has that name.
    """
    known, excluded = list(known), frozenset(excluded)
    people: dict[str, Person] = {}
    for name in typed:
        worker = _find_worker(known, name, key, excluded)
        own = tuple(each for each in known if each.worker.lower() == worker.lower())
        listed = {signing.worker_pseudonym(key, worker)} & excluded
        people[worker.lower()] = Person(worker, own, "".join(listed))
    return list(people.values())


def _find_worker(known: list[Participation], name: str, key: str, excluded: frozenset[str]) -> str:
    wanted = {name.strip().lower(), signing.normalised_code(name).lower()} - {""}
    found = {
        each.worker.lower(): (each, what)
        for each in known
        for called, what in each.list_names()
        if called.lower() in wanted
    }
    if not found and signing.worker_pseudonym(key, name.strip()) in excluded:
        return name.strip()
    if not found:
        raise StudyError(
            f"Nobody here has {printable(name)}: neither as the recruiter's id, nor as a "
            "pseudonym or a completion code.",
            "Nothing was changed. Completion codes and ids of another study are unknown here.",
        )
    if len(found) > 1:
        described = "; ".join(f"{what} of {each.pseudonym}" for each, what in found.values())
        cause = f"{printable(name)} means more than one person: {described}."
        raise StudyError(cause, "Nothing was changed. Give one of these pseudonyms instead.")
    [(each, _)] = found.values()
    return each.worker
