"""What a study asks of Heroku: its app, its database, its config vars, and the price of it.

The values of config vars are secrets: they go to Heroku and nowhere else, least of all
into a message.
"""

import os
import re
import secrets
import socket
import tomllib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from study import config
from study.errors import StudyError

# US dollars a month, from Heroku's price list.
PRICES_CHECKED = "24 November 2026"
DYNO_PRICE = 7  # Basic, the size that a new app gets unless the account has Eco
PLAN_PRICES = {"heroku-postgresql:essential-0": 5, "heroku-postgresql:essential-1": 9}
# Of the plan, in all (devcenter.heroku.com/articles/heroku-postgres-plans). Own databases, and
# plans that are not here, are not counted.
PLAN_CONNECTIONS = {
    "heroku-postgresql:essential-0": 20,
    "heroku-postgresql:essential-1": 20,
    "heroku-postgresql:essential-2": 40,
    "heroku-postgresql:standard-0": 120,
}
# The WEB_CONCURRENCY that Heroku's Python buildpack sets, by the dyno's size.
DYNO_WORKERS = {
    "Eco": 2, "Basic": 2, "Standard-1X": 2, "Standard-2X": 4, "Performance-M": 5,
    "Performance-L": 17, "Performance-L-RAM": 9, "Performance-XL": 17, "Performance-2XL": 33,
}  # fmt: skip
APP_NAME = r"[a-z][a-z0-9-]{1,28}[a-z0-9]"  # Heroku's rule
IN_PYPROJECT = "in pyproject.toml, under [tool.psiturk-heroku]"


AWS_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


@dataclass(frozen=True)
class Wanted:
    """What the answers of the study ask for."""

    app: str
    region: str
    team: str
    database: str  # an add-on plan, or "existing"

    @property
    def remote(self) -> str:
        """Where a push goes."""
        return f"https://git.heroku.com/{self.app}.git"


def read_wanted(folder: Path) -> Wanted:
    """Read what the study asks for; raises StudyError if the folder holds no study."""
    try:
        with (folder / "pyproject.toml").open("rb") as file:
            asked = tomllib.load(file)["tool"]["psiturk-heroku"]
        parts = [asked[name] for name in ("app", "region", "team", "database")]
    except (OSError, tomllib.TOMLDecodeError, KeyError) as error:
        raise StudyError(
            f"This folder holds no study that can be read ({error}).",
            "Go to the study's own folder, where pyproject.toml and config.txt are.",
        ) from error
    wanted = Wanted(*parts)
    if not re.fullmatch(APP_NAME, wanted.app):
        raise StudyError(
            f"{wanted.app!r} cannot be the name of an app. Heroku takes 3 to 30 lower-case "
            "letters, digits and dashes; the first must be a letter, the last no dash.",
            f"Correct `app` {IN_PYPROJECT}",
        )
    return wanted


def needed_config(folder: Path, recruitment: str) -> dict[str, str]:
    """The config vars that every app needs. The key is new each time: set it once."""
    needed = {"ON_CLOUD": "1", "PSITURK_SECRET_KEY": secrets.token_hex(32)}
    return needed | aws_keys(folder) if recruitment == "mturk" else needed


def aws_keys(folder: Path) -> dict[str, str]:
    """The Amazon keys of this machine, if it has both: the environment's or psiTurk's own."""
    settings = config.read(folder)
    keys = {name: settings.value("AWS Access", name.lower()) for name in AWS_KEYS}
    return keys if all(keys.values()) else {}


def check_database_url() -> str:
    """Raise StudyError if DATABASE_URL cannot keep a study's data; returns a warning, if any.

    psiTurk refuses an address whose text holds ``localhost`` or ``sqlite`` anywhere
    (psiturk_config.py). A server that does not answer here may still answer Heroku.
    """
    url = os.environ.get("DATABASE_URL", "")
    example = 'export DATABASE_URL="postgres://user:password@host:5432/name"'
    if not url:
        raise StudyError(
            '`database` is "existing", but the variable DATABASE_URL is not set here.',
            f"Set it to the address of your Postgres: {example}",
        )
    try:
        scheme, host, port = urlsplit(url).scheme, urlsplit(url).hostname, urlsplit(url).port
    except ValueError:
        scheme, host, port = "", "", None
    if "sqlite" in url:
        cause = "DATABASE_URL leads to SQLite, a file that Heroku deletes every day."
    elif scheme not in ("postgres", "postgresql") or not host:
        cause = "DATABASE_URL is not the address of a Postgres."
    elif "localhost" in url or host == "::1" or host.startswith("127."):
        cause = "DATABASE_URL leads to this machine, which Heroku cannot reach."
    else:
        try:
            socket.create_connection((host, port or 5432), timeout=5).close()
            return ""
        except OSError:
            return (
                f"The database at {host} does not answer from here. If it does not answer "
                "Heroku either, the first push will say so."
            )
    raise StudyError(cause, f"Set it to a server that keeps your data: {example}")
