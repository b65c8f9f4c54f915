"""Dynos: processes started with the app's code, its config vars and the buildpack's environment.

A web dyno is up once something listens on $PORT on every interface. It is killed when that takes
more than 60 s (R10), and is told to stop by SIGTERM, sent to all its processes, 30 s before
SIGKILL (R12). A new release or a changed config starts new dynos at once while the old ones end.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

from . import catalogue, orphans
from .clock import now

if TYPE_CHECKING:
    from .app import App, Release

# On Linux the whole of 127/8 is loopback, and a server bound to 127.0.0.1 does not answer here:
# so a study that forgets to bind to 0.0.0.0 fails to boot, as it does on Heroku.
DYNO_ADDRESS = "127.0.0.2" if sys.platform.startswith("linux") else "127.0.0.1"


def environment(app: App, release: Release, dyno: str, size: str, port: int) -> dict[str, str]:
    """What a process of this app finds in its environment, and nothing of the developer's own."""
    home = release.slug.folder
    config = release.config
    env = {
        "LANG": "en_US.UTF-8",
        "TZ": "UTC",
        "GUNICORN_CMD_ARGS": "--access-logfile -",
        "WEB_CONCURRENCY": str(catalogue.SIZES[size.lower()].concurrency),
        "PYTHONPATH": str(home),
        **config,
        "HOME": str(home),
        "PATH": f"{home}/.heroku/python/bin:/usr/local/bin:/usr/bin:/bin",
        "PYTHONUNBUFFERED": "1",
        "FORWARDED_ALLOW_IPS": "*",
        "DYNO": dyno,
        "PORT": str(port),
    }
    if "runtime-dyno-metadata" in app.features:
        env |= {
            "HEROKU_APP_ID": app.id,
            "HEROKU_APP_NAME": app.name,
            "HEROKU_APP_DEFAULT_DOMAIN_NAME": app.host,
            "HEROKU_RELEASE_VERSION": f"v{release.version}",
            "HEROKU_RELEASE_CREATED_AT": release.created_at,
            "HEROKU_BUILD_COMMIT": release.slug.commit,
            "HEROKU_SLUG_COMMIT": release.slug.commit,
        }
    return env


class Dyno:
    """One process and its group. States: starting, up, crashed, complete, down."""

    def __init__(
        self,
        app: App,
        release: Release,
        type: str,
        name: str,
        command: str,
        size: str,
        env: dict[str, str] | None = None,
    ):
        self.app, self.release = app, release
        self.type, self.name, self.command, self.size = type, name, command, size
        self.id = str(uuid.uuid4())
        self.created_at = self.updated_at = now()
        self.state = "starting"
        self.port = _free_port()
        self.changed = threading.Event()  # set once it is no longer starting
        self.ended = threading.Event()  # all its processes are gone
        self.stopping = False
        app.log("heroku", name, f"Starting process with command `{command}`")
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", command],
            cwd=release.slug.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=environment(app, release, name, size, self.port) | (env or {}),
        )
        orphans.guard(self.process.pid)

    @property
    def url(self) -> str:
        """Past the router, for measurements."""
        return f"http://{DYNO_ADDRESS}:{self.port}"

    @property
    def is_one_off(self) -> bool:
        return self.type in ("release", "run")

    def serve(self) -> None:
        """Keep its log and watch it boot, in the background."""
        threading.Thread(target=self.follow, daemon=True).start()
        threading.Thread(target=self._watch_boot, daemon=True).start()

    def follow(self, show: Callable[[str], None] = lambda line: None) -> int:
        """Pass its output on, line by line, until it ends; its exit status as a shell says it."""
        with self.process.stdout as output:
            for raw in output:
                line = raw.decode(errors="replace").rstrip("\n")
                self.app.log("app", self.name, line)
                show(line)
        status = self.process.wait()
        self.ended.set()
        status = status if status >= 0 else 128 - status
        orphans.release(self.process.pid)
        self.app.log("heroku", self.name, f"Process exited with status {status}")
        self.become("down" if self.stopping else "complete" if self.is_one_off else "crashed")
        if self.is_one_off:
            self.app.dynos.forget(self)
        return status

    def _watch_boot(self) -> None:
        if self.type != "web":
            self.become("up")
            return
        limit = self.app.platform.boot_seconds
        deadline = time.monotonic() + limit
        while self.state == "starting" and not self.stopping:
            if _listens(self.port):
                self.become("up")
            elif time.monotonic() > deadline:
                self.app.log(
                    "heroku",
                    self.name,
                    "Error R10 (Boot timeout) -> Web process failed "
                    f"to bind to $PORT within {limit:.0f} seconds of launch",
                )
                self._signal(signal.SIGKILL)
                return
            else:
                time.sleep(0.02)

    def become(self, state: str) -> None:
        if self.state != state and self.state in ("starting", "up"):
            if not self.stopping:
                self.app.log("heroku", self.name, f"State changed from {self.state} to {state}")
            self.state, self.updated_at = state, now()
        self.changed.set()

    def stop(self) -> threading.Thread:
        """Begin to end it; the thread is done when it has ended."""
        self.stopping = True
        thread = threading.Thread(target=self._stop, daemon=True)
        thread.start()
        return thread

    def _stop(self) -> None:
        self.app.log("heroku", self.name, "Stopping all processes with SIGTERM")
        self._signal(signal.SIGTERM)
        begun = time.monotonic()
        while not self.ended.wait(0.05):
            limit = self.app.platform.exit_seconds  # shorter at the end of a test
            if time.monotonic() - begun > limit:
                self.app.log(
                    "heroku",
                    self.name,
                    "Error R12 (Exit timeout) -> At least one process failed to exit within "
                    f"{limit:.0f} seconds of SIGTERM",
                )
                self._signal(signal.SIGKILL)
                self.ended.wait()

    def _signal(self, number: int) -> None:
        if not self.ended.is_set():  # afterwards the number may be somebody else's
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)


class Dynos:
    """The running processes of one app."""

    def __init__(self, app: App):
        self.app = app
        self.running: list[Dyno] = []
        self._ending: list[threading.Thread] = []
        self._lock = threading.RLock()
        self._one_offs = 1000

    def restart(self) -> None:
        """Replace every dyno by one of the current release."""
        with self._lock:
            self._end(self._formation())
            self.settle()

    def settle(self) -> None:
        """Start and stop dynos until they are what the formation says."""
        with self._lock:
            release = self.app.current
            wanted = (
                {
                    f"{process.type}.{n}": process
                    for process in self.app.formation.values()
                    if process.type != "release"
                    for n in range(1, process.quantity + 1)
                }
                if release.slug
                else {}
            )
            self._end([dyno for dyno in self._formation() if dyno.name not in wanted])
            present = {dyno.name for dyno in self._formation()}
            for name, process in wanted.items():
                if name not in present:
                    dyno = Dyno(
                        self.app, release, process.type, name, process.command, process.size
                    )
                    self.running.append(dyno)
                    dyno.serve()

    def stop(self) -> list[threading.Thread]:
        """Begin to end everything; the threads are done when it has ended."""
        with self._lock:
            self._end(list(self.running))
            return self._ending

    def _end(self, dynos: list[Dyno]) -> None:
        self.running = [dyno for dyno in self.running if dyno not in dynos]
        still = [thread for thread in self._ending if thread.is_alive()]
        self._ending = still + [dyno.stop() for dyno in dynos]

    def _formation(self) -> list[Dyno]:
        return [dyno for dyno in self.running if not dyno.is_one_off]

    def one_off(
        self, command: str, release: Release, kind: str, env: dict[str, str] | None = None
    ) -> Dyno:
        """Start a process outside the formation: `release` or `run`."""
        with self._lock:
            self._one_offs += 1
            process = self.app.formation.get("web")
            dyno = Dyno(
                self.app,
                release,
                kind,
                f"{kind}.{self._one_offs}",
                command,
                process.size if process else "Basic",
                env,
            )
            dyno.become("up")
            self.running.append(dyno)
        return dyno

    def run(
        self,
        command: str,
        release: Release,
        kind: str,
        show: Callable[[str], None] = lambda line: None,
        env: dict[str, str] | None = None,
    ) -> int:
        """Run a command to its end; its exit status."""
        return self.one_off(command, release, kind, env).follow(show)

    def forget(self, dyno: Dyno) -> None:
        with self._lock:
            self.running = [one for one in self.running if one is not dyno]

    def pick(self) -> Dyno | None:
        """A web dyno for one request, chosen at random as Heroku does; None if there is none.

        While all of them boot the request waits, as the router's queue does.
        """
        with self._lock:
            dynos = [dyno for dyno in self.running if dyno.type == "web"]
        up = [dyno for dyno in dynos if dyno.state == "up"]
        if not up:
            for dyno in dynos:
                if dyno.changed.wait(self.app.platform.response_seconds) and dyno.state == "up":
                    return dyno
        return random.choice(up or dynos or [None])

    def wait_until_up(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with self._lock:
                formation = self._formation()
                wanted = sum(
                    one.quantity for one in self.app.formation.values() if one.type != "release"
                )
            pending = any(release.status == "pending" for release in self.app.releases)
            if (
                not pending
                and len(formation) == wanted
                and all(
                    dyno.state == "up" and dyno.release is self.app.current for dyno in formation
                )
            ):
                return
            time.sleep(0.02)
        log = "\n".join(self.app.log_lines[-20:])
        raise TimeoutError(f"{self.app.name} did not come up in {seconds} s:\n{log}")


def _listens(port: int) -> bool:
    try:
        socket.create_connection((DYNO_ADDRESS, port), timeout=1).close()
    except OSError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("0.0.0.0", 0))
        return probe.getsockname()[1]
