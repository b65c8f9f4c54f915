"""Puts the committed study online: `study deploy`.

Checks first, then pushes the current branch to the app's ``main`` and waits until the new
version answers under its real address. A plain ``git push heroku main`` does the same,
without the checks and the waiting.

A push can succeed although the release phase failed, and then the old version goes on
running (devcenter.heroku.com/articles/release-phase). So Heroku's releases and processes
are read after each push, whatever git or the address says.
"""

import os
import subprocess
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import requests

from study import config
from study.errors import StudyError
from study.heroku.app import App, look
from study.heroku.cli import Heroku, problem
from study.heroku.preflight import CHECKS, find_todo_spots, run
from study.heroku.wanted import read_wanted
from study.links import describe_links
from study.server.app import debug_link
from study.text import mask_passwords

SECONDS_FOR_RELEASE = 600
SECONDS_FOR_BOOT = 120  # Heroku gives up after 60
SECONDS_WITHOUT_DYNO = 5
AGAIN = """Heroku builds only what is new, so if no file changed:
  git commit --allow-empty -m "Deploy again"
Then: uv run study deploy"""
REFUSED = (
    "Heroku did not take the push; the lines above say why.",
    'Correct that, commit, and run the same command again. If git says "fetch first", somebody '
    "else has deployed: git pull heroku main",
)
NOTHING_NEW = ("Heroku has this commit already, but was rolled back to another one.", AGAIN)


def deploy(folder: Path) -> None:
    """Check, push, wait, and print the links to use.

    Raises StudyError if a check fails (nothing was pushed then), if the push or the
    release phase fails, or if the new version does not answer in time.
    """
    wanted = read_wanted(folder)
    heroku = Heroku(wanted.app)
    app = check_everything(folder, heroku, wanted.remote)
    address = f"https://{app.domain}"
    recruitment = config.read(folder, app.config).value("Study", "recruitment")
    say(f"\nPushing to {wanted.app} ...")
    commit = run(folder, "git", "rev-parse", "HEAD").stdout.strip()
    asks_nothing = os.environ | {"GIT_TERMINAL_PROMPT": "0"}
    push = subprocess.run(["git", "push", "heroku", "HEAD:main"], cwd=folder, env=asks_nothing)
    version = wait_for_release(heroku, commit, pushed=push.returncode == 0)
    say(f"\nWaiting for {address} ...")
    wait_for_invitation(heroku, address, version)
    say(f"The study is online.\n\n{describe_links(address, recruitment, wanted.app)}")
    say(f"\nTo watch:\n  heroku logs --tail --app {wanted.app}\n  uv run study status")


def say(line: str) -> None:
    """Print at once, so that the lines stand in order with those of git."""
    print(line, flush=True)


def check_everything(folder: Path, heroku: Heroku, remote: str) -> App:
    """Say in a line what each check found; returns the study's app.

    Raises StudyError with all remedies if a check fails. Passages left to fill in do
    not stop a deploy: a pilot needs no ethics board.
    """
    remedies = []
    for what, find, remedy in CHECKS:
        found = find(folder)
        say(f"  NO   {what}: {found}" if found else f"  ok   {what}")
        remedies += [remedy] if found else []
    todo = "; ".join(f"{page}: {', '.join(n)}" for page, n in find_todo_spots(folder).items())
    say(f"  note left to fill in: {todo}" if todo else "  ok   nothing left to fill in")
    try:
        app = find_app(folder, heroku, remote)
        say(f"  ok   the app is there: https://{app.domain}")
        _ = config.read(folder, app.config).study  # raises StudyError
        say("  ok   the settings can be used")
    except StudyError as error:
        say(f"  NO   {error.cause}")
        remedies.append(error.remedy)
    if remedies:
        raise StudyError("Nothing was pushed. What to do:", "\n".join(f"- {r}" for r in remedies))
    return app


def find_app(folder: Path, heroku: Heroku, remote: str) -> App:
    """The study's app. Raises StudyError if the app is missing, has no database (which `study
    up` buys after a yes to the price of both), or `heroku` leads elsewhere."""
    app, _ = look(heroku)
    if not app:
        raise StudyError(f"the app {heroku.app} is not there", "Make it: uv run study up")
    if not app.config.get("DATABASE_URL"):
        raise StudyError(f"the app {heroku.app} has no database yet", "Get one: uv run study up")
    leads_to = run(folder, "git", "remote", "get-url", "heroku").stdout.strip()
    if leads_to != remote:
        raise StudyError(
            f"the git remote `heroku` leads to {mask_passwords(leads_to) or 'nothing'}, not to {remote}",
            "If it is not yours to keep: git remote remove heroku. Then: uv run study up",
        )
    return app


def wait_for_release(heroku: Heroku, commit: str, pushed: bool) -> int:
    """The version that the commit was released as, once its release phase is over.

    Raises StudyError if the push or the release phase failed.
    """
    deadline = time.monotonic() + SECONDS_FOR_RELEASE
    release = {"status": "pending"}
    while release["status"] == "pending" and time.monotonic() < deadline:
        releases = _read(heroku, "releases", "--json", "--num", "100")
        # Heroku describes what a push made as "Deploy" and the commit's first digits.
        code = [r for r in releases if r["description"].startswith(("Deploy ", "Rollback "))]
        release = max(code, key=lambda r: r["version"], default={"description": "-"})
        if not commit.startswith(release["description"].removeprefix("Deploy ")):
            raise StudyError(*(NOTHING_NEW if pushed else REFUSED))
        time.sleep(2 if release["status"] == "pending" else 0)
    version = release["version"]
    if release["status"] != "succeeded":
        said = heroku.read_on_app("releases:output", f"v{version}").out
        raise StudyError(
            f"The release phase of v{version} failed or did not end; the version before it, if "
            f"there is one, goes on running. It said:\n{_quote(said.splitlines())}",
            f"Correct that. {AGAIN}",
        )
    return version


def wait_for_invitation(heroku: Heroku, address: str, version: int) -> None:
    """Return once a web process of this version runs and psiTurk shows the invitation.

    Raises StudyError, with the last lines of the log, if that does not happen.
    """
    begun, seen = time.monotonic(), "no answer"
    while (waited := time.monotonic() - begun) < SECONDS_FOR_BOOT:
        web = [dyno for dyno in _read(heroku, "ps", "--json") if dyno["type"] == "web"]
        states = [dyno["state"] for dyno in web if dyno["release"]["version"] >= version]
        if not web and waited > SECONDS_WITHOUT_DYNO:
            raise StudyError(
                "The new version is on Heroku, but no web process runs it.",
                f"Start one: heroku ps:scale web=1 --app {heroku.app}",
            )
        if "crashed" in states:
            seen = "the server did not start"
            break
        if "up" in states and not (seen := look_at_invitation(address)):
            return
        time.sleep(1)
    log = heroku.read_on_app("logs", "--num", "100").out.splitlines()
    raise StudyError(
        f"The new version does not serve: {seen}. Its log ends:\n"
        + _quote([line.partition(" ")[2] for line in log if "[web." in line]),
        "Correct that, commit, and run the same command again. To go back to the version "
        f"before: heroku rollback --app {heroku.app}",
    )


def look_at_invitation(address: str) -> str:
    """What is wrong with the invitation; empty if psiTurk shows it."""
    link = debug_link()
    browser = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/145.0 (study deploy)"}
    try:
        page = requests.get(address + link, headers=browser, timeout=30)
    except requests.RequestException as error:
        return f"{address} could not be reached ({type(error).__name__})"
    if page.status_code != 200:
        return f"status {page.status_code}"
    # psiTurk's error pages have status 200, too, but lead nobody on.
    worker = parse_qs(urlsplit(link).query)["workerId"][0]
    return "" if worker in page.text else "psiTurk shows an error page"


def _read(heroku: Heroku, *command: str) -> list[dict]:
    answer = heroku.read_on_app(*command)
    if answer.code:
        raise problem(answer, f"asking for {command[0]}")
    return answer.json()


def _quote(lines: list[str]) -> str:
    return "\n".join(f"  {mask_passwords(line)}" for line in lines[-20:]) or "  (nothing)"
