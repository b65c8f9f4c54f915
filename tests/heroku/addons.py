"""Add-ons and their attachments: what makes DATABASE_URL appear on an app.

An add-on is bought by one app and attached under a name; the attachment NAME puts NAME_URL among
the app's config vars once the add-on is provisioned. The first Postgres of an app is attached as
DATABASE, the next ones as HEROKU_POSTGRESQL_<COLOUR>.
"""

from __future__ import annotations

import secrets
import threading
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from . import catalogue, refusals
from .clock import now

if TYPE_CHECKING:
    from .app import App
    from .platform import Account, Provisioning

COLOURS = ("AMBER", "AQUA", "BLACK", "BLUE", "BRONZE", "COPPER", "CRIMSON", "CYAN", "GREEN")
SHAPES = ("angular", "cubic", "curved", "flat", "globular", "octagonal", "round", "tapered")


@dataclass
class Transfer:
    """A backup: Heroku Postgres calls it a transfer from pg_dump to its store."""

    num: int
    database: str
    path: Path
    created_at: str = field(default_factory=now)
    finished_at: str | None = None
    succeeded: bool | None = None
    bytes: int = 0
    log: str = ""
    uuid: str = field(default_factory=lambda: str(uuid.uuid4()))
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(24))


class AddOn:
    """One bought service. States: provisioning, provisioned, deprovisioned."""

    def __init__(self, app: App, plan: catalogue.Plan, name: str | None):
        self.app = app
        self.plan = plan
        self.id = str(uuid.uuid4())
        self.name = name or (
            f"postgresql-{secrets.choice(SHAPES)}-{secrets.randbelow(90000) + 10000}"
        )
        self.state = "provisioning"
        self.created_at = self.updated_at = now()
        self.url = ""
        self.polls = 0
        self._fails = False

    def begin(self, how: Provisioning) -> None:
        """Start provisioning; whatever `how` says, the change happens under the platform's lock."""
        self.polls, self._fails = how.polls, how.fails
        if how.seconds:
            timer = threading.Timer(how.seconds, self._finish)
            timer.daemon = True
            timer.start()
        elif not how.polls:
            self._finish()

    def looked_at(self) -> None:
        """Somebody asked for the state; an add-on ordered slow by polls moves on by one."""
        if self.state == "provisioning" and self.polls:
            self.polls -= 1
            if not self.polls:
                self._finish()

    def _finish(self) -> None:
        with self.app.platform.lock:
            if self.state != "provisioning":
                return
            self.updated_at = now()
            if self._fails:
                self.state = "deprovisioned"
                return
            databases = self.app.platform.databases
            if databases:
                self.url = databases.create_database(connections=self.plan.connections)
            else:
                self.url = f"postgres://u:p{secrets.token_hex(16)}@db.invalid:5432/d"
            self.state = "provisioned"
            for attachment in self.attachments:
                attachment.app.release(
                    f"Update {attachment.name} by {self.plan.service}", run_command=False
                )

    @property
    def attachments(self) -> list[Attachment]:
        return [
            attachment
            for app in self.app.platform.apps.values()
            for attachment in app.attachments
            if attachment.addon is self
        ]

    def destroy(self) -> None:
        self.state = "deprovisioned"
        for attachment in self.attachments:
            attachment.app.attachments.remove(attachment)
            attachment.app.release(f"Detach {attachment.name} (@{self.name})", run_command=False)
        if self in self.app.addons:
            self.app.addons.remove(self)
        self.drop_database()

    def drop_database(self) -> None:
        databases = self.app.platform.databases
        if databases and self.url:
            databases.drop_database(self.url)
            self.url = ""


@dataclass
class Attachment:
    addon: AddOn
    app: App
    name: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    created_at: str = field(default_factory=now)

    @property
    def config_vars(self) -> dict[str, str]:
        if self.addon.state != "provisioned":
            return {}
        return {f"{self.name}_URL": self.addon.url}


def buy(
    app: App,
    plan_name: str,
    *,
    by: Account,
    attach_as: str | None = None,
    name: str | None = None,
    confirm: str | None = None,
) -> AddOn:
    """Create an add-on on an app, or refuse as Heroku would."""
    plan = catalogue.PLANS.get(catalogue.DEFAULT_PLANS.get(plan_name, plan_name))
    if plan is None:
        raise refusals.unknown_plan(plan_name)
    if app.owner is by and not by.verified:
        raise refusals.card_needed("Please verify your account to install this add-on plan")
    taken = {attachment.name for attachment in app.attachments}
    if attach_as and (attach_as in taken or f"{attach_as}_URL" in app.own_config):
        if confirm != app.name:
            raise refusals.confirmation_needed(app.name, f"{attach_as}_URL")
        app.attachments = [one for one in app.attachments if one.name != attach_as]
        app.own_config.pop(f"{attach_as}_URL", None)
    addon = AddOn(app, plan, name)
    app.addons.append(addon)
    app.attachments.append(Attachment(addon, app, attach_as or _free_name(app, taken)))
    app.release(f"Attach {app.attachments[-1].name} (@{addon.name})", user=by)
    addon.begin(app.platform.provisioning)
    return addon


def _free_name(app: App, taken: set[str]) -> str:
    if "DATABASE" not in taken and "DATABASE_URL" not in app.own_config:
        return "DATABASE"
    names = [f"HEROKU_POSTGRESQL_{colour}" for colour in COLOURS]
    return secrets.choice([name for name in names if name not in taken])
