"""Heroku's state: accounts, teams and apps, and the rules for making and finding apps.

A test reads and arranges this object; the CLI reaches the same object through api.py. What was
asked, and what shall go wrong, is in the base class: `platform.calls(...)`, `platform.fail(...)`.
"""

from __future__ import annotations

import secrets
import shutil
import threading
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from . import catalogue, refusals
from .app import App
from .clock import now
from .faults import Traffic
from .postgres import Cluster


@dataclass
class Account:
    email: str
    verified: bool = True
    eco: bool = False  # subscribed to the Eco dynos plan
    app_limit: int = catalogue.APPS_PER_ACCOUNT
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    api_key: str = field(default_factory=lambda: f"HRKU-{uuid.uuid4()}")
    created_at: str = field(default_factory=now)


@dataclass
class Team:
    """Roles are Heroku's: admin, member (both may create apps), viewer, collaborator (may not)."""

    name: str
    roles: dict[str, str] = field(default_factory=dict)
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    created_at: str = field(default_factory=now)

    @property
    def email(self) -> str:
        """What the API shows as the owner of a team's app."""
        return f"{self.name}@herokumanager.com"


@dataclass
class Provisioning:
    """How the next add-ons come to life: after some seconds, after some looks, or never."""

    seconds: float = 0
    polls: int = 0
    fails: bool = False


class Platform(Traffic):
    """The whole of Heroku for one test.

    `databases` stands behind heroku-postgresql; without it add-ons get an address that leads
    nowhere, which is enough for tests of provisioning alone.
    """

    def __init__(self, folder: Path, databases: Cluster | None = None):
        super().__init__()
        self.folder = folder
        self.databases = databases
        self.lock = threading.RLock()
        self.apps: dict[str, App] = {}
        self.teams: dict[str, Team] = {}
        self.provisioning = Provisioning()
        self._ending: list[threading.Thread] = []
        self.port = 0  # filled in by the server

        # Times that Heroku fixes and a test may want shorter.
        self.boot_seconds = 60.0
        self.exit_seconds = 30.0
        self.response_seconds = 30.0

        self.accounts: dict[str, Account] = {}
        self.account = self.add_account("researcher@example.edu")
        self.stranger = self.add_account("somebody-else@example.com")

    @property
    def url(self) -> str:
        """The API's base address, for HEROKU_HOST."""
        return f"http://localhost:{self.port}"

    @property
    def secure_url(self) -> str:
        return f"https://localhost:{self.port}"

    def add_account(self, email: str, **fields: object) -> Account:
        self.accounts[email] = Account(email, **fields)
        return self.accounts[email]

    def add_team(self, name: str, role: str | None = "admin") -> Team:
        """A team in which the account under test has this role (None: is no member)."""
        roles = {self.account.email: role} if role else {}
        self.teams[name] = Team(name, roles)
        return self.teams[name]

    def account_with_key(self, key: str) -> Account:
        for account in self.accounts.values():
            if key and secrets.compare_digest(account.api_key, key):
                return account
        raise refusals.unauthorized()

    def sign_out(self) -> None:
        """The key that the test handed out stops working, as one that was revoked."""
        self.account.api_key = f"HRKU-{uuid.uuid4()}"

    def slow_addons(self, *, seconds: float = 0, polls: int = 0) -> None:
        """Add-ons made from now on are `provisioning` for a time, or until looked at n times."""
        self.provisioning = Provisioning(seconds, polls)

    def failing_addons(self, *, seconds: float = 0, polls: int = 0) -> None:
        """Add-ons made from now on end up `deprovisioned`."""
        self.provisioning = Provisioning(seconds, polls, fails=True)

    def create_app(
        self,
        name: str | None = None,
        *,
        by: Account | None = None,
        team: str | None = None,
        region: str | None = None,
        stack: str | None = None,
    ) -> App:
        """Make an app, or refuse as Heroku would. A test may call it to prepare the scene."""
        by = by or self.account
        name = name or f"study-{secrets.choice('bcdfgh')}-{secrets.randbelow(90000) + 10000}"
        if not catalogue.APP_NAME.fullmatch(name):
            raise refusals.bad_name()
        if name in self.apps:
            raise refusals.name_taken(name)
        if (region or "us") not in catalogue.REGIONS:
            raise refusals.invalid("Region was not found")
        if (stack or catalogue.DEFAULT_STACK) not in catalogue.STACKS:
            raise refusals.invalid(f"Stack {stack} does not exist")
        owner = self._paying_team(team, by) if team else by
        if not team and not by.verified:
            raise refusals.card_needed()
        if not team and sum(app.owner is by for app in self.apps.values()) >= by.app_limit:
            raise refusals.app_limit(by.app_limit)
        app = App(self, name, owner, by, region or "us", stack or catalogue.DEFAULT_STACK)
        self.apps[name] = app
        return app

    def _paying_team(self, name: str, account: Account) -> Team:
        team = self.teams.get(name)
        if team is None or account.email not in team.roles:
            raise refusals.not_found("team")
        if team.roles[account.email] not in ("admin", "member"):
            raise refusals.team_refuses(name)
        return team

    def find_app(self, name_or_id: str, account: Account) -> App:
        """The app, if this account may see it."""
        app = self.apps.get(name_or_id) or next(
            (app for app in self.apps.values() if app.id == name_or_id), None
        )
        if app is None:
            raise refusals.not_found("app")
        if not self.may_use(app, account):
            raise refusals.somebody_elses(app.name)
        return app

    def may_use(self, app: App, account: Account) -> bool:
        if isinstance(app.owner, Team):
            return account.email in app.owner.roles or account.email in app.collaborators
        return app.owner is account or account.email in app.collaborators

    def apps_of(self, account: Account) -> list[App]:
        return [app for app in self.apps.values() if self.may_use(app, account)]

    def app_at(self, host: str) -> App | None:
        """The app that answers to a host name."""
        return next((app for app in self.apps.values() if host in app.domains), None)

    def destroy_app(self, app: App) -> None:
        del self.apps[app.name]
        self._ending += app.destroy()

    def stop(self) -> None:
        """End every process and database of every app, and wait for it."""
        self.exit_seconds = min(self.exit_seconds, 3)
        with self.lock:
            for app in list(self.apps.values()):
                self.destroy_app(app)
        for thread in self._ending:
            thread.join()
        shutil.rmtree(self.folder, ignore_errors=True)
