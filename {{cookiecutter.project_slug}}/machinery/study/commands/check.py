"""Checks whether the study is ready for participants: `study check`.

Prints a line for each finding: red must be put right first, yellow is worth knowing. What is green,
and the settings with their sources, are shown on demand. Changes nothing.
"""

import json
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from pathlib import Path
from shutil import get_terminal_size
from textwrap import fill
from typing import TYPE_CHECKING

import click

from study import checks, config
from study.config import DEFAULT, Config
from study.config.settings import Setting
from study.excluded import FILE, fingerprint, read_excluded
from study.heroku.app import AppSpec, AppState, fetch_app, read_spec
from study.heroku.cli import Heroku
from study.heroku.git import Repository
from study.heroku.preflight import CHECKS, find_uncommitted
from study.messages import StudyError, pluralize
from study.recruiters import RECRUITERS, Recruiter, find_recruiter

if TYPE_CHECKING:
    from study.database.reader import Participants

QUERIES = {
    "releases": ("releases", "--json", "--num", "100"),
    "schedules": ("pg:backups:schedules",),
}
Finding = tuple[str, str]  # red, yellow or green, and a sentence
COLOURS = ("green", "yellow", "red")  # the worst comes last, where people look
NARROWEST, WIDEST = 60, 100  # lines, in a terminal


@dataclass
class CheckContext:
    """What the checks look at."""

    folder: Path
    spec: AppSpec
    settings: Config | None  # None if they cannot be read
    app: AppState | None = None  # also None if Heroku cannot be asked
    participants: "Participants | None" = None  # opened by the check of the database
    lines: list[tuple[str, str, str]] = field(default_factory=list)  # a check's name, a finding

    @property
    def recruiter(self) -> Recruiter:
        """The recruiter that the server works with; one without a name if it knows none."""
        return find_recruiter(self.settings.value("Study", "recruitment"))

    @property
    def has_usable_settings(self) -> bool:
        return all(about != "settings" for about, _, _ in self.lines)

    def place(self, section: str, name: str) -> str:
        """Where a setting is, or belongs: usually a line of config.txt."""
        found = self.settings.settings.get((section, name))
        is_written = found and not found.source.startswith(DEFAULT)
        return found.source if is_written else f"config.txt, [{section}]"

    def heroku(self, command: str) -> str:
        return f"heroku {command} --app {self.spec.app}"


@click.command()
@click.option("--all", "all_", is_flag=True, help="Also show the settings, and what is fine.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def check(all_: bool, as_json: bool) -> bool:
    """Say what needs attention before participants come.

    Exits with 1 if something must be put right first.
    """
    context = build_context(Path.cwd())
    for find in list_checks(context):
        context.lines += [(find.__name__, *finding) for finding in find(context)]
    settings = list(context.settings.settings.values()) if context.settings else []
    if as_json:
        shown = [asdict(each) | {"value": each.shown} for each in settings]
        lines = [{"about": a, "colour": c, "text": text} for a, c, text in context.lines]
        print(json.dumps({"settings": shown, "lines": lines}, indent=2))
    else:
        if all_:
            print_settings(context, settings)
        print_findings(context.lines, all_)
    return all(colour != "red" for _, colour, _ in context.lines)


def print_settings(context: CheckContext, settings: list[Setting]) -> None:
    """Print what somebody has set, or the host; psiTurk's defaults are no news."""
    place = f"the app {context.spec.app}" if context.app else "this computer"
    print(f"Settings on {place}, without psiTurk's defaults")
    chosen = [each for each in settings if not each.source.startswith("psiTurk")]
    for section, members in groupby(chosen, lambda setting: setting.section):
        print(f"\n[{section}]")
        for each in members:
            print(f"  {each.name + ' = ' + each.shown:<58} {each.source}")
    print()


def print_findings(lines: list[tuple[str, str, str]], all_: bool) -> None:
    """Print the findings, the worst last, and in one line how many there are."""
    counts = Counter(colour for _, colour, _ in lines)
    for about, colour, text in sorted(lines, key=lambda line: COLOURS.index(line[1])):
        if all_ or colour != "green":
            click.secho(wrap(f"{colour:<7}{about:<10} {text}", 18), fg=colour)
    things = pluralize(counts["red"], "thing") if counts["red"] else "Nothing to do"
    more = f", {counts['yellow']:,} more to know" if counts["yellow"] else ""
    rest = "" if all_ else ". Every check and setting: uv run study check --all"
    print(f"\n{things} before your first participant{more}{rest}")


def wrap(text: str, indent: int) -> str:
    """Break a line at its words where it is wider than the terminal, if there is one."""
    columns = get_terminal_size((0, 0)).columns
    if not columns:
        return text
    width = min(max(columns, NARROWEST), WIDEST)
    words = {"break_long_words": False, "break_on_hyphens": False}
    return fill(text, width, subsequent_indent=" " * indent, **words)


def build_context(folder: Path) -> CheckContext:
    """Read the app, if possible, and the settings; the lines say what could not be read."""
    context = CheckContext(folder, read_spec(folder), None)
    if not config.is_database_named():
        try:
            context.app = fetch_app(Heroku(context.spec.app), **QUERIES)
            problem = "" if context.app else f"there is no app {context.spec.app}: uv run study up"
        except StudyError as error:
            problem = f"not checked. {error.cause} {error.remedy}".replace("\n", " ")
        context.lines += [("app", "yellow", problem)] if problem else []
    try:
        context.settings = config.read(folder, context.app.config if context.app else None)
        _ = context.settings.study  # raises StudyError
    except StudyError as error:
        context.lines.append(("settings", "red", f"{error.cause} {error.remedy}"))
    return context


def list_checks(context: CheckContext) -> list[Callable[[CheckContext], Iterator[Finding]]]:
    """Return the checks that can be made, in the order of their lines."""
    from study.commands import check_app as app
    from study.commands import check_host as host

    found = [machinery, files, experiment, pages]
    if context.settings:
        found += [contact, recruiter, work, excluded]
    if context.app:
        found += [app.version, app.mode, app.dynos, app.connected, app.backups]
    if config.is_database_named() and context.settings:
        found += [host.database, host.key, host.address]
    if context.app and context.settings:
        found += [app.address, app.ad, app.key, app.codes, app.database]
        found += [app.alerts, app.happened]
    return [*found, retention] if context.settings else found


def machinery(context: CheckContext) -> Iterator[Finding]:
    """Name the files in machinery/ that differ from the commit that last made or updated it."""
    git = partial(Repository(context.folder).read, "-c", "core.quotePath=false")
    project = context.folder / "machinery" / "pyproject.toml"
    number = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"]
    line, made = "-G^version *=", '-G^version *=|^  "commit": '  # commits that change such a line
    places = ("machinery/pyproject.toml", ".template.json")
    origin = git("log", "-1", "--format=%H", made, "--", *places)
    if not origin:
        yield "green", f"version {number}; without a commit, changes in it are not seen"
        return
    changed = git("diff", "--name-only", "--relative", origin, "--", "machinery").splitlines()
    changed += git("ls-files", "--others", "--exclude-standard", "machinery").splitlines()
    if git("diff", "--name-only", line, origin, "--", "machinery/pyproject.toml"):
        yield "yellow", f"version {number}, which is not committed yet"
    elif changed:
        names = ", ".join(changed[:5]) + (", …" if changed[5:] else "")
        differ = pluralize(len(changed), "file differs", "files differ")
        remedy = f"An update sets that aside. To see it: git diff {origin[:8]} -- machinery"
        yield "yellow", f"version {number}, but {differ}: {names}. {remedy}"
    else:
        yield "green", f"version {number}, unchanged"


def files(context: CheckContext) -> Iterator[Finding]:
    """Find what `study deploy` would refuse in the committed files."""
    for what, find, remedy in CHECKS:
        if problem := find(context.folder):
            yield "yellow" if find is find_uncommitted else "red", f"{problem}. {remedy}"
        else:
            yield "green", what


def experiment(context: CheckContext) -> Iterator[Finding]:
    """Find what cannot work in the pages, scripts and custom.py."""
    if not context.has_usable_settings:
        yield "yellow", "not checked, as the settings cannot be used"
        return
    found = checks.run(context.folder, context.settings)
    yield from [(each.colour, str(each)) for each in found] or [("green", "nothing is broken")]


def pages(context: CheckContext) -> Iterator[Finding]:
    """Find the passages that are still to be filled in."""
    found = [("red", str(gap)) for gap in checks.find_gaps(context.folder)]
    yield from found or [("green", "every marked passage is filled in")]


def contact(context: CheckContext) -> Iterator[Finding]:
    """Participants need an address to write to."""
    email = context.settings.value("Task Parameters", "contact_email_on_error")
    missing = [("red", str(each)) for each in checks.find_missing_contact(context.settings)]
    yield from missing or [("green", f"participants write to {email}")]


def recruiter(context: CheckContext) -> Iterator[Finding]:
    """Check what the recruiter itself asks for."""
    if context.recruiter.name:
        address = f"https://{context.app.domain}" if context.app else ""
        yield from context.recruiter.check(context.settings.value, address)
    else:
        written = context.settings.value("Study", "recruitment") or "empty"
        place, names = context.place("Study", "recruitment"), ", ".join(RECRUITERS)
        yield "red", f"{place}: recruitment is {written}; it must be one of {names}"


def work(context: CheckContext) -> Iterator[Finding]:
    """Say what a completion code is for."""
    least = context.settings.value("Study", "minimum_trials") or "0"
    if least == "0":
        place = context.place("Study", "minimum_trials")
        cause = f"{place}: a completion code needs one saved line"
        yield "yellow", f"{cause}. Set minimum_trials to what your task records at least"
    else:
        yield "green", f"a completion code needs {least} lines of data (minimum_trials)"


def retention(context: CheckContext) -> Iterator[Finding]:
    """Remind of the days until which data are kept."""
    from study.erasure.files import list_downloads
    from study.erasure.retention import find_files, list_promises

    if not context.has_usable_settings:
        return
    today = datetime.now(UTC).date()
    number = context.participants.count_by("mode").total() if context.participants else 0
    for promise in list_promises(context.settings.study):
        if not promise.is_past(today):
            near = promise.is_near(today)
            remedy = ". From the day after: uv run study forget" * near
            yield "yellow" if near else "green", f"{promise.what} kept until {promise.day}{remedy}"
        elif number or any(find_files(promise.what, list_downloads(context.folder))):
            late = f"{promise.what} were to be deleted after {promise.day}"
            yield "red", f"{late}: uv run study forget"
        else:
            yield "green", f"{promise.what} kept until {promise.day}; nothing is left of them here"


def excluded(context: CheckContext) -> Iterator[Finding]:
    """Check that participants of earlier studies are recognised."""
    if not (context.folder / FILE).exists():
        return
    try:
        found = read_excluded(context.folder)
    except StudyError as error:
        yield "red", f"{error.cause} {error.remedy}"
        return
    key = context.settings.value("Server Parameters", "secret_key")
    if context.app and key and found.fingerprint != fingerprint(key):
        cause = f"{FILE} was made with another key than the app's, so nobody is kept out"
        yield "red", f"{cause}. Delete it, then: uv run study exclude FILE"
    else:
        people = pluralize(len(found.pseudonyms), "person", "people")
        yield "green", f"keeps {people} of earlier studies out"
