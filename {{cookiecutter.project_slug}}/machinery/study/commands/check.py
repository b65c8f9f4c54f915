"""Checks whether the study is ready for participants: `study check`.

Prints every setting of psiTurk with its source, then a line for each finding: red must be put
right first, yellow is worth knowing, green is fine. Changes nothing.
"""

import json
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from study import config
from study.config import Config, is_on_cloud
from study.errors import StudyError
from study.heroku.app import (
    DYNO_WORKERS,
    PLAN_CONNECTIONS,
    AppSpec,
    AppState,
    fetch_app,
    read_spec,
)
from study.heroku.cli import CommandResult, Heroku
from study.heroku.git import Repository
from study.heroku.preflight import CHECKS, find_todo_spots, find_uncommitted
from study.recruiters import find_recruiter
from study.statuses import TEST_MODES
from study.text import pluralize

if TYPE_CHECKING:
    from study.database.reader import Participants

EXAMPLE = re.compile(r"youremail@gmail\.com|.*@example\.\w+", re.IGNORECASE)
OUR_CONNECTIONS = 2  # of `study data` and the release phase
QUERIES = {
    "releases": ("releases", "--json", "--num", "100"),
    "schedules": ("pg:backups:schedules",),
}
Finding = tuple[str, str]  # red, yellow or green, and a sentence
Line = tuple[str, str, str]  # what it is about, and a finding


@dataclass
class CheckContext:
    """What the checks look at.

    ``app`` is None if there is none or Heroku cannot be asked, ``settings`` if they cannot be
    read, ``participants`` until the check of the database has opened them.
    """

    folder: Path
    spec: AppSpec
    settings: Config | None
    app: AppState | None = None
    answers: dict[str, CommandResult] = field(default_factory=dict)
    participants: "Participants | None" = None
    lines: list[Line] = field(default_factory=list)

    @property
    def recruitment(self) -> str:
        """The recruiter's name as the server reads it."""
        return self.settings.value("Study", "recruitment")

    def heroku(self, command: str) -> str:
        """Return a command for the reader to type."""
        return f"heroku {command} --app {self.spec.app}"


# These are made even if the settings cannot be read.
WITHOUT_SETTINGS = (
    "machinery", "files", "pages", "mode", "dynos", "address", "connected", "backups", "version",
)  # fmt: skip
Check = Callable[[CheckContext], Iterator[Finding]]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def check(as_json: bool) -> bool:
    """Show every setting with its source, and what needs attention.

    Exits with 1 if something must be put right first.
    """
    context = build_context(Path.cwd())
    for about, find in list_checks(context).items():
        if context.settings is None and about not in WITHOUT_SETTINGS:
            continue
        context.lines += [(about, *finding) for finding in find(context)]
    listed = context.settings.settings.values() if context.settings else ()
    settings = [asdict(each) | {"value": each.shown} for each in listed]
    if as_json:
        lines = [
            dict(zip(("about", "colour", "text"), line, strict=True)) for line in context.lines
        ]
        print(json.dumps({"settings": settings, "lines": lines}, indent=2))
    else:
        place = f"the app {context.spec.app}" if context.app else "this computer"
        print(f"psiTurk's settings on {place}")
        for section, members in groupby(settings, lambda setting: setting["section"]):
            print(f"\n[{section}]")
            for each in members:
                print(f"  {each['name'] + ' = ' + each['value']:<58} {each['source']}")
        print()
        for about, colour, text in context.lines:
            click.secho(f"{colour:<7}{about:<10} {text}", fg=colour)
    return all(colour != "red" for _, colour, _ in context.lines)


def build_context(folder: Path) -> CheckContext:
    """Read the app, if possible, and the settings; the lines say what could not be read."""
    context = CheckContext(folder, read_spec(folder), None)
    try:
        context.app, context.answers = fetch_app(Heroku(context.spec.app), **QUERIES)
        if not context.app:
            problem = f"there is no app {context.spec.app}: uv run study up"
            context.lines.append(("app", "yellow", problem))
    except StudyError as error:
        problem = f"not checked. {error.cause} {error.remedy}".replace("\n", " ")
        context.lines.append(("app", "yellow", problem))
    try:
        context.settings = config.read(folder, context.app.config if context.app else None)
        _ = context.settings.study  # raises StudyError
    except StudyError as error:
        context.lines.append(("settings", "red", f"{error.cause} {error.remedy}"))
    return context


def list_checks(context: CheckContext) -> dict[str, Check]:
    """Return the checks by the word that begins their lines."""
    from study.commands import check_recruiting as recruiting

    checks: dict[str, Check] = {
        "machinery": machinery, "files": files, "pages": pages, "contact": contact,
        "recruiter": recruiting.recruiter, "excluded": recruiting.excluded,
    }  # fmt: skip
    if context.app:
        checks |= {
            "mode": mode, "key": key, "codes": recruiting.codes, "dynos": dynos,
            "address": address, "database": database, "connected": connections,
            "happened": recruiting.happened, "backups": backups, "ad": ad, "version": version,
        }  # fmt: skip
    return checks


# --- with or without an app ---


def machinery(context: CheckContext) -> Iterator[Finding]:
    """Name the files in machinery/ that differ from the commit that last set its version."""

    repository = Repository(context.folder)

    def git(*command: str) -> str:
        return repository.git("-c", "core.quotePath=false", *command).stdout.strip()

    project = context.folder / "machinery" / "pyproject.toml"
    number = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"]
    line = "-G^version *="  # a commit whose changes contain this line
    origin = git("log", "-1", "--format=%H", line, "--", "machinery/pyproject.toml")
    if not origin:
        yield "green", f"version {number}; without a commit, changes in it are not seen"
        return
    changed = git("diff", "--name-only", "--relative", origin, "--", "machinery").splitlines()
    changed += git("ls-files", "--others", "--exclude-standard", "machinery").splitlines()
    if git("diff", "--name-only", line, origin, "--", "machinery/pyproject.toml"):
        yield "yellow", f"version {number}, which is not committed yet"
    elif changed:
        names = ", ".join(changed[:5]) + (", …" if changed[5:] else "")
        differ = f"{pluralize(len(changed), 'file')} {'differs' if len(changed) == 1 else 'differ'}"
        remedy = f"An update would undo that. To see it: git diff {origin[:8]} -- machinery"
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


def pages(context: CheckContext) -> Iterator[Finding]:
    """Find the passages that are still to be filled in."""
    spots = find_todo_spots(context.folder)
    for page, names in spots.items():
        yield "red", f"{page} has passages to fill in: {', '.join(names)}"
    if not spots:
        yield "green", "every marked passage is filled in"


def contact(context: CheckContext) -> Iterator[Finding]:
    """Participants need an address to write to."""
    email = context.settings.value("Task Parameters", "contact_email_on_error")
    if not email or EXAMPLE.fullmatch(email):
        yield "red", f"participants write to {email or 'nobody'}, an example"
    else:
        yield "green", f"participants write to {email}"


# --- with an app ---


def mode(context: CheckContext) -> Iterator[Finding]:
    """psiTurk must know that it runs on a cloud server, and participants must be let in."""
    if not is_on_cloud(context.app.config):
        yield "red", "ON_CLOUD is not set, so the server listens to itself only: uv run study up"
    elif context.app.info["app"]["maintenance"]:
        yield "red", f"participants are kept out: {context.heroku('maintenance:off')}"
    else:
        yield "green", "cloud server, open to participants"


def key(context: CheckContext) -> Iterator[Finding]:
    """The study needs a secret key of its own."""
    if not context.settings.value("Server Parameters", "secret_key"):
        cause = "PSITURK_SECRET_KEY is not set, so a key in the database is used"
        remedy = "Set one before the first participant, for later it would invalidate earlier codes"
        yield "yellow", f"{cause}. {remedy}: uv run study up"


def dynos(context: CheckContext) -> Iterator[Finding]:
    """A server must run and must not sleep."""
    web = context.app.web_dynos
    states = ", ".join(f"{dyno['size']} {dyno['state']}" for dyno in web)
    if not web:
        start = context.heroku("ps:scale web=1")
        yield "red", f"no server runs: uv run study deploy or, after a pause, {start}"
    elif any(dyno["size"] == "Eco" for dyno in web):
        cause = "it sleeps after 30 minutes without visitors, and the next one waits"
        yield "red", f"{states}: {cause}. {context.heroku('ps:type web=basic')}"
    else:
        yield "green" if all(dyno["state"] == "up" for dyno in web) else "red", states


def address(context: CheckContext) -> Iterator[Finding]:
    """The app must show its invitation at its own address."""
    from study.commands.deploy import find_ad_problem
    from study.recruiters import debug_link

    url = f"https://{context.app.domain}"
    # A debug participant's first look at the invitation stores nothing (psiturk/experiment.py).
    if problem := find_ad_problem(url + debug_link()):
        yield "red", f"{url} does not show the invitation ({problem}): {context.heroku('logs')}"
    else:
        yield "green", f"{url} answers"


def database(context: CheckContext) -> Iterator[Finding]:
    """The data must be in a Postgres that answers. Test runs and other databases are named."""
    from study.database.reader import open_participants

    url = context.settings.value("Database Parameters", "database_url")
    # psiTurk refuses the other two on a cloud server (psiturk/psiturk_config.py).
    if not url.startswith("postgres") or "localhost" in url or "sqlite" in url:
        yield "red", "no Postgres is attached: uv run study up"
        return
    databases = context.app.databases
    plan = databases[0]["plan"]["name"] if databases else "a Postgres of your own"
    try:
        context.participants = open_participants(context.settings)
        modes = count_modes(context.participants)
    except StudyError as error:
        yield "red", f"{plan}: {error.cause}"
        return
    yield "green", f"{plan}, {pluralize(modes.total(), 'participant')}"
    if test_runs := sum(modes[mode] for mode in TEST_MODES):
        yield "yellow", f"{pluralize(test_runs, 'test run')} in it, which `study data` leaves out"
    for extra in databases[1:]:
        remedy = context.heroku(f"addons:destroy {extra['name']}")
        yield "yellow", f"a second database costs money. If you do not need it: {remedy}"


def count_modes(participants: "Participants") -> Counter[str]:
    """Count the participants by mode."""
    from sqlalchemy import func, select

    if participants.table is None:
        return Counter()
    column = participants.table.c.mode
    with participants.snapshot() as connection:
        query = select(column, func.count()).group_by(column)
        return Counter(dict(connection.execute(query).all()))


def connections(context: CheckContext) -> Iterator[Finding]:
    """All worker processes together must fit into the plan's connections."""
    from study.database.engine import ENGINE_CONNECTIONS, connections_per_worker

    plan = context.app.databases[0]["plan"]["name"] if context.app.databases else ""
    sizes = [dyno["size"] for dyno in context.app.web_dynos]
    if plan not in PLAN_CONNECTIONS or not sizes or not set(sizes) <= set(DYNO_WORKERS):
        return
    # The buildpack leaves the variable alone if it is set.
    dynos = [{"WEB_CONCURRENCY": str(DYNO_WORKERS[size])} | context.app.config for size in sizes]
    try:
        workers = [int(dyno.get("PSITURK_THREADS") or dyno["WEB_CONCURRENCY"]) for dyno in dynos]
        needed = [connections_per_worker(dyno) for dyno in dynos]
    except ValueError as error:
        yield "red", f"a config var must be a number and is not: {error}"
        return
    most = sum(number * each for number, each in zip(workers, needed, strict=True))
    limit, number = PLAN_CONNECTIONS[plan], sum(workers)
    uses = "process uses" if number == 1 else "processes use"
    described = f"{number} worker {uses} up to {most} of the plan's {limit}"
    if most + OUR_CONNECTIONS <= limit:
        yield "green", described
        return
    fewer = (limit - OUR_CONNECTIONS) // number
    remedy = "use fewer dynos, a smaller WEB_CONCURRENCY or a larger plan"
    if fewer > ENGINE_CONNECTIONS:  # a worker needs at least one more
        remedy = context.heroku(f"config:set CONNECTIONS_PER_WORKER={fewer}")
    yield "red", f"{described}, and `study data` needs some too: {remedy}"


def backups(context: CheckContext) -> Iterator[Finding]:
    """Heroku should back up the database every day."""
    if daily := re.search(r"daily at .+", context.answers["schedules"].out):
        yield "green", daily[0]
    elif context.app.databases:
        command = context.heroku("pg:backups:schedule DATABASE_URL --at '02:00 UTC'")
        yield "yellow", f"none are scheduled: {command}"


def ad(context: CheckContext) -> Iterator[Finding]:
    """The address for recruiters must be the app's."""
    ad_url = context.settings.value("HIT Configuration", "ad_url")
    host = re.match(r"\w+://([^/:]+)", ad_url)
    domain = host[1] if host else context.settings.value("HIT Configuration", "ad_url_domain")
    if domain == context.app.domain:
        yield "green", f"recruiters are sent to {domain}"
    else:
        # psiTurk reads this setting only for HITs, and a domain of one's own is no mistake.
        makes_hits = find_recruiter(context.recruitment).makes_hits
        colour = "red" if makes_hits or not domain else "yellow"
        yield colour, f"ad_url_domain is {domain or 'empty'}, the app's is {context.app.domain}"


def version(context: CheckContext) -> Iterator[Finding]:
    """The app should run the commit in this folder."""
    answer = context.answers["releases"]
    running = "" if answer.exit_code else find_deployed_commit(answer.json())
    here = Repository(context.folder).head
    if not running:
        yield "yellow", "nothing was deployed yet: uv run study deploy"
    elif not here.startswith(running):
        yield "yellow", f"{running} runs, {here[:8] or 'no commit'} is here: uv run study deploy"
    else:
        yield "green", f"{running} runs, and is here"


def find_deployed_commit(releases: list[dict]) -> str:
    """Return the first 8 digits of the commit that runs, from the releases' descriptions."""
    newest = float("inf")
    for release in sorted(releases, key=lambda release: -release["version"]):
        if release["version"] > newest or release["status"] != "succeeded":
            continue
        if back := re.match(r"Rollback to v(\d+)", release["description"]):
            newest = int(back[1])
        elif deploy := re.match(r"Deploy ([0-9a-f]{7,40})", release["description"]):
            return deploy[1][:8]
    return ""
