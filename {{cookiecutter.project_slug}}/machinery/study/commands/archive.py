"""`study archive`: one file for the paper, with the code, the data and how to run it again."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import click

from study.archive import Commit, write_archive
from study.commands import find_study
from study.database.reader import Participants
from study.dataset import READ, find_gaps
from study.dataset.texts import Census
from study.export.about import read_about
from study.export.download import Report, download
from study.export.filters import read_filters
from study.heroku.git import Repository, reason_of
from study.heroku.preflight import find_plain_ids, find_secrets, find_uncommitted
from study.messages import StudyError, pluralize
from study.signing import read_pseudonym_key

# What must not be, what finds it, and the remedy.
OBSTACLES = (
    ("Some files differ from the commit", find_uncommitted,
     'Commit them, or put them aside with `git stash`: git add --all, then git commit -m "…"'),
    ("A password or key is in git", find_secrets,
     "Take it out and commit. git's history still contains it, so replace it with a new one."),
    ("A participant's id is in git", find_plain_ids,
     "Take it out of excluded.txt, commit, and run: uv run study exclude FILE"),
)  # fmt: skip


@click.command()
@click.option("--local", is_flag=True, help="Use the data on this computer, not those of the app.")
@click.option("--out", type=click.Path(path_type=Path), help="File to write.  [default: in data/]")
def archive(local: bool, out: Path | None) -> None:
    """Write one file for the paper: the study, its data and a README.

    The study is as it is committed, and runs again on another machine. The data have nobody's ids.
    """
    folder = Path.cwd()
    repository = require_clean(folder)
    participants, settings = find_study(folder, local)
    out = out or folder / "data" / f"{folder.name}-{repository.head[:8]}.zip"
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary, "archive")
        work.mkdir()
        commit = take_commit(repository, Path(temporary, "code.tar"))
        report = read_data(participants, Path(temporary, "download"), folder)
        write_archive(out, work, commit, settings, report)
        print(describe(report, commit.id, folder))
    if settings.study.preview_ids:
        print("The preview_ids in config.txt, your own ids at the recruiter, are in it too.")
    print(f"Written: {out}")


def require_clean(folder: Path) -> Repository:
    """Return the study's repository. Raises StudyError unless others may have what is in it."""
    repository = Repository(folder)
    if not repository.head:
        remedy = 'Run: git init -b main, then git add --all, then git commit -m "Start"'
        raise StudyError("The study has no commit yet, so there is nothing to archive.", remedy)
    for what, find, remedy in OBSTACLES:
        if found := find(folder):
            raise StudyError(f"{what}: {found}. Nothing was written.", remedy)
    return repository


def take_commit(repository: Repository, code: Path) -> Commit:
    """Let git write the files of the present commit. Raises StudyError if it cannot."""
    as_committed = ("-c", "core.autocrlf=false")
    done = repository.git(*as_committed, "archive", "--format=tar", "-o", str(code), "HEAD")
    if reason := reason_of(done):
        raise StudyError(f"git could not write the study's files: {reason}.", "Correct that.")
    date = datetime.fromtimestamp(int(repository.read("log", "-1", "--format=%ct")), UTC)
    return Commit(repository.head, date, code)


def read_data(participants: Participants, out: Path, folder: Path) -> Report | None:
    """Download the data of participants; None if nobody has opened the study yet."""
    print(f"Reading {participants.place}")
    return download(participants, out, read_pseudonym_key(folder), read_filters())


def describe(report: Report | None, commit: str, folder: Path) -> str:
    """Say what is in the archive, what it lacks, and whether the data were made by its code."""
    if report is None:
        return f"Commit {commit[:8]}, without data: nobody has opened the study yet."
    census = Census.of(report)
    people = pluralize(report.rows["participants"], "participant")
    lines = [f"Commit {commit[:8]}, and {people} without their ids."]
    if set(census.commits) - {commit}:
        lines += ["Not all records were made by that code, but by that of these commits:"]
        lines += [f"{census}", "For the code of another: git switch --detach COMMIT, then again."]
    lines += [*find_gaps(report, read_about(folder)), READ]
    return "\n".join(lines)
