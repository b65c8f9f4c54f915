"""Put the committed study online: `study deploy`.

``git push heroku main`` does the same, without the checks before and the waiting after it. A push
can succeed although the release phase failed; then the old version goes on running
(devcenter.heroku.com/articles/release-phase). So Heroku's releases and dynos are read after
each push, whatever git or the address says.
"""

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import click

from study import checks, config
from study.config import Config
from study.heroku.app import AppSpec, AppState, fetch_app, read_spec
from study.heroku.cli import Heroku, problem
from study.heroku.git import Repository
from study.heroku.preflight import CHECKS
from study.messages import StudyError, mask_passwords
from study.recruiters import debug_link, describe_links

SECONDS_FOR_RELEASE = 600
SECONDS_FOR_BOOT = 120  # Heroku gives up after 60
SECONDS_WITHOUT_DYNO = 5
SECONDS_FOR_ANSWER = 30
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) Firefox/145.0 (study deploy)"
AGAIN = """Heroku builds only what is new, so if no file changed:
  git commit --allow-empty -m "Deploy again"
Then: uv run study deploy"""
REFUSED = (
    "Heroku did not take the push; the lines above say why.",
    'Correct that, commit, and run the same command again. If git says "fetch first", somebody '
    "else has deployed: git pull heroku main",
)
AS_PILOT = "Or try it with a few people, on pages that say so: uv run study deploy --pilot"
NOTHING_NEW = ("Heroku has this commit already, but was rolled back to another one.", AGAIN)
say = partial(print, flush=True)  # at once, to keep the order with git's own lines


@click.command()
@click.option("--pilot", is_flag=True, help="Let every page say that this is a pilot.")
@click.option("--untried", is_flag=True, help="Do not let robots take part first.")
def deploy(pilot: bool, untried: bool) -> None:
    """Put the committed study online and print its links.

    With passages to fill in or without a contact, only as a pilot.
    """
    from study.database.reader import find_key  # with SQLAlchemy, which takes long to import

    folder = Path.cwd()
    spec = read_spec(folder)
    heroku, repository = Heroku(spec.app), Repository(folder)
    app = check_everything(folder, spec, heroku, pilot)
    if not untried:
        require_tried(folder)
    if pilot:  # before the push, so that nobody meets an unmarked page
        mark_pages(heroku, app, pilot)
    address = f"https://{app.domain}"
    say(f"\nPushing to {spec.app} ...")
    commit = repository.head
    version = wait_for_release(heroku, commit, pushed=repository.push())
    if not pilot and mark_pages(heroku, app, pilot):
        version = max(release["version"] for release in heroku.read_json("releases"))
    say(f"\nWaiting for {address} ...")
    settings = config.read(folder, app.config)
    key = find_key(settings)
    wait_for_ad(heroku, address + debug_link(key), version)
    links = describe_links(address, settings.value("Study", "recruitment"), spec.app, key)
    say(f"The study is online{', as a pilot: every page says so' * pilot}.\n\n{links}")
    say(f"\nTo watch:\n  heroku logs --tail --app {spec.app}\n  uv run study status")


def check_everything(folder: Path, spec: AppSpec, heroku: Heroku, pilot: bool) -> AppState:
    """Print a line for each check; return the app. Raises StudyError with all remedies."""
    remedies = []
    for what, find, remedy in CHECKS:
        found = find(folder)
        say(f"  NO   {what}: {found}" if found else f"  ok   {what}")
        remedies += [remedy] if found else []
    app = None
    try:
        app = fetch_ready_app(spec, heroku, Repository(folder).remote)
        say(f"  ok   the app is there: https://{app.domain}")
    except StudyError as error:
        say(f"  NO   {error.cause}")
        remedies.append(error.remedy)
    try:
        settings = config.read(folder, app.config if app else None)
        _ = settings.study  # raises StudyError
        say("  ok   the settings can be used")
        remedies += check_experiment(settings, pilot)
    except StudyError as error:
        say(f"  NO   {error.cause}")
        remedies.append(error.remedy)
    if remedies:
        raise StudyError("Nothing was pushed. What to do:", "\n".join(f"- {r}" for r in remedies))
    return app


def check_experiment(settings: Config, pilot: bool) -> list[str]:
    """Print what is broken, and what is to be filled in; return the remedies."""
    found = checks.run(settings.folder, settings)
    broken = [each for each in found if each.colour == "red"]
    for each in found:
        say(f"  {'NO  ' if each in broken else 'note'} {each.place}: {each.what}")
    if not broken:
        say("  ok   nothing in the experiment is broken")
    remedies = [f"{each.place}: {each.remedy}" for each in broken]
    unfinished = checks.find_unfinished(settings)
    for each in unfinished:
        say(f"  {'note' if pilot else 'NO  '} {each.place}: {each.what}")
    if not unfinished:
        say("  ok   nothing is left to fill in")
    missing = list(dict.fromkeys(each.remedy for each in unfinished))
    return remedies + ([*missing, AS_PILOT] if missing and not pilot else [])


def mark_pages(heroku: Heroku, app: AppState, pilot: bool) -> bool:
    """Let every page say that this is a pilot, or no page; return whether that was a change.

    A config var says so, as it outlives restarts and later releases. Raises StudyError.
    """
    if config.is_pilot(app.config) == pilot:
        return False
    say("\nMarking every page as a pilot ..." if pilot else "\nTaking the pilot's mark away ...")
    change = ("config:set", f"{config.PILOT}=1") if pilot else ("config:unset", config.PILOT)
    result = heroku.run(*change)
    if config.is_pilot(heroku.read_json("config")) != pilot:
        raise problem(result, f"to change the config var {config.PILOT}")
    return True


def require_tried(folder: Path) -> None:
    """Let robots take part. Raises StudyError if there is a condition that they cannot finish."""
    from study.commands.try_out import has_browser, try_study

    if not has_browser():
        say("  note not tried by robots, for want of a browser: uv run study try")
        return
    report = try_study(folder)
    if not report.can_be_finished:
        cause = f"Nothing was pushed, as robots could not finish every condition:\n{report}"
        remedy = """Correct that, commit, and run the same command again.
If only robots cannot do it, tell them how to answer (docs/trying.md), or leave them out:
  uv run study deploy --untried"""
        raise StudyError(cause, remedy)
    say(f"  ok   robots finished every condition\n{report}")


def fetch_ready_app(spec: AppSpec, heroku: Heroku, remote: str) -> AppState:
    """Fetch the app. Raises StudyError if a push would not lead to one with a database."""
    app = fetch_app(heroku)
    if not app:
        raise StudyError(f"the app {spec.app} is not there", "Make it: uv run study up")
    if not app.config.get("DATABASE_URL"):
        raise StudyError(f"the app {spec.app} has no database yet", "Get one: uv run study up")
    if remote != spec.remote:
        leads_to = mask_passwords(remote) or "nothing"
        cause = f"the git remote `heroku` leads to {leads_to}, not to {spec.remote}"
        remedy = "If it is not yours to keep: git remote remove heroku. Then: uv run study up"
        raise StudyError(cause, remedy)
    return app


def wait_for_release(heroku: Heroku, commit: str, pushed: bool) -> int:
    """Wait for the release phase; return its version. Raises StudyError if that did not work."""
    for _ in poll(SECONDS_FOR_RELEASE, pause=2):
        releases = heroku.read_json("releases", "--num", "100")
        # Heroku describes what a push made as "Deploy" and the commit's first digits.
        code = [r for r in releases if r["description"].startswith(("Deploy ", "Rollback "))]
        release = max(code, key=lambda r: r["version"], default={"description": "-"})
        if not commit.startswith(release["description"].removeprefix("Deploy ")):
            raise StudyError(*(NOTHING_NEW if pushed else REFUSED))
        if release["status"] != "pending":
            break
    version = release["version"]
    if release["status"] != "succeeded":
        said = _quote(heroku.read("releases:output", f"v{version}").out.splitlines())
        cause = f"The release phase of v{version} failed or did not end"
        then = f"the version before it, if there is one, goes on running. It said:\n{said}"
        raise StudyError(f"{cause}; {then}", f"Correct that. {AGAIN}")
    return version


def wait_for_ad(heroku: Heroku, link: str, version: int) -> None:
    """Wait until a web dyno runs this version and shows the ad. Raises StudyError with the log."""
    wrong = "no answer"
    for waited in poll(SECONDS_FOR_BOOT, pause=1):
        web = [dyno for dyno in heroku.read_json("ps") if dyno["type"] == "web"]
        states = [dyno["state"] for dyno in web if dyno["release"]["version"] >= version]
        if not web and waited > SECONDS_WITHOUT_DYNO:
            remedy = f"Start one: heroku ps:scale web=1 --app {heroku.app}"
            raise StudyError("The new version is on Heroku, but no web process runs it.", remedy)
        if "crashed" in states:
            wrong = "the server did not start"
            break
        if "up" in states and not (wrong := find_ad_problem(link)):
            return
    log = heroku.read("logs", "--num", "100").out.splitlines()
    end = _quote([line.partition(" ")[2] for line in log if "[web." in line])
    back = f"To go back to the version before: heroku rollback --app {heroku.app}"
    remedy = f"Correct that, commit, and run the same command again. {back}"
    raise StudyError(f"The new version does not serve: {wrong}. Its log ends:\n{end}", remedy)


def find_ad_problem(link: str) -> str:
    """What is wrong with the ad behind a debug link; empty if psiTurk shows it."""
    request = urllib.request.Request(link, headers={"User-Agent": BROWSER})
    try:
        with urllib.request.urlopen(request, timeout=SECONDS_FOR_ANSWER) as response:
            page = response.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        return f"status {error.code}"
    except (OSError, http.client.HTTPException) as error:
        return f"{link.partition('?')[0]} could not be reached ({type(error).__name__})"
    # psiTurk's error pages have status 200 as well, but no link to the next page.
    worker = parse_qs(urlsplit(link).query)["workerId"][0]
    return "" if worker in page else "psiTurk shows an error page"


def poll(seconds: float, pause: float) -> Iterator[float]:
    """Yield the seconds gone by, with a pause in between, until so many have."""
    begun = time.monotonic()
    while (waited := time.monotonic() - begun) < seconds:
        yield waited
        time.sleep(pause)


def _quote(lines: list[str]) -> str:
    return "\n".join(f"  {mask_passwords(line)}" for line in lines[-20:]) or "  (nothing)"
