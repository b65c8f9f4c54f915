"""What `study check` finds on the app: its server, database, codes and address."""

import re
from collections.abc import Iterator

from study.alerts.posting import name_chat
from study.commands.check import CheckContext, Finding
from study.commands.deploy import find_ad_problem
from study.config import is_on_cloud, is_pilot
from study.database.capacity import FULL, find_share
from study.database.engine import ENGINE_CONNECTIONS, connections_per_worker
from study.database.reader import find_key, open_participants
from study.heroku.app import PLANS, find_limit
from study.heroku.git import Repository
from study.heroku.resources import LIMIT
from study.messages import StudyError, pluralize
from study.overview.incidents import DAYS, INCIDENTS, count_incidents
from study.recruiters import debug_link
from study.statuses import TEST_MODES

OUR_CONNECTIONS = 2  # of `study data` and the release phase
ALMOST_FULL = 0.7


def mode(context: CheckContext) -> Iterator[Finding]:
    """psiTurk must know that it runs on a cloud server, and participants must be let in."""
    if not is_on_cloud(context.app.config):
        yield "red", "ON_CLOUD, by which psiTurk knows a host, is not set: uv run study up"
    elif context.app.info["app"]["maintenance"]:
        yield "red", f"participants are kept out: {context.heroku('maintenance:off')}"
    else:
        yield "green", "cloud server, open to participants"
    if is_pilot(context.app.config):
        yield "yellow", "a pilot, and every page says so. To go live: uv run study deploy"


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
    yield open_invitation(context, context.app.domain, f": {context.heroku('logs')}")


def open_invitation(context: CheckContext, domain: str, remedy: str = "") -> Finding:
    """Look at the invitation there as a debug participant, whose first look stores nothing."""
    url = f"https://{domain}"
    try:
        problem = find_ad_problem(url + debug_link(find_key(context.settings)))
    except StudyError as error:
        problem = error.cause
    if problem:
        return "red", f"{url} does not show the invitation ({problem}){remedy}"
    return "green", f"{url} answers"


def database(context: CheckContext) -> Iterator[Finding]:
    """The data must be in a Postgres that answers. Test runs and other databases are named."""
    url = context.settings.value("Database Parameters", "database_url")
    # psiTurk refuses the other two on a cloud server (psiturk/psiturk_config.py).
    if not url.startswith("postgres") or "localhost" in url or "sqlite" in url:
        yield "red", "no Postgres is attached: uv run study up"
        return
    plan = context.app.plan or "a Postgres of your own"
    try:
        context.participants = open_participants(context.settings)
        modes = context.participants.count_by("mode")
    except StudyError as error:
        yield "red", f"{plan}: {error.cause}"
        return
    yield "green", f"{plan}, {pluralize(modes.total(), 'participant')}"
    yield from describe_size(context, context.participants.size)
    if test_runs := sum(modes[mode] for mode in TEST_MODES):
        yield "yellow", f"{pluralize(test_runs, 'test run')} in it, which `study data` leaves out"
    for extra in context.app.databases[1:]:
        remedy = context.heroku(f"addons:destroy {extra.name}")
        yield "yellow", f"a second database costs money. If you do not need it: {remedy}"


def describe_size(context: CheckContext, size: int) -> Iterator[Finding]:
    """Check that the database has room, and that the server knows how much."""
    app, limit = context.app, find_limit(context.app.plan)
    try:
        share = find_share(size, app.config)
    except StudyError as error:
        yield "red", f"{error.cause} {error.remedy}"
        return
    if limit and app.config.get(LIMIT) != str(limit):
        yield "yellow", f"the server does not know that the plan has {limit} MB: uv run study up"
    if share >= ALMOST_FULL:
        colour = "red" if share >= FULL else "yellow"
        effect = "nobody new is taken" if share >= FULL else f"nobody new is taken from {FULL:.0%}"
        name = app.databases[0].name if app.databases else ""
        larger = context.heroku(f"addons:upgrade {name} heroku-postgresql:…")
        remedy = f"{larger}, then: uv run study up" if name else f"make room, or set {LIMIT}"
        yield colour, f"{share:.0%} of {LIMIT} are full, and {effect}. To go on: {remedy}"


def connected(context: CheckContext) -> Iterator[Finding]:
    """All worker processes together must fit into the plan's connections."""
    limit = PLANS["databases"].get(context.app.plan, {}).get("connections")
    known = [PLANS["dynos"].get(dyno["size"]) for dyno in context.app.web_dynos]
    if not limit or not known or not all(known):
        return
    # The buildpack leaves the variable alone if it is set.
    dynos = [{"WEB_CONCURRENCY": str(size["workers"])} | context.app.config for size in known]
    number = most = 0
    try:
        for dyno in dynos:
            workers = int(dyno.get("PSITURK_THREADS") or dyno["WEB_CONCURRENCY"])
            number, most = number + workers, most + workers * connections_per_worker(dyno)
    except ValueError as error:
        yield "red", f"a config var must be a number and is not: {error}"
        return
    use = pluralize(number, "worker process uses", "worker processes use")
    described = f"{use} up to {most} of the plan's {limit}"
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
    if daily := re.search(r"daily at .+", context.app.answers["schedules"].out):
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
        colour = "red" if context.recruiter.makes_hits or not domain else "yellow"
        place = context.place("HIT Configuration", "ad_url_domain")
        differ = f"ad_url_domain is {domain or 'empty'}, the app's is {context.app.domain}"
        yield colour, f"{place}: {differ}"


def version(context: CheckContext) -> Iterator[Finding]:
    """The app should run the commit in this folder."""
    answer = context.app.answers["releases"]
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


def codes(context: CheckContext) -> Iterator[Finding]:
    """Check the code with which participants are sent back."""
    if not (name := context.recruiter.code_var):
        return
    if not (value := context.app.config.get(name)):
        cause = f"{name} is not set, so nobody is sent back to {context.recruiter} at the end"
        # Before the first deploy, nobody can have taken part.
        colour = "red" if context.app.web_dynos else "yellow"
        yield colour, f"{cause}: uv run study up asks for it"
        return
    try:
        context.recruiter.read_code(value)
        yield "green", f"{name} is set. To see it: {context.heroku(f'config:get {name}')}"
    except ValueError as problem:
        remedy = context.heroku(f"config:set {name}=…")
        yield "red", f"{name} cannot be right. {problem} {remedy}"


def alerts(context: CheckContext) -> Iterator[Finding]:
    """Somebody should be told when something goes wrong."""
    command = context.heroku("config:set ALERT_URL=https://…")
    if not (url := context.settings.alert_url):
        yield "yellow", f"nobody is told if something goes wrong (docs/alerts.md): {command}"
        return
    try:
        chat = name_chat(url) or "the address in ALERT_URL"
        yield "green", f"go to {chat}. To send a test message: uv run study alert"
    except StudyError as error:
        yield "red", f"{error.cause}: {command}"


def happened(context: CheckContext) -> Iterator[Finding]:
    """Report what did not go as planned, as far as something can be done about it."""
    if context.participants is None:
        return
    shell = "make HITs with psiTurk's shell, which writes the right one"
    remedies = {
        "wrong-mode": f"so their data have it too: {shell}",
        "too-little": "and got none: if they had done the whole task, lower minimum_trials",
    }
    for kind, name in context.recruiter.codes.items():
        if kind != "completed" and not context.app.config.get(name):
            command = context.heroku(f"config:set {name}=…")
            without = f"without a code of {context.recruiter}'s"
            remedies[kind] = f"{without}. If it gave you one: {command}"
    with context.participants.snapshot() as connection:
        counts = count_incidents(context.participants, connection)
    for kind, remedy in remedies.items():
        if count := counts.get(kind):
            yield "yellow", f"{count} {INCIDENTS[kind]} in the last {DAYS} days, {remedy}"
