"""Bring the study's app on Heroku to the wanted state: `study up`.

Every step first looks whether its part exists, so the command can be stopped anywhere and run
again: it ends in the same state and buys nothing twice. What costs nothing is made at once.
What costs money waits until somebody has seen the price and said yes. Standard library only:
see study/heroku.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

from study.heroku.app import PLANS, describe_price, find_price
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
        notes = run.database.check(run)
        before = run.state.config
        to_do = run.missing
        show_plan(run, to_do)
        for step in to_do if dry_run else ():
            say(f"  would run: {step.describe(run)}")
        if not dry_run:
            make_missing(run, agreed, ask)
        missing = run.missing
    except StudyError as error:
        remedy = f"{error.remedy}\nThen run again: uv run study up"
        raise StudyError(error.cause, remedy, run.leftovers()) from error
    except KeyboardInterrupt:
        raise StudyError("\nStopped.", "To go on: uv run study up", run.leftovers()) from None
    notes += find_differences(run)
    is_known = before.get(run.recruiter.code_var) or run.typed_codes or not run.recruiter.code_var
    if not (is_known or dry_run or run.database in missing):
        notes.append(run.recruiter.describe(run.recruiter.code_note, app=run.spec.app))
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


def show_plan(run: Provisioning, to_do: list) -> None:
    """Say what will be made and what it will cost, before anything is made."""
    if not to_do:
        return run.say(f"The app {run.spec.app} has everything; nothing to do.")
    owner = f"team {run.spec.team}" if run.spec.team else run.account
    run.say(f"Heroku app {run.spec.app} of {owner}. To be made:")
    for step in to_do:
        price = step.price(run) if step is run.database else "no cost"
        run.say(f"  {step.name:<12} {price}")
    if costs_more(run):
        if not run.state.is_deployed:
            run.say(f"  {'server':<12} {describe_price()}, from the first deploy on")
        price = f"{monthly_price(run)} USD a month (prices of {PLANS['checked']})"
        run.say(f"In all about {price}, by the second, until `study down`.")


def costs_more(run: Provisioning) -> bool:
    """Whether money will be spent that nobody has agreed to yet."""
    # Without a database no server starts (release phase), so the database decides for both.
    return not run.database.is_done(run) and not run.state.databases


def agrees(run: Provisioning, ask: Ask | None) -> bool:
    """Whether somebody types yes; anything else, and having nobody to ask, is a no."""
    server = "" if run.state.is_deployed else ", and let the first deploy start the server"
    try:
        answer = ask(f"{run.database.question}{server}? [y/N] ") if ask else ""
    except EOFError:
        answer = ""
    return answer.strip().lower() in ("y", "yes")


def monthly_price(run: Provisioning) -> int:
    """The price of everything, a database that was bought twice included."""
    plans = [database.plan for database in run.state.databases] or [run.spec.database]
    return find_price() + sum(find_price(plan) or 0 for plan in plans)


def find_differences(run: Provisioning) -> list[str]:
    """What differs from what the study asks for, and was left alone."""
    spec, state, notes = run.spec, run.state, []
    if not state.exists:
        return notes
    for database in state.databases:
        if not database.is_used:
            second = f"a second database, {database.name}, which costs money and is not in use"
            remove = f"heroku addons:destroy {database.name} --app {spec.app}"
            notes.append(f"There is {second}. To remove it: {remove}")
        elif database.plan != spec.database:
            notes.append(f"The database is {database.plan}; pyproject.toml says {spec.database}.")
    region = state.info["app"]["region"]["name"]
    if region != spec.region:
        difference = f"The app is in the region {region}; pyproject.toml says {spec.region}."
        notes.append(f"{difference} An app cannot move: make another one to change that.")
    written = run.repository.committed_domain
    if written and written != state.domain and not is_heroku_domain(written):
        own = f"the app's own address is {state.domain}."
        notes.append(f"ad_url_domain in config.txt is {written}; {own}")
    return notes


def describe(run: Provisioning, missing: list, notes: list[str]) -> dict:
    """The state for scripts: names and addresses, no secrets."""
    state = run.state
    return {
        "app": run.spec.app,
        "address": f"https://{state.domain}" if state.exists else None,
        "databases": [{"name": d.name, "plan": d.plan, "state": d.state} for d in state.databases],
        "config_vars": sorted(state.config),
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
