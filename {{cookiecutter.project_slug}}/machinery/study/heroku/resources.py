"""The steps of `study up`, in their order.

Two habits of Heroku's command line shape the code. It repeats a request whose answer was
lost, so a created app reads as "name taken" and a database may be bought twice; and it exits
with 0 without having done what was asked. So every change is read back, and a failure is
believed only if its result is missing afterwards.
"""

import os
import re
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from study import config
from study.heroku import cli
from study.heroku.app import (
    IN_PYPROJECT,
    QUERIES,
    AppState,
    describe_price,
    find_limit,
    parse_query,
    read_spec,
)
from study.heroku.cli import CommandResult, Heroku, problem
from study.heroku.git import ADDRESS_MESSAGE, COMMIT, Repository, is_heroku_domain
from study.messages import StudyError
from study.recruiters import Recruiter, find_recruiter

LIMIT = "DATABASE_LIMIT_MB"
AWS_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


class Provisioning:
    """One run of `study up`: what the study asks for, and what exists."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self.say = say
        self.spec = read_spec(folder)
        self.heroku = Heroku(self.spec.app)
        self.repository = Repository(folder)
        self.account = ""
        self.state: AppState | None = None  # unknown before the first look
        self.typed_codes: dict[str, str] = {}
        self.unconfirmed = ""  # what was asked for and could not be read back
        self.database = OwnDatabaseStep() if self.spec.database == "existing" else DatabaseStep()
        self.code = ConfigStep("code", lambda run: run.recruiter.needed_codes() | run.typed_codes)
        free = [AppStep(), RemoteStep(), AddressStep(), ConfigStep("config vars", needed_config)]
        # The rest waits for a yes: a database costs money and, once there is one, so does a deploy.
        self.steps = [*free, self.database, self.code]

    @property
    def missing(self) -> list:
        return [step for step in self.steps if not step.is_done(self)]

    @property
    def has_remote(self) -> bool:
        return self.repository.remote == self.spec.remote

    @property
    def recruiter(self) -> Recruiter:
        settings = config.read(self.repository.folder, self.state.config)
        return find_recruiter(settings.value("Study", "recruitment"))

    def look(self) -> None:
        """Find out what exists. Raises StudyError if it belongs to somebody or something else."""
        queries = {"version": ("--version",), "account": ("auth:whoami",), "info": QUERIES["info"]}
        if self.has_remote:  # so the app probably exists
            queries["config"] = QUERIES["config"]
        results = self.heroku.read_all(queries)
        cli.check_version(results["version"])
        self.account = cli.check_login(results["account"])
        self.update(results)
        if self.state.exists and not self.has_remote:
            self.read("config")

    def read(self, *names: str) -> None:
        """Read some of QUERIES anew."""
        self.update(self.heroku.read_all({name: QUERIES[name] for name in names}))

    def update(self, results: dict[str, CommandResult]) -> None:
        """Note what the results of QUERIES say. Raises StudyError as `look` does."""
        names = [name for name in QUERIES if name in results]
        found = {name: parse_query(self.spec.app, name, results[name]) for name in names}
        state = replace(self.state or AppState({}, {}), **found)
        if state.exists:
            self.refuse_foreign(state)
        self.state = state

    def refuse_foreign(self, state: AppState) -> None:
        """Raise StudyError if the app belongs to somebody else, or to another study."""
        spec, info = self.spec, state.info["app"]
        team, owner = (info.get("team") or {}).get("name", ""), info["owner"]["email"]
        if team != spec.team or (not team and owner != self.account):
            cause = f"The app {spec.app} exists and belongs to {team or owner}"
            then = f"Log in as its owner (heroku login), or correct `app` and `team` {IN_PYPROJECT}"
            raise StudyError(f"{cause}; you are logged in as {self.account}.", then)
        is_ours = self.has_remote or self.repository.committed_domain == state.domain
        if state.is_deployed and not is_ours:
            raise StudyError(
                f"Your app {spec.app} already runs something, and this folder is not tied to it.",
                f"If it is this study's: git remote add heroku {spec.remote}\n"
                f"If not, choose another `app` {IN_PYPROJECT}",
            )

    def leftovers(self) -> str:
        """What exists and costs money now, for the end of an error message."""
        if not self.state:
            return "Nothing on Heroku was changed."
        costs = describe_price() if self.state.is_deployed else "nothing until the first deploy"
        lines = [f"The app {self.spec.app} exists; it costs {costs}."] * self.state.exists
        for database in self.state.databases:
            costs = describe_price(database.plan) or "money"
            lines.append(f"The database {database.name} exists and costs {costs}.")
        if what := self.unconfirmed:
            lines.append(f"Whether Heroku made {what} could not be seen; the next run looks first.")
        if self.state.exists:
            lines.append(f"To remove all of it: heroku apps:destroy --app {self.spec.app}")
        return "\n".join(lines) or "Nothing on Heroku was made, and nothing costs money."


class RemoteStep:
    name = "git remote"  # it ties the folder to the app

    def is_done(self, run: Provisioning) -> bool:
        return run.has_remote

    def describe(self, run: Provisioning) -> str:
        return f"git remote add heroku {run.spec.remote}"

    def make(self, run: Provisioning) -> None:
        run.repository.git("remote", "add", "heroku", run.spec.remote)


class AddressStep:
    name = "address"  # the app's, committed in config.txt

    def is_done(self, run: Provisioning) -> bool:
        written = run.repository.committed_domain
        return bool(written) and (written == run.state.domain or not is_heroku_domain(written))

    def describe(self, run: Provisioning) -> str:
        return f'git {" ".join(COMMIT)} "{ADDRESS_MESSAGE}" -- config.txt'

    def make(self, run: Provisioning) -> None:
        run.repository.write_domain(run.state.domain)


class HerokuStep:
    """What one Heroku command makes. It is read back, and retried while Heroku is busy."""

    doing, remedy, seconds = "making", "", cli.SECONDS_PER_COMMAND
    changes = "config"  # one of QUERIES

    def describe(self, run: Provisioning) -> str:
        command = run.heroku.arguments(*self.command(run))
        return " ".join(re.sub("(?s)=.*", "=…", word) for word in command)

    def make(self, run: Provisioning) -> None:
        """Ensure that it is done. Raises StudyError if it is not."""
        what = self.title(run)

        def tick(seconds: float) -> None:
            run.say(f"  {self.name}: Heroku is making it, {seconds:.0f} s so far")

        for pause in (*cli.PAUSES_BEFORE_RETRY, None):
            run.unconfirmed = what
            result = run.heroku.run(*self.command(run), seconds=self.seconds, tick=tick)
            self.read_back(run, result)
            run.unconfirmed = ""
            if self.is_done(run):
                return
            if pause is None or not result.is_transient:
                raise self.explain(run) or problem(result, f"{self.doing} {what}", self.remedy)
            time.sleep(pause)

    def read_back(self, run: Provisioning, result: CommandResult) -> None:
        run.read(self.changes)

    def explain(self, run: Provisioning) -> StudyError | None:
        """The error to raise if what exists explains more than Heroku's words."""
        return None


class AppStep(HerokuStep):
    name = "app"
    remedy = f"Correct `app`, `region` or `team` {IN_PYPROJECT}"

    def title(self, run: Provisioning) -> str:
        return f"the app {run.spec.app}"

    def is_done(self, run: Provisioning) -> bool:
        return run.state.exists

    def command(self, run: Provisioning) -> list[str]:
        team = ["--team", run.spec.team] if run.spec.team else []
        options = ["--region", run.spec.region, *team, "--no-remote", "--json"]
        return ["apps:create", run.spec.app, *options]

    def read_back(self, run: Provisioning, result: CommandResult) -> None:
        if result.exit_code:
            run.read(*QUERIES)
        else:
            run.state = AppState({"app": result.json(), "addons": [], "dynos": []}, {})


class DatabaseStep(HerokuStep):
    """The database: bought or, if it was bought before, waited for."""

    name, question, seconds, changes = "database", "Buy the database", 600, "info"
    plans = "the plans: heroku addons:plans heroku-postgresql"
    remedy = f"See {plans}\nThen correct `database` {IN_PYPROJECT}"

    def check(self, run: Provisioning) -> list[str]:
        """Raise StudyError if a new database would not be used; there is nothing to note."""
        if run.state.config.get("DATABASE_URL") and not run.state.databases:
            cause = "The app's config var DATABASE_URL was set by hand"
            raise StudyError(
                f"{cause}, so a new database would not be used.",
                f'To keep yours, write database = "existing" {IN_PYPROJECT}\n'
                f"To buy one: heroku config:unset DATABASE_URL --app {run.spec.app}",
            )
        return []

    def price(self, run: Provisioning) -> str:
        if run.state.databases:
            return "bought before; Heroku is making it"
        price = describe_price(run.spec.database)
        return f"{price}, from now on" if price else f"see {self.plans}"

    def title(self, run: Provisioning) -> str:
        return f"the database {run.spec.database}"

    def is_done(self, run: Provisioning) -> bool:
        return any(each.is_used and each.state == "provisioned" for each in run.state.databases)

    def command(self, run: Provisioning) -> list[str]:
        if run.state.databases:
            return ["addons:wait"]
        return ["addons:create", run.spec.database, "--wait"]

    def explain(self, run: Provisioning) -> StudyError | None:
        if not run.state.databases:
            return None
        name, state = run.state.databases[0].name, run.state.databases[0].state
        remedy = {
            "provisioning": "Wait for it: heroku addons:wait",
            "provisioned": f"Put it to use: heroku pg:promote {name}",
        }.get(state, f"Remove it: heroku addons:destroy {name}")
        cause = f"The database {name} cannot be used yet; Heroku calls it {state}."
        return StudyError(cause, f"{remedy} --app {run.spec.app}")


class ConfigStep(HerokuStep):
    """Config vars, set in one command since each restarts the app.

    A value is never replaced, but for the limit of the database, which follows its plan.
    """

    doing = "setting"

    def __init__(self, name: str, needed: Callable[[Provisioning], dict[str, str]]) -> None:
        self.name, self.needed = name, needed

    def unset(self, run: Provisioning) -> dict[str, str]:
        """Those of the needed config vars that the app lacks."""
        needed, existing = self.needed(run), run.state.config
        kept = {name for name, value in existing.items() if value and name != LIMIT}
        return {n: v for n, v in needed.items() if v and n not in kept and v != existing.get(n)}

    def title(self, run: Provisioning) -> str:
        return f"the config vars {', '.join(self.unset(run))}"

    def is_done(self, run: Provisioning) -> bool:
        return not self.unset(run)

    def command(self, run: Provisioning) -> list[str]:
        return ["config:set", *(f"{name}={value}" for name, value in self.unset(run).items())]


class OwnDatabaseStep(ConfigStep):
    """A database outside Heroku, whose address is in DATABASE_URL here."""

    question = "Connect the database"

    def __init__(self) -> None:
        self.url = os.environ.get("DATABASE_URL", "")
        super().__init__("database", lambda _: {"DATABASE_URL": self.url})

    def price(self, run: Provisioning) -> str:
        return "your own, by its address in DATABASE_URL"

    def check(self, run: Provisioning) -> list[str]:
        """Raise StudyError if the address cannot keep a study's data; return notes.

        psiTurk refuses an address that contains ``localhost`` or ``sqlite`` anywhere
        (psiturk/psiturk_config.py). A server that does not answer here may still answer Heroku.
        """
        if run.state.config.get("DATABASE_URL"):
            return []
        try:
            parts = urlsplit(self.url)
            scheme, host, port = parts.scheme, parts.hostname, parts.port
        except ValueError:
            scheme, host, port = "", "", None
        if not self.url:
            cause = '`database` is "existing", but the variable DATABASE_URL is not set here.'
        elif "sqlite" in self.url:
            cause = "DATABASE_URL leads to SQLite, a file that Heroku deletes every day."
        elif scheme not in ("postgres", "postgresql") or not host:
            cause = "DATABASE_URL is not the address of a Postgres."
        elif "localhost" in self.url or host == "::1" or host.startswith("127."):
            cause = "DATABASE_URL leads to this machine, which Heroku cannot reach."
        else:
            try:
                socket.create_connection((host, port or 5432), timeout=5).close()
                return []
            except OSError:
                then = "If it does not answer Heroku either, the first push will say so."
                return [f"The database at {host} does not answer from here. {then}"]
        example = 'export DATABASE_URL="postgres://user:password@host:5432/name"'
        raise StudyError(cause, f"Set it to a Postgres server that keeps your data: {example}")


def needed_config(run: Provisioning) -> dict[str, str]:
    """The config vars that every app needs. The key is new each time: set it once."""
    needed = {"ON_CLOUD": "1", "PSITURK_SECRET_KEY": secrets.token_hex(32)}
    if run.spec.database != "existing":
        limit = find_limit(run.state.plan or run.spec.database)
        # Of a plan that is not known, only a limit that was set before is in the way.
        needed |= {LIMIT: str(limit)} if limit or LIMIT in run.state.config else {}
    if run.recruiter.makes_hits:  # with this machine's Amazon keys, wherever they are set
        here = config.read(run.repository.folder)
        keys = {name: here.value("AWS Access", name.lower()) for name in AWS_KEYS}
        needed |= keys if all(keys.values()) else {}
    custom = run.repository.folder / "custom.py"
    if custom.exists() and "PsiTurkAuthorization(" in custom.read_text(encoding="utf-8"):
        # Without these, psiTurk does not even import it (psiturk/user_utils.py).
        login = {"USERNAME": "researcher", "PW": secrets.token_urlsafe(12)}
        needed |= {f"PSITURK_LOGIN_{name}": value for name, value in login.items()}
    return needed
