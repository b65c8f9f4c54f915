"""Bring the study's app on Heroku to the wanted state: `study up`.

Every step first looks whether its part exists, so the command can be stopped anywhere and run
again: it ends in the same state and buys nothing twice. What costs nothing is made at once.
What costs money waits until somebody has seen the price and said yes.

Standard library only: see study/heroku.
"""

import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from study.heroku.app import IN_PYPROJECT, PLANS, describe_price, find_price
from study.heroku.git import is_heroku_domain
from study.heroku.resources import Provisioning
from study.messages import StudyError

Ask = Callable[[str], str]


def run_up(dry_run: bool, agreed: bool, as_json: bool) -> bool:
    """Make what is missing; return whether nothing is missing now.

    With ``dry_run`` the commands are printed and nothing is made. ``agreed`` agrees to the
    price unseen; without it and without a terminal nothing is bought. Raises StudyError, which
    also says what exists and costs money.
    """

    def say(line: str) -> None:  # at once, even if the hook's output goes to a file
        print(line, file=sys.stderr if as_json else sys.stdout, flush=True)

    run = Provisioning(Path.cwd(), say)
    ask = input if sys.stdin.isatty() and not as_json else None
    try:
        run.repository.check(run.spec.remote)
        run.look()
        notes = check_before_buying(run)
        before = run.state.config
        missing = [step for step in run.steps if not step.is_done(run)]
        show_plan(run, missing)
        for step in missing if dry_run else ():
            say(f"  would run: {step.describe(run)}")
        if not dry_run:
            make_missing(run, agreed, ask)
            missing = [step for step in run.steps if not step.is_done(run)]
    except StudyError as error:
        remedy = f"{error.remedy}\nThen run again: uv run study up"
        raise StudyError(error.cause, remedy, run.leftovers()) from error
    except KeyboardInterrupt:
        raise StudyError("\nStopped.", "To go on: uv run study up", run.leftovers()) from None
    notes += find_differences(run)
    if not dry_run and run.database not in missing:
        notes += remind_of_code(run, before)
    for note in notes:
        say(f"Note: {note}")
    facts = describe(run, missing, notes)
    if as_json:
        print(json.dumps(facts, indent=2))
    elif not dry_run:
        say(f"{'' if missing else 'Done. '}The study's address will be {facts['address']}")
    return dry_run or not missing


def make_missing(run: Provisioning, agreed: bool, ask: Ask | None) -> None:
    """Make what costs nothing and, after a yes to the price, the rest. Raises StudyError."""
    for step in run.steps:
        if step is run.database and costs_more(run) and not (agreed or agrees(run, ask)):
            again = "uv run study up" if ask else "uv run study up --yes"
            return run.say(f"Nothing was bought. To go on: {again}")
        if step is run.code and ask:
            run.typed_codes = run.recruiter.ask_for_code(run.state.config, ask)
        if not step.is_done(run):
            run.say(f"  {step.name} …")
            step.make(run)


def check_before_buying(run: Provisioning) -> list[str]:
    """Raise StudyError if what is about to be bought or set could not be used; return notes."""
    url = run.state.config.get("DATABASE_URL")
    if url and run.spec.database != "existing" and not run.state.databases:
        cause = "The app's config var DATABASE_URL was set by hand"
        raise StudyError(
            f"{cause}, so a new database would not be used.",
            f'To keep yours, write database = "existing" {IN_PYPROJECT}\n'
            f"To buy one: heroku config:unset DATABASE_URL --app {run.spec.app}",
        )
    return check_database_url() if run.spec.database == "existing" and not url else []


def check_database_url() -> list[str]:
    """Raise StudyError if DATABASE_URL cannot keep a study's data; return notes.

    psiTurk refuses an address that contains ``localhost`` or ``sqlite`` anywhere
    (psiturk/psiturk_config.py). A server that does not answer here may still answer Heroku.
    """
    url = os.environ.get("DATABASE_URL", "")
    try:
        scheme, host, port = urlsplit(url).scheme, urlsplit(url).hostname, urlsplit(url).port
    except ValueError:
        scheme, host, port = "", "", None
    if not url:
        cause = '`database` is "existing", but the variable DATABASE_URL is not set here.'
    elif "sqlite" in url:
        cause = "DATABASE_URL leads to SQLite, a file that Heroku deletes every day."
    elif scheme not in ("postgres", "postgresql") or not host:
        cause = "DATABASE_URL is not the address of a Postgres."
    elif "localhost" in url or host == "::1" or host.startswith("127."):
        cause = "DATABASE_URL leads to this machine, which Heroku cannot reach."
    else:
        try:
            socket.create_connection((host, port or 5432), timeout=5).close()
            return []
        except OSError:
            return [
                f"The database at {host} does not answer from here. If it does not answer "
                "Heroku either, the first push will say so."
            ]
    example = 'export DATABASE_URL="postgres://user:password@host:5432/name"'
    raise StudyError(cause, f"Set it to a Postgres server that keeps your data: {example}")


def show_plan(run: Provisioning, missing: list) -> None:
    """Say what will be made and what it will cost, before anything is made."""
    if not missing:
        return run.say(f"The app {run.spec.app} has everything; nothing to do.")
    owner = f"team {run.spec.team}" if run.spec.team else run.account
    run.say(f"Heroku app {run.spec.app} of {owner}. To be made:")
    for step in missing:
        price = database_price(run) if step is run.database else "no cost"
        run.say(f"  {step.name:<12} {price}")
    if costs_more(run):
        if not run.state.is_deployed:
            run.say(f"  {'server':<12} {describe_price()}, from the first deploy on")
        price = f"{monthly_price(run)} USD a month (prices of {PLANS['checked']})"
        run.say(f"In all about {price}, by the second, until `study down`.")


def database_price(run: Provisioning) -> str:
    """What the missing database will cost."""
    if run.spec.database == "existing":
        return "your own, by its address in DATABASE_URL"
    if run.state.databases:
        return "bought before; Heroku is making it"
    if price := describe_price(run.spec.database):
        return f"{price}, from now on"
    return "see the plans: heroku addons:plans heroku-postgresql"


def costs_more(run: Provisioning) -> bool:
    """Whether money will be spent that nobody has agreed to yet.

    Without a database no server starts (release phase), so the database decides for both.
    """
    return not run.database.is_done(run) and not run.state.databases


def agrees(run: Provisioning, ask: Ask | None) -> bool:
    """Whether somebody types yes; anything else, and having nobody to ask, is a no."""
    what = "Connect" if run.spec.database == "existing" else "Buy"
    server = "" if run.state.is_deployed else ", and let the first deploy start the server"
    try:
        answer = ask(f"{what} the database{server}? [y/N] ") if ask else ""
    except EOFError:
        answer = ""
    return answer.strip().lower() in ("y", "yes")


def monthly_price(run: Provisioning) -> int:
    """The price of everything, a database that was bought twice included."""
    plans = [addon["plan"]["name"] for addon in run.state.databases] or [run.spec.database]
    return find_price() + sum(find_price(plan) or 0 for plan in plans)


def find_differences(run: Provisioning) -> list[str]:
    """What differs from what the study asks for, and was left alone."""
    spec, state, notes = run.spec, run.state, []
    if not state.exists:
        return notes
    for addon in state.databases:
        name, plan = addon["name"], addon["plan"]["name"]
        if "DATABASE_URL" not in addon["config_vars"]:
            notes.append(
                f"There is a second database, {name}, which costs money and is not in use. "
                f"To remove it: heroku addons:destroy {name} --app {spec.app}"
            )
        elif plan != spec.database:
            notes.append(f"The database is {plan}; pyproject.toml says {spec.database}.")
    region = state.info["app"]["region"]["name"]
    if region != spec.region:
        notes.append(
            f"The app is in the region {region}; pyproject.toml says {spec.region}. "
            "An app cannot move: make another one to change that."
        )
    written = run.repository.committed_domain
    if written and written != state.domain and not is_heroku_domain(written):
        notes.append(
            f"ad_url_domain in config.txt is {written}; the app's own address is {state.domain}."
        )
    return notes


def remind_of_code(run: Provisioning, before: dict[str, str]) -> list[str]:
    """What is left to do about the recruiter's code if it is new and nobody typed it."""
    recruiter, name = run.recruiter, run.recruiter.code_var
    is_known = not name or before.get(name) or name in run.typed_codes
    return [] if is_known else [recruiter.describe(recruiter.code_note, app=run.spec.app)]


def describe(run: Provisioning, missing: list, notes: list[str]) -> dict:
    """The state for scripts: names and addresses, no secrets."""
    return {
        "app": run.spec.app,
        "address": f"https://{run.state.domain}" if run.state.exists else None,
        "databases": [
            {"name": a["name"], "plan": a["plan"]["name"], "state": a["state"]}
            for a in run.state.databases
        ],
        "config_vars": sorted(run.state.config),
        "missing": [step.name for step in missing],
        "notes": notes,
        "monthly_usd": monthly_price(run),
        "prices_checked": PLANS["checked"],
    }


def main() -> None:
    """Run `study up` before anything is installed, with the options that it has in __main__.py."""
    try:
        sys.exit(not run_up(*(option in sys.argv for option in ("--dry-run", "--yes", "--json"))))
    except StudyError as error:
        sys.exit(f"\n{error}")


if __name__ == "__main__":
    main()
