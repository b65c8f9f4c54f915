"""Where the study runs, on Heroku or on this machine, and with which settings.

Everything here only reads. The address of the database is asked of Heroku each time and
stays in memory: Heroku may change it, and it holds the password.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from study import config
from study.config import Config
from study.errors import StudyError
from study.heroku.cli import Answer, Heroku, problem
from study.heroku.wanted import read_wanted


@dataclass(frozen=True)
class App:
    """What Heroku says about the app: `apps:info --json` and its config vars (secrets)."""

    info: dict
    config: dict[str, str]

    @property
    def domain(self) -> str:
        """The app's address without https://."""
        return urlsplit(self.info["app"]["web_url"]).hostname

    @property
    def databases(self) -> list[dict]:
        """Its Postgres add-ons, the one in use first."""
        postgres = "heroku-postgresql"
        found = [one for one in self.info["addons"] if one["addon_service"]["name"] == postgres]
        return sorted(found, key=lambda one: "DATABASE_URL" not in one["config_vars"])

    @property
    def web_dynos(self) -> list[dict]:
        """The dynos that serve participants."""
        return [dyno for dyno in self.info["dynos"] if dyno["type"] == "web"]


def look(heroku: Heroku, **questions: tuple[str, ...]) -> tuple[App | None, dict[str, Answer]]:
    """The app, or None if there is none, and the answers to further questions about it.

    All are asked side by side, for each takes a second. Raises StudyError if Heroku cannot
    be asked about the app; the further answers may be failures.
    """
    asked = {"info": ("apps:info", "--json"), "config": ("config", "--json"), **questions}
    with ThreadPoolExecutor(len(asked)) as pool:
        told = pool.map(lambda command: heroku.read_on_app(*command), asked.values())
        answers = dict(zip(asked, told, strict=True))
    for name, doing in (("info", "looking for the app"), ("config", "reading the config vars")):
        if answers[name].error_id == "not_found":
            return None, answers
        if answers[name].code:
            account = heroku.read("auth:whoami")  # without a login, other commands fail oddly
            raise problem(account if account.code else answers[name], doing)
    return App(answers["info"].json(), answers["config"].json()), answers


def find_settings(folder: Path, local: bool) -> Config:
    """The settings of the app or, with ``local``, of this machine.

    Raises StudyError if there is no such app, or as `config.read` does.
    """
    if local:
        return config.read(folder)
    wanted = read_wanted(folder)
    app, _ = look(Heroku(wanted.app))
    if not app:
        raise StudyError(
            f"There is no app {wanted.app} on Heroku yet.",
            "For data on this machine, add --local. To make the app: uv run study up",
        )
    return config.read(folder, app.config)
