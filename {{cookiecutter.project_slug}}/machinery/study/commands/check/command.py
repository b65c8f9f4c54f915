"""Is the study ready for participants? `study check`.

Prints every setting of psiTurk with its source, then a line for each thing that was looked
at: red must be put right first, yellow should be known, green is well. It changes nothing.
"""

import http.client
import json
import re
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

import click
from sqlalchemy import func, select

from study.commands.check.context import Finding, Seen, look_around
from study.commands.check.recruiting import codes, excluded, happened, hits, previews, recruiter
from study.config import is_on_cloud
from study.database.dialect import ENGINE_CONNECTIONS, connections_per_worker
from study.database.reader import Participants, open_participants
from study.errors import StudyError
from study.heroku.preflight import CHECKS, find_todo_spots, find_uncommitted, run
from study.heroku.wanted import DYNO_WORKERS, PLAN_CONNECTIONS
from study.server.app import debug_link
from study.statuses import TEST_MODES
from study.text import pluralize

EXAMPLE = re.compile(r"youremail@gmail\.com|.*@example\.\w+", re.IGNORECASE)
SECONDS_TO_ANSWER = 35  # Heroku's router gives up after 30
CONNECTIONS_OF_OURS = 2  # of `study data` and the release phase


def run_check(folder: Path, as_json: bool) -> bool:
    """Print what was found; returns whether nothing is red."""
    seen, found = look_around(folder)
    for about, check in (CHECKS_HERE | (CHECKS_OF_APP if seen.app else {})).items():
        if seen.settings is None and about not in WITHOUT_SETTINGS:
            continue
        found += [{"about": about, "colour": colour, "text": text} for colour, text in check(seen)]
    listed = seen.settings.settings.values() if seen.settings else ()
    settings = [asdict(each) | {"value": each.shown} for each in listed]
    if as_json:
        print(json.dumps({"settings": settings, "lines": found}, indent=2))
    else:
        place = f"the app {seen.wanted.app}" if seen.app else "this machine"
        print(f"psiTurk's settings on {place}")
        for section, members in groupby(settings, lambda one: one["section"]):
            print(f"\n[{section}]")
            for one in members:
                print(f"  {one['name'] + ' = ' + one['value']:<58} {one['source']}")
        print()
        for line in found:
            click.secho("{colour:<7}{about:<10} {text}".format(**line), fg=line["colour"])
    return all(line["colour"] != "red" for line in found)


# --- what can be checked anywhere ---


def files(seen: Seen) -> Iterator[Finding]:
    """What git keeps can go online: nothing that `study deploy` would refuse."""
    for what, find, remedy in CHECKS:
        if wrong := find(seen.folder):
            yield "yellow" if find is find_uncommitted else "red", f"{wrong}. {remedy}"
        else:
            yield "green", what


def to_dos(seen: Seen) -> Iterator[Finding]:
    """No page has a passage left that is marked as a to-do."""
    left = find_todo_spots(seen.folder)
    for page, names in left.items():
        yield "red", f"{page} has passages to fill in: {', '.join(names)}"
    if not left:
        yield "green", "every marked passage is filled in"


def contact(seen: Seen) -> Iterator[Finding]:
    """Participants can write to somebody."""
    address = seen.settings.value("Task Parameters", "contact_email_on_error")
    if not address or EXAMPLE.fullmatch(address):
        yield "red", f"participants write to {address or 'nobody'}, an example"
    else:
        yield "green", f"participants write to {address}"


# --- what can be checked when there is an app ---


def cloud_mode(seen: Seen) -> Iterator[Finding]:
    """psiTurk knows that it is on a cloud server, and participants are let in."""
    if not is_on_cloud(seen.app.config):
        yield "red", "ON_CLOUD is not set, so the server listens to itself only: uv run study up"
    elif seen.app.info["app"]["maintenance"]:
        yield "red", f"participants are kept out: heroku maintenance:off --app {seen.wanted.app}"
    else:
        yield "green", "cloud server, open to participants"


def dynos(seen: Seen) -> Iterator[Finding]:
    """A server runs and does not sleep."""
    web, scale = seen.app.web_dynos, f"heroku ps:scale web=1 --app {seen.wanted.app}"
    described = ", ".join(f"{dyno['size']} {dyno['state']}" for dyno in web)
    if not web:
        yield "red", f"no server runs: uv run study deploy or, after a pause, {scale}"
    elif any(dyno["size"] == "Eco" for dyno in web):
        yield "red", (f"{described}: it sleeps after 30 minutes without visitors, and the next one "
                      f"waits. heroku ps:type web=basic --app {seen.wanted.app}")  # fmt: skip
    else:
        yield "green" if all(dyno["state"] == "up" for dyno in web) else "red", described


def reachable(seen: Seen) -> Iterator[Finding]:
    """The invitation answers at the app's own address, from here, over https."""
    address = f"https://{seen.app.domain}"
    # A debug participant's first look at the invitation stores nothing (experiment.py).
    headers = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) study check"}
    request = urllib.request.Request(address + debug_link(), headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=SECONDS_TO_ANSWER) as response:
            page = response.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        yield "red", f"{address} does not answer ({error}): heroku logs --app {seen.wanted.app}"
        return
    if 'id="errornum"' in page:  # psiTurk's error page, which comes with status 200
        yield "red", f"{address} shows an error page: heroku logs --app {seen.wanted.app}"
    else:
        yield "green", f"{address} answers"


def database(seen: Seen) -> Iterator[Finding]:
    """The data are kept in a Postgres that answers, and no debug runs are among them."""
    url = seen.settings.value("Database Parameters", "database_url")
    if not url.startswith("postgres") or "localhost" in url or "sqlite" in url:  # psiTurk's rule
        yield "red", "no Postgres is attached: uv run study up"
        return
    plan = seen.app.databases[0]["plan"]["name"] if seen.app.databases else "a Postgres of your own"
    try:
        seen.participants = open_participants(seen.settings)
        modes = count_modes(seen.participants)
        yield "green", f"{plan}, {pluralize(modes.total(), 'participant')}"
    except StudyError as error:
        yield "red", f"{plan}: {error.cause}"
        return
    if trial_runs := sum(modes[mode] for mode in TEST_MODES):
        yield "yellow", f"{pluralize(trial_runs, 'trial run')} in it, which `study data` leaves out"
    for extra in seen.app.databases[1:]:
        remedy = f"heroku addons:destroy {extra['name']} --app {seen.wanted.app}"
        yield "yellow", f"a second database costs money. If you do not need it: {remedy}"


def connections(seen: Seen) -> Iterator[Finding]:
    """All worker processes together fit into the plan's connections."""
    plan = seen.app.databases[0]["plan"]["name"] if seen.app.databases else ""
    sizes = [dyno["size"] for dyno in seen.app.web_dynos]
    if plan not in PLAN_CONNECTIONS or not sizes or not set(sizes) <= set(DYNO_WORKERS):
        return
    workers = most = 0
    try:
        for size in sizes:
            # The buildpack leaves the variable alone where it is set.
            environment = {"WEB_CONCURRENCY": str(DYNO_WORKERS[size])} | seen.app.config
            threads = environment.get("PSITURK_THREADS") or environment["WEB_CONCURRENCY"]
            workers += int(threads)
            most += int(threads) * connections_per_worker(environment)
    except ValueError as error:
        yield "red", f"a config var that must be a number is none: {error}"
        return
    limit = PLAN_CONNECTIONS[plan]
    uses = "process uses" if workers == 1 else "processes use"
    described = f"{workers} worker {uses} up to {most} of the plan's {limit}"
    if most + CONNECTIONS_OF_OURS <= limit:
        yield "green", described
        return
    fewer = (limit - CONNECTIONS_OF_OURS) // workers
    remedy = f"heroku config:set CONNECTIONS_PER_WORKER={fewer} --app {seen.wanted.app}"
    if fewer <= ENGINE_CONNECTIONS:  # a worker cannot do with less
        remedy = "it needs fewer dynos, a smaller WEB_CONCURRENCY or a larger plan"
    yield "red", f"{described}, and `study data` needs some too: {remedy}"


def key(seen: Seen) -> Iterator[Finding]:
    """The study has a secret key of its own."""
    if not seen.settings.value("Server Parameters", "secret_key"):
        yield (
            "yellow",
            (
                "PSITURK_SECRET_KEY is not set, so a key in the database is used. Before the first "
                "participant: uv run study up. Later it would make the codes of those before invalid"
            ),
        )


def backups(seen: Seen) -> Iterator[Finding]:
    """Heroku saves the database every day."""
    command = f"heroku pg:backups:schedule DATABASE_URL --at '02:00 UTC' --app {seen.wanted.app}"
    if daily := re.search(r"daily at .+", seen.answers["schedules"].out):
        yield "green", daily[0]
    elif seen.app.databases:
        yield "yellow", f"none are scheduled: {command}"


def ad_address(seen: Seen) -> Iterator[Finding]:
    """The address that recruiters get is the app's."""
    whole = re.match(r"\w+://([^/:]+)", seen.settings.value("HIT Configuration", "ad_url"))
    written = whole[1] if whole else seen.settings.value("HIT Configuration", "ad_url_domain")
    if written == seen.app.domain:
        yield "green", f"recruiters are sent to {written}"
    else:
        # Only psiTurk's MTurk part reads this setting, and a domain of one's own is no fault.
        colour = "red" if seen.recruitment == "mturk" or not written else "yellow"
        yield colour, f"ad_url_domain is {written or 'empty'}, the app's is {seen.app.domain}"


def version(seen: Seen) -> Iterator[Finding]:
    """What runs is what is in this folder."""
    answer = seen.answers["releases"]
    running = "" if answer.code else deployed_commit(answer.json())
    here = run(seen.folder, "git", "rev-parse", "HEAD").stdout.strip()
    if not running:
        yield "yellow", "nothing was deployed yet: uv run study deploy"
    elif not here.startswith(running):
        yield "yellow", f"{running} runs, {here[:8] or 'no commit'} is here: uv run study deploy"
    else:
        yield "green", f"{running} runs, and is here"


def count_modes(participants: Participants) -> Counter:
    """How many participants came in each mode."""
    if participants.table is None:
        return Counter()
    mode = participants.table.c.mode
    with participants.snapshot() as connection:
        rows = connection.execute(select(mode, func.count()).group_by(mode))
        return Counter({name: count for name, count in rows})


def deployed_commit(releases: list[dict]) -> str:
    """The first 8 letters of the commit that runs; Heroku tells it in a release's description."""
    newest = float("inf")
    for release in sorted(releases, key=lambda one: -one["version"]):
        if release["version"] > newest or release["status"] != "succeeded":
            continue
        if back := re.match(r"Rollback to v(\d+)", release["description"]):
            newest = int(back[1])
        elif deploy := re.match(r"Deploy ([0-9a-f]{7,40})", release["description"]):
            return deploy[1][:8]
    return ""


# These are made even if the settings cannot be read.
WITHOUT_SETTINGS = ("files", "pages", "mode", "dynos", "address", "connected", "backups", "version")
Checks = dict[str, Callable[[Seen], Iterator[Finding]]]
CHECKS_HERE: Checks = {
    "files": files, "pages": to_dos, "contact": contact, "recruiter": recruiter, "hits": hits,
    "previews": previews, "excluded": excluded,
}  # fmt: skip
CHECKS_OF_APP: Checks = {
    "mode": cloud_mode, "key": key, "codes": codes, "dynos": dynos, "address": reachable,
    "database": database, "connected": connections, "happened": happened, "backups": backups,
    "ad": ad_address, "version": version,
}  # fmt: skip
