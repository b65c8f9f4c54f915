"""What cannot work in the researcher's files, found without running the experiment.

    run(folder)              what is broken, or looks so
    find_unfinished(config)  what is to be filled in before anybody takes part

Needs the tools of a researcher's machine. A study that works must pass, so whatever a script
computes, and whatever no page uses, is left alone.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from study import config
from study.checks.conditions import find_wrong_number
from study.checks.experiment import Experiment
from study.checks.files import find_missing_files
from study.checks.finding import Finding
from study.checks.pages import find_broken_pages, find_missing_pages, find_silent_consent
from study.checks.scripts import find_missing_imports, find_syntax_errors
from study.checks.server_code import find_import_errors, find_lost_start, start_import
from study.checks.sources import find_refused_sources
from study.checks.unfinished import find_gaps, find_missing_contact
from study.config import Config
from study.messages import StudyError

__all__ = ["Finding", "find_gaps", "find_missing_contact", "find_unfinished", "run"]

CHECKS = (
    find_syntax_errors,
    find_missing_imports,
    find_wrong_number,
    find_missing_pages,
    find_broken_pages,
    find_silent_consent,
    find_missing_files,
    find_refused_sources,
)


def run(folder: Path, settings: Config | None = None) -> list[Finding]:
    """Return what is wrong in a study's own files, by file and line.

    ``settings`` are by default those of this machine. If they cannot be read, that is the only
    finding.
    """
    try:
        settings = settings or config.read(folder)
        _ = settings.study
    except StudyError as error:
        return [describe(error)]
    importing = start_import(settings)  # meanwhile, the rest
    found = {*attempt(find_in_experiment, settings), *find_lost_start(folder)}
    known = {(finding.file, finding.line) for finding in found}
    errors = find_import_errors(importing)
    return sorted(found | {error for error in errors if (error.file, error.line) not in known})


def find_in_experiment(settings: Config) -> Iterator[Finding]:
    """Yield what is wrong in the pages, and in what these load and run."""
    experiment = Experiment(settings)
    for find in CHECKS:
        yield from attempt(find, experiment)


def attempt(find: Callable[[Any], Iterator[Finding]], subject: Any) -> list[Finding]:
    """Return what a check finds. Its own failure must not hide the others, nor stop a deploy."""
    try:
        return list(find(subject))
    except Exception as error:
        what = f"{find.__name__} could not be made ({type(error).__name__}: {error})"
        return [Finding("machinery", 0, what, "Please report this.", "yellow")]


def find_unfinished(settings: Config) -> list[Finding]:
    """Return what participants of a real study should not meet, and those of a pilot may."""
    return [*find_gaps(settings.folder), *find_missing_contact(settings)]


def describe(error: StudyError) -> Finding:
    """The finding that settings cannot be used, with the line if one is named."""
    place = re.search(r"(\S+), line (\d+)", str(error))
    file, line = (place[1], int(place[2])) if place else ("config.txt", 0)
    return Finding(file, line, error.cause.rstrip("."), error.remedy)
