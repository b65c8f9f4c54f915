"""Brings the study's app on Heroku to the wanted state: `study up`.

Every step first looks whether its part is there, so the command can be stopped anywhere
and run again: it ends in the same state and buys nothing twice. What costs nothing is made at
once. What costs money waits until somebody has seen the price and said yes.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from study.errors import StudyError
from study.heroku.git import domain_in, is_herokus
from study.heroku.resources import CODE, DATABASE, FREE_STEPS, STEPS, Provisioning, Step
from study.heroku.wanted import (
    DYNO_PRICE,
    IN_PYPROJECT,
    PLAN_PRICES,
    PRICES_CHECKED,
    check_database_url,
)
from study.recruiters.codes import QUESTIONS, ask_for_codes, question_of

Ask = Callable[[str], str]


def up(
    folder: Path,
    dry_run: bool = False,
    agreed: bool = False,
    say: Callable[[str], None] = print,
    ask: Ask | None = None,
) -> dict:
    """Bring the app to the wanted state; returns that state, without secrets.

    With ``dry_run`` the commands are printed and nothing is made. ``agreed``: to the price,
    unseen. ``ask`` puts a question to the researcher; without it nothing is bought that was
    not agreed to, and a code that is missing is made up. Raises StudyError, which also says
    what exists and costs money.
    """
    run = Provisioning(folder, say)
    try:
        run.repository.check(run.wanted.remote)
        run.look()
        check_before_buying(run)
        before = run.found.config or {}
        missing = [step for step in STEPS if not step.is_done(run)]
        show_plan(run, missing)
        if dry_run:
            for step in missing:
                say(f"  would run: {' '.join(step.command(run))}")
        else:
            make_missing(run, missing, agreed, ask)
    except StudyError as error:
        remedy = f"{error.remedy}\nThen run again: uv run study up"
        raise StudyError(error.cause, remedy, run.left()) from error
    except KeyboardInterrupt:
        raise StudyError("\nStopped.", "To go on: uv run study up", run.left()) from None
    note_differences(run)
    if not dry_run and DATABASE.is_done(run):
        note_code(run, before)
    for note in run.notes:
        say(f"Note: {note}")
    return describe(run)


def make_missing(run: Provisioning, missing: list[Step], agreed: bool, ask: Ask | None) -> None:
    """Make what costs nothing and, after a yes to the price, the rest."""
    make(run, [step for step in missing if step in FREE_STEPS])
    if costs_more(run) and not agreed and not (ask and agrees(run, ask)):
        run.say(f"Nothing was bought. To go on: uv run study up{'' if ask else ' --yes'}")
        return
    if ask and CODE in missing:
        run.given = ask_for_codes(run.recruitment, run.found.config, ask)
    make(run, [step for step in missing if step not in FREE_STEPS])


def make(run: Provisioning, steps: list[Step]) -> None:
    """Take these steps, one after the other. Raises StudyError if one fails."""
    for step in steps:
        run.say(f"  {step.name} …")
        step.make(run)


def check_before_buying(run: Provisioning) -> None:
    """Raise StudyError if what is about to be bought or set could not be used."""
    config, database = run.found.config or {}, run.wanted.database
    if database == "existing" and not config.get("DATABASE_URL"):
        if warning := check_database_url():
            run.notes.append(warning)
    elif database != "existing" and not run.found.databases and config.get("DATABASE_URL"):
        raise StudyError(
            "The app's config var DATABASE_URL was set by hand, so a new database would not "
            "be used.",
            f'To keep yours, write database = "existing" {IN_PYPROJECT}\n'
            f"To buy one: heroku config:unset DATABASE_URL --app {run.wanted.app}",
        )


def show_plan(run: Provisioning, missing: list[Step]) -> None:
    """Say what will be made and what it will cost, before anything is made."""
    wanted = run.wanted
    if not missing:
        run.say(f"The app {wanted.app} has everything; nothing to do.")
        return
    owner = f"team {wanted.team}" if wanted.team else run.found.account
    run.say(f"Heroku app {wanted.app} of {owner}. To be made:")
    for step in missing:
        price = database_price(run) if step is DATABASE else "no cost"
        run.say(f"  {step.name:<12} {price}")
    if costs_more(run):
        if not run.found.is_live:
            price = f"about {DYNO_PRICE} USD a month, from the first deploy on"
            run.say(f"  {'server':<12} {price}")
        run.say(
            f"In all about {monthly_price(run)} USD a month (prices of {PRICES_CHECKED}), "
            "by the second, until `study down`."
        )


def database_price(run: Provisioning) -> str:
    """What the database will cost that is still missing."""
    if run.wanted.database == "existing":
        return "your own, by its address in DATABASE_URL"
    if run.found.databases:
        return "bought before; Heroku is making it"
    price = PLAN_PRICES.get(run.wanted.database)
    if price is None:
        return "see the plans: heroku addons:plans heroku-postgresql"
    return f"about {price} USD a month, from now on"


def costs_more(run: Provisioning) -> bool:
    """Whether money will be spent that nobody has agreed to yet.

    Without a database no server starts (release phase), so it stands for both.
    """
    return not DATABASE.is_done(run) and not run.found.databases


def agrees(run: Provisioning, ask: Ask) -> bool:
    """Whether somebody types yes; whatever else they type is a no."""
    what = "Connect" if run.wanted.database == "existing" else "Buy"
    if not run.found.is_live:
        question = f"{what} the database, and let the first deploy start the server? [y/N] "
    else:
        question = f"{what} the database? [y/N] "
    try:
        return ask(question).strip().lower() in ("y", "yes")
    except EOFError:
        return False


def monthly_price(run: Provisioning) -> int:
    """What all of it costs, a database that was bought twice included."""
    databases = [PLAN_PRICES.get(addon["plan"]["name"], 0) for addon in run.found.databases]
    return DYNO_PRICE + sum(databases or [PLAN_PRICES.get(run.wanted.database, 0)])


def note_differences(run: Provisioning) -> None:
    """Note what is otherwise than asked for, and was left alone."""
    wanted, app = run.wanted, run.found.app
    if not app:
        return
    for addon in run.found.databases:
        name, plan = addon["name"], addon["plan"]["name"]
        if "DATABASE_URL" not in addon["config_vars"]:
            run.notes.append(
                f"There is a second database, {name}, which costs money and is not in use. "
                f"To remove it: heroku addons:destroy {name} --app {wanted.app}"
            )
        elif plan != wanted.database:
            run.notes.append(f"The database is {plan}; pyproject.toml says {wanted.database}.")
    if app["region"]["name"] != wanted.region:
        run.notes.append(
            f"The app stands in {app['region']['name']}; pyproject.toml says {wanted.region}. "
            "An app cannot move: make another one to change that."
        )
    written = domain_in(run.repository.committed())
    if written and written != run.found.domain and not is_herokus(written):
        run.notes.append(
            f"ad_url_domain in config.txt is {written}; the app's own address is "
            f"{run.found.domain}."
        )


def note_code(run: Provisioning, before: dict[str, str]) -> None:
    """Note what is left to do about the recruiter's code, if it was not typed."""
    name = question_of(run.recruitment)
    if name and not before.get(name) and name not in run.given:
        see = f"heroku config:get {name} --app {run.wanted.app}"
        run.notes.append(QUESTIONS[name].afterwards.format(see=see, app=run.wanted.app))


def describe(run: Provisioning) -> dict:
    """The state for scripts: names and addresses, no secrets."""
    return {
        "app": run.wanted.app,
        "address": f"https://{run.found.domain}" if run.found.app else None,
        "databases": [
            {"name": a["name"], "plan": a["plan"]["name"], "state": a["state"]}
            for a in run.found.databases
        ],
        "config_vars": sorted(run.found.config or {}),
        "missing": [step.name for step in STEPS if not step.is_done(run)],
        "notes": run.notes,
        "monthly_usd": monthly_price(run),
        "prices_checked": PRICES_CHECKED,
    }


def run_up(dry_run: bool, agreed: bool, as_json: bool) -> bool:
    """`study up` for people and, with ``as_json``, for scripts; whether nothing is missing.

    Raises StudyError.
    """

    def say(line: str) -> None:  # at once, even if the hook's output goes to a file
        print(line, file=sys.stderr if as_json else sys.stdout, flush=True)

    ask = input if sys.stdin.isatty() and not as_json else None
    state = up(Path.cwd(), dry_run, agreed, say, ask)
    if as_json:
        print(json.dumps(state, indent=2))
    elif not dry_run:
        done = "" if state["missing"] else "Done. "
        print(f"{done}The study's address will be {state['address']}")
    return dry_run or not state["missing"]


def main() -> None:
    """`python -m study.heroku`, for when the study is not installed yet."""
    parser = argparse.ArgumentParser(description="Make this study's app on Heroku.")
    parser.add_argument("--dry-run", action="store_true", help="print the commands only")
    parser.add_argument("--yes", action="store_true", help="agree to the price")
    parser.add_argument("--json", action="store_true", help="print the state as JSON")
    options = parser.parse_args()
    try:
        sys.exit(not run_up(options.dry_run, options.yes, options.json))
    except StudyError as error:
        sys.exit(f"\n{error}")
