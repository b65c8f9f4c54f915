"""Brings the study's app on Heroku to the wanted state: `study up`.

Every step first looks whether its part is there, so the command can be stopped anywhere
and run again: it ends in the same state and buys nothing twice. Standard library only,
so that the template's hook can run ``python -m study.heroku`` before anything is
installed.

Two habits of Heroku's command line shape the code: it repeats a request whose answer
was lost, so a made app reads as "name taken" and a database may be bought twice; and it
says 0 without having done what was asked. So nothing is believed that was not read back.
"""

import argparse
import configparser
import json
import os
import re
import secrets
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from study.errors import StudyError
from study.heroku_cli import PAUSES_BEFORE_RETRY, Answer, Heroku, check_version, problem

# US dollars a month, from Heroku's price list.
PRICES_CHECKED = "24 November 2026"
DYNO_PRICE = 7  # Basic, the size that a new app gets unless the account has Eco
PLAN_PRICES = {"heroku-postgresql:essential-0": 5, "heroku-postgresql:essential-1": 9}
SECONDS_FOR_DATABASE = 600
AWS_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


@dataclass(frozen=True)
class Wanted:
    """What the answers and the settings of the study ask for."""

    app: str
    region: str
    team: str
    database: str  # an add-on plan, or "existing"
    recruitment: str

    @property
    def remote(self) -> str:
        """Where a push goes."""
        return f"https://git.heroku.com/{self.app}.git"


@dataclass
class Found:
    """What is there now."""

    account: str = ""
    app: dict | None = None
    addons: list[dict] = field(default_factory=list)
    config: dict[str, str] | None = None  # None: not read
    remote: str = ""

    @property
    def databases(self) -> list[dict]:
        """The Postgres add-ons of the app."""
        return [a for a in self.addons if a["addon_service"]["name"] == "heroku-postgresql"]

    @property
    def domain(self) -> str:
        """The app's address without https://; it has a random part, so it is read, not made."""
        return urlsplit(self.app["web_url"]).hostname if self.app else ""


@dataclass(frozen=True)
class Step:
    """One part of the wanted state: is it there, and if not, what makes it."""

    name: str
    is_done: Callable[["Provisioning"], bool]
    make: Callable[["Provisioning"], None]
    commands: Callable[["Provisioning"], list[str]]
    monthly_price: Callable[["Provisioning"], int] = lambda _: 0


class Provisioning:
    """One run of `study up` in the study's folder."""

    def __init__(self, folder: Path, say: Callable[[str], None] = print) -> None:
        self.folder, self.say = folder, say
        self.wanted = read_wanted(folder)
        self.heroku = Heroku(self.wanted.app)
        self.found = Found()
        self.notes: list[str] = []

    def look(self) -> None:
        """Read what is there; independent questions are asked side by side."""
        self.found.remote = self.git("remote", "get-url", "heroku").stdout.strip()
        questions = {
            "version": lambda: self.heroku.read("--version"),
            "account": lambda: self.heroku.read("auth:whoami"),
            "app": lambda: self.heroku.read_on_app("apps:info", "--json"),
        }
        if self.found.remote == self.wanted.remote:  # so the app is likely to exist
            questions["config"] = lambda: self.heroku.read_on_app("config", "--json")
        with ThreadPoolExecutor() as pool:
            answers = {name: pool.submit(ask) for name, ask in questions.items()}
        check_version(answers["version"].result())
        account = answers["account"].result()
        if account.code:
            raise problem(account, "asking who is logged in")
        self.found.account = account.out.strip()
        self.understand_app(answers["app"].result())
        if self.found.app and "config" in answers:
            self.understand_config(answers["config"].result())
        elif self.found.app:
            self.read_config()

    def understand_app(self, answer) -> None:
        """Take in whether the app exists; raise StudyError if it is somebody else's."""
        if answer.error_id == "not_found":
            return
        if answer.error_id == "forbidden":
            raise StudyError(
                f"Somebody else on Heroku already has an app named {self.wanted.app}.",
                "Choose another `app` in pyproject.toml, under [tool.psiturk-heroku].",
            )
        if answer.code:
            raise problem(answer, "looking for the app")
        info = answer.json()
        self.found.app, self.found.addons = info["app"], info["addons"]
        refuse_foreign_app(self.wanted, self.found)

    def read_again(self) -> None:
        """Read the app, its add-ons and its config vars back after a change."""
        with ThreadPoolExecutor() as pool:
            app = pool.submit(self.heroku.read_on_app, "apps:info", "--json")
            config = pool.submit(self.heroku.read_on_app, "config", "--json")
        self.understand_app(app.result())
        self.understand_config(config.result())

    def read_config(self) -> None:
        """Read the config vars."""
        self.understand_config(self.heroku.read_on_app("config", "--json"))

    def understand_config(self, answer) -> None:
        """Take in the config vars; they hold secrets and are never printed."""
        if answer.code:
            raise problem(answer, "reading the config vars")
        self.found.config = answer.json()

    def missing_config(self) -> dict[str, str]:
        """The config vars that the study needs and the app lacks; set ones are never replaced."""
        needed = {"ON_CLOUD": "1", "PSITURK_SECRET_KEY": secrets.token_hex(32)}
        if self.wanted.database == "existing":
            needed["DATABASE_URL"] = os.environ.get("DATABASE_URL", "")
        if self.wanted.recruitment == "mturk":
            needed |= read_aws_keys()
        present = self.found.config or {}
        return {name: value for name, value in needed.items() if value and not present.get(name)}

    def insist(
        self, make: Callable[[], Answer], is_there: Callable[[], bool], doing: str
    ) -> Answer:
        """Make something. A failure is believed only if it is not there afterwards.

        A busy Heroku is asked again. Raises StudyError if that does not help.
        """
        for pause in (*PAUSES_BEFORE_RETRY, None):
            answer = make()
            if answer.code == 0 or is_there():
                return answer
            if pause is None or not answer.is_passing:
                break
            time.sleep(pause)
        raise problem(answer, doing)

    def git(self, *command: str) -> subprocess.CompletedProcess:
        """Run git in the study's folder, whatever repository the caller stands in."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_DIR")}
        options = {"capture_output": True, "encoding": "utf-8", "stdin": subprocess.DEVNULL}
        try:
            return subprocess.run(
                ["git", *command], cwd=self.folder, env=environment, **options
            )
        except OSError as error:
            raise StudyError(
                "git is not installed.", "Get it from https://git-scm.com/downloads"
            ) from error

    def left(self) -> str:
        """What exists and costs money now, for the end of an error message."""
        if not self.found.app:
            return "Nothing on Heroku was made, and nothing costs money."
        lines = [f"The app {self.wanted.app} exists; it costs nothing before the first push."]
        for addon in self.found.databases:
            lines.append(f"The database {addon['name']} exists and costs money.")
        return "\n".join([*lines, f"To remove all of it: heroku apps:destroy {self.wanted.app}"])


def up(folder: Path, dry_run: bool = False, say: Callable[[str], None] = print) -> dict:
    """Bring the app to the wanted state; returns that state, without secrets.

    With ``dry_run`` the commands are printed and nothing is made. Raises StudyError,
    which also says what exists and costs money.
    """
    run = Provisioning(folder, say)
    try:
        check_existing_database(run.wanted)
        run.look()
        missing = [step for step in STEPS if not step.is_done(run)]
        show_bill(run, missing)
        for step in missing:
            if dry_run:
                say("\n".join(f"  would run: {command}" for command in step.commands(run)))
            elif not step.is_done(run):
                say(f"  {step.name} ...")
                step.make(run)
        report_databases(run)
    except StudyError as error:
        raise StudyError(error.cause, error.remedy, run.left()) from error
    for note in run.notes:
        say(f"Note: {note}")
    return describe(run)


def show_bill(run: Provisioning, missing: list[Step]) -> None:
    """Say what will be made and what it will cost, before anything is made."""
    if not missing:
        run.say(f"The app {run.wanted.app} has everything; nothing to do.")
        return
    run.say(f"Heroku app {run.wanted.app}, account {run.found.account}. To be made:")
    for step in missing:
        price = step.monthly_price(run)
        run.say(f"  {step.name:<12} {f'about {price} USD a month' if price else 'no cost'}")
    total = sum(step.monthly_price(run) for step in STEPS)
    run.say(
        f"All of the study's app costs about {total} USD a month (prices of {PRICES_CHECKED}), "
        "by the second, from the first push until you remove it."
    )


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
        "monthly_usd": sum(step.monthly_price(run) for step in STEPS),
        "prices_checked": PRICES_CHECKED,
    }


def check_existing_database(wanted: Wanted) -> None:
    """Raise StudyError if a database of one's own cannot keep a study's data.

    psiTurk refuses an address whose text holds ``localhost`` or ``sqlite`` anywhere
    (psiturk_config.py). From here the server may be out of reach, so that only warns.
    """
    if wanted.database != "existing":
        return
    url = os.environ.get("DATABASE_URL", "")
    if not url:
        raise StudyError(
            "`database` is \"existing\", but the variable DATABASE_URL is not set.",
            "Set it in this terminal to the address of your Postgres, postgres://…, "
            "and run the same command again.",
        )
    address = urlsplit(url)
    local = address.hostname in (None, "localhost", "::1") or address.hostname.startswith("127.")
    if address.scheme not in ("postgres", "postgresql"):
        cause = f"DATABASE_URL is an address of {address.scheme or 'nothing'}, not of Postgres."
    elif local or "localhost" in url or "sqlite" in url:
        cause = "DATABASE_URL leads to this machine (or says so in a name), not to a server."
    else:
        return
    raise StudyError(cause, "Set it to an address such as postgres://user:password@host/name.")


def read_wanted(folder: Path) -> Wanted:
    """Read what the study asks for from pyproject.toml and config.txt."""
    with (folder / "pyproject.toml").open("rb") as file:
        made = tomllib.load(file)["tool"]["psiturk-heroku"]
    config = configparser.ConfigParser(interpolation=None)
    config.read(folder / "config.txt", encoding="utf-8")
    return Wanted(
        made["app"], made["region"], made["team"], made["database"],
        config.get("Study", "recruitment", fallback=""),
    )


def refuse_foreign_app(wanted: Wanted, found: Found) -> None:
    """Raise StudyError if the app belongs to others, or to another study of ours."""
    app = found.app
    owner = app["owner"]["email"]
    team = (app.get("team") or {}).get("name", "")
    if team != wanted.team or (not team and owner != found.account):
        raise StudyError(
            f"The app {wanted.app} exists and belongs to {team or owner}; "
            f"you are logged in as {found.account}.",
            "Log in with that account, or set `app` and `team` in pyproject.toml, "
            "under [tool.psiturk-heroku].",
        )
    if app.get("slug_size") and found.remote != wanted.remote:
        raise StudyError(
            f"Your app {wanted.app} already runs something, and this folder is not tied to it.",
            "If it is this study's: "
            f"git remote add heroku {wanted.remote}\n"
            "If not: choose another `app` in pyproject.toml, under [tool.psiturk-heroku].",
        )


def read_aws_keys() -> dict[str, str]:
    """The Amazon keys of this machine: from the environment, or from psiTurk's global file."""
    folder = os.environ.get("PSITURK_GLOBAL_CONFIG_LOCATION", Path.home())
    config = configparser.ConfigParser(interpolation=None)
    config.read(Path(folder, ".psiturkconfig"), encoding="utf-8")
    in_file = {name: config.get("AWS Access", name, fallback="") for name in AWS_KEYS}
    return {name: os.environ.get(name) or in_file[name] for name in AWS_KEYS}


# --- the steps, in their order ---


def app_is_made(run: Provisioning) -> bool:
    return run.found.app is not None


def app_commands(run: Provisioning) -> list[str]:
    team = ["--team", run.wanted.team] if run.wanted.team else []
    region = ["--region", run.wanted.region]
    return ["apps:create", run.wanted.app, *region, *team, "--no-remote", "--json"]


def make_app(run: Provisioning) -> None:
    """Create the app."""
    def is_there() -> bool:
        run.understand_app(run.heroku.read_on_app("apps:info", "--json"))
        return app_is_made(run)

    answer = run.insist(
        lambda: run.heroku.call(*app_commands(run)), is_there, f"making the app {run.wanted.app}"
    )
    if answer.code == 0:
        run.found.app, run.found.config = answer.json(), {}
    else:
        run.read_config()


def remote_is_set(run: Provisioning) -> bool:
    return run.found.remote == run.wanted.remote


def set_remote(run: Provisioning) -> None:
    """Tie the folder to the app; a remote that leads elsewhere is reported and left alone."""
    if run.found.remote:
        run.notes.append(
            f"The git remote `heroku` leads to {run.found.remote}, not to this study's app, and "
            f"was left alone. To push here: git remote set-url heroku {run.wanted.remote}"
        )
    elif run.git("remote", "add", "heroku", run.wanted.remote).returncode:
        run.notes.append(
            "This folder is not a git repository, so it could not be tied to the app. "
            "Run: git init -b main, commit everything, then this command again."
        )


def database_is_ready(run: Provisioning) -> bool:
    if run.wanted.database == "existing":
        return True  # its address is one of the config vars
    return any(addon["state"] == "provisioned" for addon in run.found.databases)


def make_database(run: Provisioning) -> None:
    """Buy the database, or wait for one that is being made; then read back what is there."""
    def tick():
        run.say("  the database is being made ...")

    def make():
        command = ["addons:create", run.wanted.database, "--wait"]
        if run.found.databases:
            command = ["addons:wait"]
        return run.heroku.on_app(*command, seconds=SECONDS_FOR_DATABASE, tick=tick)

    def is_there() -> bool:
        run.read_again()
        return bool(run.found.databases)

    answer = run.insist(make, is_there, f"making the database {run.wanted.database}")
    if answer.code == 0:
        run.read_again()
    if not database_is_ready(run):
        name, state = [(a["name"], a["state"]) for a in run.found.databases][0]
        raise StudyError(
            f"The database {name} is not ready; Heroku calls it {state}.",
            "Run the same command again in some minutes. If it stays so: "
            f"heroku addons:destroy {name} --app {run.wanted.app}",
        )


def report_databases(run: Provisioning) -> None:
    """Note a second database, a plan that differs, and a database that is not in use."""
    databases, wanted = run.found.databases, run.wanted
    for extra in databases:
        if len(databases) > 1 and "DATABASE_URL" not in extra["config_vars"]:
            run.notes.append(
                f"There is a second database, {extra['name']}, which costs money and is not in "
                f"use. To remove it: heroku addons:destroy {extra['name']} --app {wanted.app}"
            )
    for addon in databases:
        if addon["plan"]["name"] != wanted.database and "DATABASE_URL" in addon["config_vars"]:
            run.notes.append(
                f"The database's plan is {addon['plan']['name']}; pyproject.toml says "
                f"{wanted.database}. It was left alone."
            )


def config_is_set(run: Provisioning) -> bool:
    return run.found.config is not None and not run.missing_config()


def set_config(run: Provisioning) -> None:
    """Set what is missing, in one call: each call restarts the app."""
    missing = run.missing_config()
    pairs = [f"{name}={value}" for name, value in missing.items()]

    def is_there() -> bool:
        run.read_config()
        return config_is_set(run)

    run.insist(
        lambda: run.heroku.on_app("config:set", *pairs),
        is_there,
        f"setting the config vars {', '.join(missing)}",
    )
    run.found.config |= missing


def address_is_written(run: Provisioning) -> bool:
    return bool(run.found.app) and _written_domain(run) == run.found.domain


def write_address(run: Provisioning) -> None:
    """Write the app's address into config.txt, in a commit of its own."""
    written, domain = _written_domain(run), run.found.domain
    if written:
        run.notes.append(
            f"ad_url_domain in config.txt is {written}; the app's own address is {domain}. "
            "It was left alone."
        )
        return
    clean = not run.git("status", "--porcelain", "config.txt").stdout
    path = run.folder / "config.txt"
    text = path.read_bytes().decode("utf-8")
    line = re.compile(r"^ad_url_domain[ \t]*=[ \t]*(?=\r?$)", re.MULTILINE)
    path.write_bytes(line.sub(f"ad_url_domain = {domain}", text, count=1).encode("utf-8"))
    if _written_domain(run) != domain:
        run.notes.append(f"Write this line into [HIT Configuration]: ad_url_domain = {domain}")
    elif not clean or run.git("symbolic-ref", "-q", "HEAD").returncode:
        run.notes.append(
            "The address is in config.txt but not committed, because the file had changes of "
            "yours or no branch is checked out. Commit it before you push."
        )
    else:
        run.git("commit", "--quiet", "-m", "Write the app's address into config.txt",
                "--", "config.txt")


def _written_domain(run: Provisioning) -> str:
    config = configparser.ConfigParser(interpolation=None)
    config.read(run.folder / "config.txt", encoding="utf-8")
    return config.get("HIT Configuration", "ad_url_domain", fallback="")


def _heroku(*command: str) -> list[str]:
    return ["heroku " + " ".join(command)]


STEPS = (
    Step(
        "app", app_is_made, make_app,
        lambda run: _heroku(*app_commands(run)), lambda _: DYNO_PRICE,
    ),
    Step(
        "git remote", remote_is_set, set_remote,
        lambda run: [f"git remote add heroku {run.wanted.remote}"],
    ),
    Step(
        "database", database_is_ready, make_database,
        lambda run: _heroku(
            "addons:create", run.wanted.database, "--wait", "--app", run.wanted.app
        ),
        lambda run: PLAN_PRICES.get(run.wanted.database, 0),
    ),
    Step(
        "config vars", config_is_set, set_config,
        lambda run: _heroku(
            "config:set", *(f"{name}=…" for name in run.missing_config()), "--app", run.wanted.app
        ),
    ),
    Step(
        "address", address_is_written, write_address,
        lambda run: ["git commit -m \"Write the app's address into config.txt\" -- config.txt"],
    ),
)


def run_up(dry_run: bool, as_json: bool) -> None:
    """`study up` for people and, with ``as_json``, for scripts."""
    say = (lambda line: print(line, file=sys.stderr)) if as_json else print
    state = up(Path.cwd(), dry_run, say)
    if as_json:
        print(json.dumps(state, indent=2))
    elif not dry_run:
        print(f"Done. The study's address will be {state['address']}")


def main() -> None:
    """`python -m study.heroku`, for when the study is not installed yet."""
    parser = argparse.ArgumentParser(description="Make this study's app on Heroku.")
    parser.add_argument("--dry-run", action="store_true", help="print the commands only")
    parser.add_argument("--json", action="store_true", help="print the state as JSON")
    options = parser.parse_args()
    try:
        run_up(options.dry_run, options.json)
    except StudyError as error:
        sys.exit(f"\n{error}")


if __name__ == "__main__":
    main()
