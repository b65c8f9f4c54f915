"""The steps of `study up`, in their order, and what they share: a look at the app.

Two habits of Heroku's command line shape the code: it repeats a request whose answer
was lost, so a made app reads as "name taken" and a database may be bought twice; and it
says 0 without having done what was asked. So every change is read back, and a failure is
believed only if its part is not there afterwards.
"""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from study import config
from study.errors import StudyError
from study.heroku.cli import PAUSES_BEFORE_RETRY, Answer, Heroku, check_version, problem
from study.heroku.git import ADDRESS_COMMIT, Repository, domain_in, is_herokus
from study.heroku.wanted import DYNO_PRICE, IN_PYPROJECT, PLAN_PRICES, needed_config, read_wanted
from study.recruiters.codes import needed_codes

SECONDS_FOR_DATABASE = 600


@dataclass
class Found:
    """What is there now; None where nobody has looked yet."""

    account: str | None = None
    app: dict | None = None
    addons: list[dict] = field(default_factory=list)
    config: dict[str, str] | None = None

    @property
    def databases(self) -> list[dict]:
        """The Postgres add-ons of the app."""
        return [a for a in self.addons if a["addon_service"]["name"] == "heroku-postgresql"]

    @property
    def domain(self) -> str:
        """The app's address without https://; it has a random part, so it is read, not made."""
        return urlsplit(self.app["web_url"]).hostname if self.app else ""

    @property
    def is_live(self) -> bool:
        """Whether something was pushed to the app (Heroku describes what it was built with)."""
        return bool(self.app and self.app.get("buildpack_provided_description"))


class Provisioning:
    """One run of `study up` in the study's folder: what is wanted and what was found."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self.say = say
        self.wanted = read_wanted(folder)
        self.heroku = Heroku(self.wanted.app)
        self.repository = Repository(folder)
        self.found = Found()
        self.given: dict[str, str] = {}  # codes that the researcher typed
        self.notes: list[str] = []
        self.doubt = ""  # what was asked for and could not be read back

    @property
    def recruitment(self) -> str:
        """The recruiter's name, as the app's server reads it."""
        settings = config.read(self.repository.folder, self.found.config or {})
        return settings.value("Study", "recruitment")

    def look(self) -> None:
        """Read what is there; independent questions are asked side by side."""
        questions = {
            "version": lambda: self.heroku.read("--version"),
            "account": lambda: self.heroku.read("auth:whoami"),
            "app": lambda: self.heroku.read_on_app("apps:info", "--json"),
        }
        if remote_is_set(self):  # so the app is likely to exist
            questions["config"] = lambda: self.heroku.read_on_app("config", "--json")
        with ThreadPoolExecutor() as pool:
            answers = {name: pool.submit(ask) for name, ask in questions.items()}
        check_version(answers["version"].result())
        account = answers["account"].result()
        if account.code:
            raise problem(account, "asking who is logged in")
        self.understand_app(answers["app"].result(), account.out.strip())
        if self.found.app:
            self.read_config(answers["config"].result() if "config" in answers else None)

    def understand_app(self, answer: Answer, account: str) -> None:
        """Take in whether the app exists; raise StudyError if it is somebody else's."""
        if answer.error_id == "forbidden":
            self.doubt = ""
            raise StudyError(
                f"Somebody else on Heroku already has an app named {self.wanted.app}.",
                f"Choose another `app` {IN_PYPROJECT}",
            )
        if answer.code and answer.error_id != "not_found":
            raise problem(answer, "looking for the app")
        if not answer.code:
            info = answer.json()
            refuse_foreign_app(self, info["app"], account)
            self.found.app, self.found.addons = info["app"], info["addons"]
        self.found.account = account

    def read_app(self) -> None:
        """Read the app and its add-ons back after a change."""
        answer = self.heroku.read_on_app("apps:info", "--json")
        self.understand_app(answer, self.found.account)

    def read_config(self, answer: Answer | None = None) -> None:
        """Read the config vars; they hold secrets and are never printed."""
        answer = answer or self.heroku.read_on_app("config", "--json")
        if answer.code:
            raise problem(answer, "reading the config vars")
        self.found.config = answer.json()

    def unset(self, needed: dict[str, str]) -> dict[str, str]:
        """Those of the needed config vars that the app lacks; set ones are never replaced."""
        present = self.found.config or {}
        return {name: value for name, value in needed.items() if value and not present.get(name)}

    def insist(
        self,
        what: str,
        make: Callable[[], Answer],
        read_back: Callable[[Answer], None],
        is_there: Callable[[], bool],
        explain: Callable[[Answer], StudyError],
    ) -> None:
        """Make something and read it back; a busy Heroku is asked again.

        Raises the StudyError that ``explain`` makes of the answer if it is not there.
        """
        for pause in (*PAUSES_BEFORE_RETRY, None):
            self.doubt = what
            answer = make()
            read_back(answer)
            self.doubt = ""
            if is_there():
                return
            if pause is None or not answer.is_passing:
                raise explain(answer)
            time.sleep(pause)

    def left(self) -> str:
        """What exists and costs money now, for the end of an error message."""
        doubt = ""
        if self.doubt:
            doubt = f"Whether Heroku made {self.doubt} could not be seen; the next run looks first."
        if self.found.account is None:
            return "Nothing on Heroku was changed."
        if not self.found.app:
            return doubt or "Nothing on Heroku was made, and nothing costs money."
        app = self.wanted.app
        costs = "costs nothing until the first deploy"
        if self.found.is_live:
            costs = f"costs about {DYNO_PRICE} USD a month"
        lines = [f"The app {app} exists; it {costs}."]
        for addon in self.found.databases:
            price = PLAN_PRICES.get(addon["plan"]["name"])
            costs = f"about {price} USD a month" if price else "money"
            lines.append(f"The database {addon['name']} exists and costs {costs}.")
        lines += [doubt, f"To remove all of it: heroku apps:destroy --app {app}"]
        return "\n".join(filter(None, lines))


def refuse_foreign_app(run: Provisioning, app: dict, account: str) -> None:
    """Raise StudyError if the app belongs to others, or to another study of ours."""
    wanted = run.wanted
    team = (app.get("team") or {}).get("name", "")
    if team != wanted.team or (not team and app["owner"]["email"] != account):
        raise StudyError(
            f"The app {wanted.app} exists and belongs to {team or app['owner']['email']}; "
            f"you are logged in as {account}.",
            f"Log in as its owner (heroku login), or correct `app` and `team` {IN_PYPROJECT}",
        )
    found = Found(app=app)
    ours = remote_is_set(run) or domain_in(run.repository.committed()) == found.domain
    if found.is_live and not ours:
        raise StudyError(
            f"Your app {wanted.app} already runs something, and this folder is not tied to it.",
            f"If it is this study's: git remote add heroku {wanted.remote}\n"
            f"If not, choose another `app` {IN_PYPROJECT}",
        )


@dataclass(frozen=True)
class Step:
    """One part of the wanted state: is it so already, what makes it so, and by which command."""

    name: str
    is_done: Callable[["Provisioning"], bool]
    make: Callable[["Provisioning"], None]
    command: Callable[["Provisioning"], list[str]]  # for the dry run, without secrets


def app_is_made(run: Provisioning) -> bool:
    return run.found.app is not None


def app_command(run: Provisioning) -> list[str]:
    team = ["--team", run.wanted.team] if run.wanted.team else []
    options = ["--region", run.wanted.region, *team, "--no-remote", "--json"]
    return ["heroku", "apps:create", run.wanted.app, *options]


def make_app(run: Provisioning) -> None:
    """Create the app."""

    def read_back(answer: Answer) -> None:
        if answer.code == 0:
            run.found.app, run.found.config = answer.json(), {}
            return
        run.read_app()
        if run.found.app:
            run.read_config()

    what = f"the app {run.wanted.app}"
    run.insist(
        what,
        lambda: run.heroku.call(*app_command(run)[1:]),
        read_back,
        lambda: app_is_made(run),
        lambda answer: problem(
            answer, f"making {what}", f"Correct `app`, `region` or `team` {IN_PYPROJECT}"
        ),
    )


def remote_is_set(run: Provisioning) -> bool:
    return run.repository.remote == run.wanted.remote


def remote_command(run: Provisioning) -> list[str]:
    return ["git", "remote", "add", "heroku", run.wanted.remote]


def set_remote(run: Provisioning) -> None:
    """Tie the folder to the app."""
    run.repository.add_remote(run.wanted.remote)


def address_is_committed(run: Provisioning) -> bool:
    committed = domain_in(run.repository.committed())
    if committed and not is_herokus(committed):
        return True  # a domain of one's own
    return bool(committed) and committed == run.found.domain


def address_command(run: Provisioning) -> list[str]:
    return ["git", *ADDRESS_COMMIT[:3], f'"{ADDRESS_COMMIT[3]}"', "--", "config.txt"]


def write_address(run: Provisioning) -> None:
    """Write the app's address into config.txt."""
    run.repository.write_domain(run.found.domain)


def database_is_ready(run: Provisioning) -> bool:
    if run.wanted.database == "existing":
        return bool((run.found.config or {}).get("DATABASE_URL"))
    return any(
        addon["state"] == "provisioned" and "DATABASE_URL" in addon["config_vars"]
        for addon in run.found.databases
    )


def database_command(run: Provisioning) -> list[str]:
    if run.wanted.database == "existing":
        return config_command(run, own_database())
    wanted = ["addons:create", run.wanted.database, "--wait"]
    if run.found.databases:
        wanted = ["addons:wait"]
    return ["heroku", *wanted, "--app", run.wanted.app]


def own_database() -> dict[str, str]:
    """The config var that leads to a database of one's own."""
    return {"DATABASE_URL": os.environ.get("DATABASE_URL", "")}


def make_database(run: Provisioning) -> None:
    """Buy the database, wait for one that is being made, or connect one's own."""
    if run.wanted.database == "existing":
        return set_config(run, own_database())
    what = f"the database {run.wanted.database}"
    started = time.monotonic()

    def tick() -> None:
        run.say(f"  database: Heroku is making it, {time.monotonic() - started:.0f} s so far")

    def explain(answer: Answer) -> StudyError:
        if not run.found.databases:
            remedy = "See the plans: heroku addons:plans heroku-postgresql\n"
            remedy += f"Then correct `database` {IN_PYPROJECT}"
            return problem(answer, f"making {what}", remedy)
        addon = run.found.databases[0]
        name, state = addon["name"], addon["state"]
        remedies = {
            "provisioning": f"Wait for it: heroku addons:wait --app {run.wanted.app}",
            "provisioned": f"Put it to use: heroku pg:promote {name} --app {run.wanted.app}",
        }
        remove = f"Remove it: heroku addons:destroy {name} --app {run.wanted.app}"
        return StudyError(
            f"The database {name} cannot be used yet; Heroku calls it {state}.",
            remedies.get(state, remove),
        )

    run.insist(
        what,
        lambda: run.heroku.call(
            *database_command(run)[1:], seconds=SECONDS_FOR_DATABASE, tick=tick
        ),
        lambda _: run.read_app(),
        lambda: database_is_ready(run),
        explain,
    )


def config_command(run: Provisioning, needed: dict[str, str]) -> list[str]:
    pairs = [f"{name}=…" for name in run.unset(needed)]
    return ["heroku", "config:set", *pairs, "--app", run.wanted.app]


def set_config(run: Provisioning, needed: dict[str, str]) -> None:
    """Set what is missing, in one call: each call restarts the app."""
    missing = run.unset(needed)
    what = f"the config vars {', '.join(missing)}"
    run.insist(
        what,
        lambda: run.heroku.on_app("config:set", *(f"{k}={v}" for k, v in missing.items())),
        lambda _: run.read_config(),
        lambda: not run.unset(missing),
        lambda answer: problem(answer, f"setting {what}"),
    )


def config_step(name: str, needed: Callable[[Provisioning], dict[str, str]]) -> Step:
    """The step that sets the needed config vars."""
    return Step(
        name,
        lambda run: not run.unset(needed(run)),
        lambda run: set_config(run, needed(run)),
        lambda run: config_command(run, needed(run)),
    )


# These cost nothing.
FREE_STEPS = (
    Step("app", app_is_made, make_app, app_command),
    Step("git remote", remote_is_set, set_remote, remote_command),
    Step("address", address_is_committed, write_address, address_command),
    config_step("config vars", lambda run: needed_config(run.repository.folder, run.recruitment)),
)
# These wait for a yes: the database costs money and, once there is one, so does a deploy.
DATABASE = Step("database", database_is_ready, make_database, database_command)
CODE = config_step("code", lambda run: needed_codes(run.recruitment) | run.given)
STEPS = (*FREE_STEPS, DATABASE, CODE)
