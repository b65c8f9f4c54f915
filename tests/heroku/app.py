"""One app: its config vars, releases, formation and log.

Every change of code or config is a release. A release that has a command to run is `pending`
until the command ends, and only a `succeeded` release reaches the dynos; a failed one leaves
them as they were.
"""

from __future__ import annotations

import secrets
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from . import catalogue, refusals
from .clock import log_time, now
from .dynos import Dynos

if TYPE_CHECKING:
    from .addons import AddOn, Attachment, Transfer
    from .platform import Account, Platform, Team


@dataclass
class Slug:
    """What a build leaves: a folder that can run, and the Procfile's commands."""

    folder: Path
    commit: str
    processes: dict[str, str]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass
class Release:
    version: int
    description: str
    user: Account
    config: dict[str, str]
    slug: Slug | None = None
    status: str = "pending"  # then succeeded or failed
    output: str | None = None  # of the release command, if one ran
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    created_at: str = field(default_factory=now)
    updated_at: str = field(default_factory=now)


@dataclass
class ProcessType:
    """One line of the formation."""

    type: str
    command: str
    quantity: int
    size: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    created_at: str = field(default_factory=now)


class App:
    def __init__(
        self,
        platform: Platform,
        name: str,
        owner: Account | Team,
        creator: Account,
        region: str,
        stack: str,
    ):
        self.platform = platform
        self.name = name
        self.owner = owner
        self.creator = creator
        self.region = region
        self.stack = stack
        self.id = str(uuid.uuid4())
        self.created_at = self.updated_at = now()
        self.host = f"{name}-{secrets.token_hex(6)}.herokuapp.com"
        self.domains = [self.host]
        self.maintenance = False
        self.features: set[str] = set()
        self.collaborators: set[str] = set()
        self.own_config: dict[str, str] = {}
        self.addons: list[AddOn] = []
        self.attachments: list[Attachment] = []
        self.backups: list[Transfer] = []
        self.backup_hours: list[int] = []  # UTC, of each day
        self.formation: dict[str, ProcessType] = {}
        self.releases: list[Release] = []
        self.log_lines: list[str] = []
        self.folder = platform.folder / self.id
        self.dynos = Dynos(self)
        self.build_secret = secrets.token_urlsafe(16)  # lets the repository's hook ask for a build
        self.build_lock = threading.Lock()  # Heroku refuses a second push during a build
        self.release("Initial release")
        self.release("Enable Logplex")

    @property
    def web_url(self) -> str:
        return f"https://{self.host}/"

    @property
    def git_url(self) -> str:
        return f"https://git.heroku.com/{self.name}.git"

    @property
    def config(self) -> dict[str, str]:
        """The config vars: those of the attachments and those that were set."""
        config = dict(self.own_config)
        for attachment in self.attachments:
            config.update(attachment.config_vars)
        return config

    def set_config(self, changes: dict[str, str | None], user: Account) -> None:
        """Set and unset config vars (None unsets): one release, if anything changes."""
        attached = {name for one in self.attachments for name in one.config_vars}
        for name, value in changes.items():
            if name in attached:
                raise refusals.attachment_value(name)
            if not catalogue.CONFIG_NAME.fullmatch(name):
                raise refusals.invalid(f"{name} is not a valid config var name.")
            if value is not None and not isinstance(value, str):
                raise refusals.invalid("Config var values must be strings or null.")
        before = dict(self.own_config)
        after = {name: value for name, value in {**before, **changes}.items() if value is not None}
        if (
            sum(len(name.encode()) + len(value.encode()) for name, value in after.items())
            > catalogue.CONFIG_BYTES
        ):
            raise refusals.invalid("Config vars exceed the limit of 64 KB.")
        if after == before:
            return
        self.own_config = after
        kept = [name for name, value in changes.items() if value is not None]
        gone = [name for name, value in changes.items() if value is None]
        words = [
            f"{verb} {', '.join(names)}"
            for verb, names in (("Set", kept), ("Remove", gone))
            if names
        ]
        self.release(f"{' and '.join(words)} config vars", user=user)

    @property
    def current(self) -> Release:
        """The release that the dynos run."""
        return next(one for one in reversed(self.releases) if one.status == "succeeded")

    def release(
        self,
        description: str,
        *,
        slug: Slug | None = None,
        user: Account | None = None,
        run_command: bool = True,
        show: Callable[[str], None] | None = None,
    ) -> Release:
        """Make a release and, if it can, put it live.

        With a release command in the Procfile it is pending: the command runs in the background,
        or here and now if `show` wants its output (a push). Releases that an add-on makes for a
        new value of its config vars run no command.
        """
        with self.platform.lock:
            previous = self.current.slug if self.releases else None
            release = Release(
                len(self.releases) + 1,
                description,
                user or self.creator,
                self.config,
                slug or previous,
            )
            self.releases.append(release)
            self.updated_at = now()
            self.log(
                "app",
                "api",
                f"Release v{release.version} created by user {release.user.email}: {description}",
            )
            command = release.slug and release.slug.processes.get("release")
            if not (command and run_command):
                self._go_live(release)
                return release
            release.output = ""
        if show:
            self._run_command(release, command, show)
        else:
            threading.Thread(
                target=self._run_command, daemon=True, args=(release, command, lambda line: None)
            ).start()
        return release

    def _run_command(self, release: Release, command: str, show: Callable[[str], None]) -> None:
        def keep(line: str) -> None:
            release.output += line + "\n"
            show(line)

        status = self.dynos.run(command, release, kind="release", show=keep)
        with self.platform.lock:
            if status == 0:
                self._go_live(release)
            else:
                release.status, release.updated_at = "failed", now()

    def _go_live(self, release: Release) -> None:
        release.status, release.updated_at = "succeeded", now()
        if release is self.current:  # a later release may have overtaken a slow command
            self.dynos.restart()

    def set_processes(self, processes: dict[str, str]) -> None:
        """The formation after a build: a first push gives web=1 and every other type 0."""
        size = "Eco" if getattr(self.owner, "eco", False) else "Basic"
        for type, command in processes.items():
            if type in self.formation:
                self.formation[type].command = command
            else:
                self.formation[type] = ProcessType(type, command, int(type == "web"), size)
        self.formation = {type: one for type, one in self.formation.items() if type in processes}

    def scale(self, updates: list[dict[str, object]]) -> None:
        """Change quantities and sizes; "+1" and "-1" are relative."""
        planned = []
        for update in updates:
            process = self.formation.get(str(update.get("type")))
            if process is None:
                raise refusals.not_found("process type")
            size = catalogue.SIZES.get(str(update.get("size") or process.size).lower())
            if size is None:
                raise refusals.invalid(f"No such dyno size as {update['size']}.")
            if size.name == "Eco" and not getattr(self.owner, "eco", False):
                raise refusals.eco_not_subscribed()
            quantity = _quantity(process.quantity, update.get("quantity"))
            if quantity > size.most:
                raise refusals.invalid(
                    f"Cannot run more than {size.most} {size.name} {process.type} dynos."
                )
            planned.append((process, quantity, size.name))
        for process, quantity, size_name in planned:
            resized = process.size != size_name
            process.quantity, process.size = quantity, size_name
            self.dynos.restart() if resized else self.dynos.settle()

    def log(self, source: str, process: str, message: str) -> None:
        """`source` is app (what the process printed) or heroku (what the platform says)."""
        self.log_lines.append(f"{log_time()} {source}[{process}]: {message}")

    def wait_until_up(self, seconds: float = 30) -> None:
        """For tests: until every dyno of the formation runs the current release."""
        self.dynos.wait_until_up(seconds)

    def destroy(self) -> list[threading.Thread]:
        """End its dynos (the threads tell when) and delete its databases."""
        self.formation.clear()
        ending = self.dynos.stop()
        for addon in list(self.addons):
            addon.state = "deprovisioned"
            addon.drop_database()
        return ending


def _quantity(present: int, wanted: object) -> int:
    if wanted is None:
        return present
    text = str(wanted)
    if text.startswith(("+", "-")):
        return max(0, present + int(text))
    return int(text)
