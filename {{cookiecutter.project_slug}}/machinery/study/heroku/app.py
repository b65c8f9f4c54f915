"""The study's app on Heroku: what the study asks for (AppSpec) and what exists (AppState).

Everything here only reads. Config vars, and the database's address among them, are secrets:
they are read each time, stay in memory and never enter a message.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from study.heroku.cli import CommandResult, Heroku, check_login, problem
from study.messages import StudyError

PLANS = tomllib.loads((Path(__file__).parent / "plans.toml").read_text(encoding="utf-8"))
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
        return f"https://git.heroku.com/{self.app}.git"


@dataclass(frozen=True)
class Database:
    """A Postgres add-on of the app."""

    name: str
    plan: str
    state: str  # in Heroku's words
    is_used: bool  # has the address in DATABASE_URL


@dataclass(frozen=True)
class AppState:
    """The output of ``apps:info --json`` and the config vars; both empty without an app."""

    info: dict
    config: dict[str, str]
    answers: dict[str, CommandResult] = field(default_factory=dict)  # to further queries

    @property
    def exists(self) -> bool:
        return bool(self.info)

    @property
    def domain(self) -> str:
        """The address without https://; empty without an app. It has a random part."""
        return urlsplit(self.info["app"]["web_url"]).hostname if self.exists else ""

    @property
    def databases(self) -> list[Database]:
        """The Postgres add-ons, the one in use first."""
        databases = [
            Database(a["name"], a["plan"]["name"], a["state"], "DATABASE_URL" in a["config_vars"])
            for a in self.info.get("addons", ())
            if a["addon_service"]["name"] == "heroku-postgresql"
        ]
        return sorted(databases, key=lambda database: not database.is_used)

    @property
    def plan(self) -> str:
        """The plan of the database in use; empty without one of Heroku's."""
        return self.databases[0].plan if self.databases else ""

    @property
    def web_dynos(self) -> list[dict]:
        return [dyno for dyno in self.info["dynos"] if dyno["type"] == "web"]

    @property
    def is_deployed(self) -> bool:
        """Whether anything was pushed (Heroku then describes the buildpack)."""
        return self.exists and bool(self.info["app"].get("buildpack_provided_description"))


def find_limit(plan: str) -> int:
    """How many megabytes a database of that plan may have; 0 if that is not known."""
    return PLANS["databases"].get(plan, {}).get("gigabytes", 0) * 1000


def find_price(item: str = "Basic") -> int | None:
    """The price of a plan or a size of dynos, in US dollars a month; None if it is not known."""
    return (PLANS["databases"] | PLANS["dynos"]).get(item, {}).get("price")


def describe_price(item: str = "Basic") -> str:
    """The same in words; empty if it is not known."""
    return f"about {price} USD a month" if (price := find_price(item)) else ""


def read_spec(folder: Path) -> AppSpec:
    """Read what the study asks for. Raises StudyError if the folder contains no study."""
    try:
        text = (folder / "pyproject.toml").read_text(encoding="utf-8")
        table = tomllib.loads(text)["tool"]["psiturk-heroku"]
        spec = AppSpec(*(table[name] for name in ("app", "region", "team", "database")))
    except (OSError, ValueError, KeyError) as error:
        cause = f"This folder holds no study that can be read ({error})."
        remedy = "Go to the study's own folder, where pyproject.toml and config.txt are."
        raise StudyError(cause, remedy) from error
    if not re.fullmatch(APP_NAME, spec.app):
        raise StudyError(
            f"{spec.app!r} cannot be the name of an app. Heroku takes 3 to 30 lower-case "
            "letters, digits and dashes; the first must be a letter, the last no dash.",
            f"Correct `app` {IN_PYPROJECT}",
        )
    return spec


def fetch_app(heroku: Heroku, **commands: tuple[str, ...]) -> AppState | None:
    """Fetch the app, None if there is none, and the answers to further commands.

    Raises StudyError if Heroku does not say; the further answers may be failures.
    """
    results = heroku.read_all(QUERIES | commands)
    try:
        app = AppState(*(parse_query(heroku.app, name, results[name]) for name in QUERIES), results)
    except StudyError:
        check_login(heroku.read("auth:whoami"))  # without a login, other commands fail oddly
        raise
    return app if app.exists else None


def parse_query(app: str, name: str, result: CommandResult) -> dict:
    """Parse the result of one of QUERIES; empty if there is no such app. Raises StudyError."""
    if result.error_id == "not_found":
        return {}
    if result.error_id == "forbidden":
        cause = f"Somebody else on Heroku already has an app named {app}."
        raise StudyError(cause, f"Choose another `app` {IN_PYPROJECT}")
    if result.exit_code:
        raise problem(result, PURPOSES[name])
    return result.json()
