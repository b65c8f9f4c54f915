"""The study's app on Heroku: what the study asks for (AppSpec) and what exists (AppState).

Everything here only reads. Config vars, and the database's address among them, are secrets:
they are read each time, stay in memory and never enter a message.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from study.heroku.cli import CommandResult, Heroku, check_login, problem
from study.messages import StudyError

# US dollars a month, from Heroku's price list. A new app gets this dyno unless the account has
# Eco.
PRICES_CHECKED = "24 November 2026"
DYNO = "Basic dyno"
PRICES = {
    DYNO: 7,
    "heroku-postgresql:essential-0": 5,
    "heroku-postgresql:essential-1": 9,
}
# The plan's total (devcenter.heroku.com/articles/heroku-postgres-plans). A database of one's
# own, or a plan that is not listed, is not counted.
PLAN_CONNECTIONS = {
    "heroku-postgresql:essential-0": 20,
    "heroku-postgresql:essential-1": 20,
    "heroku-postgresql:essential-2": 40,
    "heroku-postgresql:standard-0": 120,
}
# The WEB_CONCURRENCY that Heroku's Python buildpack sets, by dyno size.
DYNO_WORKERS = {
    "Eco": 2, "Basic": 2, "Standard-1X": 2, "Standard-2X": 4, "Performance-M": 5,
    "Performance-L": 17, "Performance-L-RAM": 9, "Performance-XL": 17, "Performance-2XL": 33,
}  # fmt: skip
APP_NAME = r"[a-z][a-z0-9-]{1,28}[a-z0-9]"  # Heroku's rule
IN_PYPROJECT = "in pyproject.toml, under [tool.psiturk-heroku]"
QUERIES = {"info": ("apps:info", "--json"), "config": ("config", "--json")}
PURPOSES = {"info": "looking for the app", "config": "reading the config vars"}


@dataclass(frozen=True)
class AppSpec:
    """What the study asks for, in pyproject.toml."""

    app: str
    region: str
    team: str
    database: str  # an add-on plan, or "existing"

    @property
    def remote(self) -> str:
        """The URL of the git remote `heroku`."""
        return f"https://git.heroku.com/{self.app}.git"


@dataclass
class AppState:
    """What Heroku has: the output of ``apps:info --json``, and the config vars.

    Both are empty if there is no such app.
    """

    info: dict
    config: dict[str, str]

    @property
    def exists(self) -> bool:
        """Whether there is such an app."""
        return bool(self.info)

    @property
    def domain(self) -> str:
        """The address without https://; empty without an app. It has a random part."""
        return urlsplit(self.info["app"]["web_url"]).hostname if self.exists else ""

    @property
    def databases(self) -> list[dict]:
        """The Postgres add-ons, the one in use first."""
        postgres = "heroku-postgresql"
        addons = [a for a in self.info.get("addons", ()) if a["addon_service"]["name"] == postgres]
        return sorted(addons, key=lambda addon: "DATABASE_URL" not in addon["config_vars"])

    @property
    def web_dynos(self) -> list[dict]:
        """The dynos that serve participants."""
        return [dyno for dyno in self.info["dynos"] if dyno["type"] == "web"]

    @property
    def is_deployed(self) -> bool:
        """Whether anything was pushed (Heroku then describes the buildpack)."""
        return self.exists and bool(self.info["app"].get("buildpack_provided_description"))


def describe_price(item: str) -> str:
    """The price of a dyno or an add-on plan, in words; empty if it is not known."""
    return f"about {PRICES[item]} USD a month" if item in PRICES else ""


def read_spec(folder: Path) -> AppSpec:
    """Read what the study asks for. Raises StudyError if the folder contains no study."""
    try:
        with (folder / "pyproject.toml").open("rb") as file:
            table = tomllib.load(file)["tool"]["psiturk-heroku"]
        answers = [table[name] for name in ("app", "region", "team", "database")]
    except (OSError, tomllib.TOMLDecodeError, KeyError) as error:
        raise StudyError(
            f"This folder holds no study that can be read ({error}).",
            "Go to the study's own folder, where pyproject.toml and config.txt are.",
        ) from error
    spec = AppSpec(*answers)
    if not re.fullmatch(APP_NAME, spec.app):
        raise StudyError(
            f"{spec.app!r} cannot be the name of an app. Heroku takes 3 to 30 lower-case "
            "letters, digits and dashes; the first must be a letter, the last no dash.",
            f"Correct `app` {IN_PYPROJECT}",
        )
    return spec


def fetch_app(
    heroku: Heroku, **commands: tuple[str, ...]
) -> tuple[AppState | None, dict[str, CommandResult]]:
    """Fetch the app, None if there is none, and the results of further commands.

    Raises StudyError if Heroku does not say; the further results may be failures.
    """
    results = heroku.read_all(QUERIES | commands)
    try:
        info, config = (parse_query(heroku.app, name, results[name]) for name in QUERIES)
    except StudyError:
        check_login(heroku.read("auth:whoami"))  # without a login, other commands fail oddly
        raise
    return (AppState(info, config) if info else None), results


def parse_query(app: str, name: str, result: CommandResult) -> dict:
    """Parse the result of one of QUERIES; empty if there is no such app. Raises StudyError."""
    if result.error_id == "not_found":
        return {}
    if result.error_id == "forbidden":
        raise StudyError(
            f"Somebody else on Heroku already has an app named {app}.",
            f"Choose another `app` {IN_PYPROJECT}",
        )
    if result.exit_code:
        raise problem(result, PURPOSES[name])
    return result.json()
