"""A private PostgreSQL server for tests: started once, thrown away at the end.

    cluster = Cluster()
    url = cluster.create_database()        # postgres://user:password@127.0.0.1:port/name
    ...
    cluster.stop()

Each database belongs to a role of its own with a random password, may not be entered by the
others and, as on Heroku's plans, takes a limited number of connections. The server is started
by the first database, so a test that needs none pays nothing. It speaks TLS when asked to, with
a certificate nobody vouches for, as Heroku's does. Nothing is flushed to disk: a database lives
as long as the test run.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import trustme

from tests.programs import find_postgres, postgres_speaks_tls

from . import orphans

ENVIRONMENT = {"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC"}


class Cluster:
    def __init__(self, *, tls: bool = True, max_connections: int = 300):
        self.tls = tls and postgres_speaks_tls()
        self.max_connections = max_connections
        self.port = 0
        self._folder: Path | None = None
        self._server: subprocess.Popen | None = None
        self._lock = threading.Lock()

    def create_database(self, *, connections: int = -1) -> str:
        """Make a role and its database; the address to reach it (Heroku's postgres:// form)."""
        self.start()
        role, name = f"u{secrets.token_hex(7)}", f"d{secrets.token_hex(7)}"
        password = f"p{secrets.token_hex(16)}"
        self.run(
            f"CREATE ROLE {role} LOGIN PASSWORD '{password}' CONNECTION LIMIT {connections}",
            f"CREATE DATABASE {name} OWNER {role}",
            f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC",
        )
        return f"postgres://{role}:{password}@127.0.0.1:{self.port}/{name}"

    def drop_database(self, url: str) -> None:
        """Close every connection, then delete the database and its role."""
        parts = urlsplit(url)
        self.run(
            f"DROP DATABASE IF EXISTS {parts.path[1:]} WITH (FORCE)",
            f"DROP ROLE IF EXISTS {parts.username}",
        )

    def disconnect(self, url: str) -> None:
        """Cut every connection to a database, as a failover or a maintenance does."""
        self.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            f"WHERE datname = '{urlsplit(url).path[1:]}'"
        )

    @contextmanager
    def away(self) -> Iterator[None]:
        """Stop the server, as a maintenance does, and start it again where it was."""
        with self._lock:
            self._end()
            try:
                yield
            finally:
                if not self._launch():
                    raise RuntimeError("PostgreSQL did not come back")

    def run(self, *statements: str, database: str = "postgres") -> str:
        """Run SQL as the superuser, each statement in a transaction of its own; what it printed."""
        self.start()
        command = [
            self.binary("psql"),
            "-XAtq",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            self._folder,
            "-p",
            str(self.port),
            "-U",
            "postgres",
            "-d",
            database,
        ]
        for statement in statements:
            command += ["-c", statement]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"PostgreSQL refused: {done.stderr.strip()}")
        return done.stdout

    def dump(self, url: str, file: Path) -> subprocess.CompletedProcess:
        """Write a backup in PostgreSQL's custom format, the one Heroku hands out."""
        return subprocess.run(
            [
                self.binary("pg_dump"),
                "--format=custom",
                "--no-owner",
                "--no-acl",
                f"--file={file}",
                url,
            ],
            capture_output=True,
            text=True,
        )

    def start(self) -> None:
        with self._lock:
            if self._server is None:
                self._start()

    def _start(self) -> None:
        # PostgreSQL refuses to run as root, and a socket's path may have 107 characters.
        owner = _unprivileged()
        self._folder = Path(tempfile.mkdtemp(prefix="pg-"))
        data = self._folder / "data"
        password = self._folder / "password"
        password.write_text(secrets.token_hex(16))
        if owner:
            shutil.chown(self._folder, owner, owner)
            shutil.chown(password, owner, owner)
        self._as_owner = {"user": owner, "group": owner, "extra_groups": []} if owner else {}
        subprocess.run(
            [
                self.binary("initdb"),
                "-D",
                data,
                "-U",
                "postgres",
                "-E",
                "UTF8",
                "--no-locale",
                "--no-sync",
                "--auth-local=trust",
                "--auth-host=scram-sha-256",
                f"--pwfile={password}",
            ],
            check=True,
            capture_output=True,
            env=ENVIRONMENT,
            cwd="/",
            **self._as_owner,
        )
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self._folder,
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "max_connections": self.max_connections,
            "shared_buffers": "64MB",
            "max_wal_size": "256MB",
        }
        if self.tls:
            self._make_certificate(data, owner)
            settings["ssl"] = "on"
        for _ in range(5):  # somebody may take the free port before the server does
            self.port = settings["port"] = _free_port()
            self._options = [f"-c{name}={value}" for name, value in settings.items()]
            if self._launch():
                return
        raise RuntimeError(f"PostgreSQL did not start:\n{(self._folder / 'log').read_text()}")

    def _launch(self) -> bool:
        """Start the server's process; whether it answers."""
        with (self._folder / "log").open("a") as log:
            self._server = subprocess.Popen(
                [self.binary("postgres"), "-D", self._folder / "data", *self._options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=ENVIRONMENT,
                cwd="/",
                start_new_session=True,
                **self._as_owner,
            )
        orphans.guard(self._server.pid)
        if self._answers():
            return True
        self._server.kill()
        orphans.release(self._server.pid)
        return False

    def _end(self) -> None:
        self._server.send_signal(signal.SIGINT)  # SIGTERM would wait for clients
        self._server.wait(30)
        orphans.release(self._server.pid)

    def _answers(self) -> bool:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self._server.poll() is None:
            ready = subprocess.run(
                [self.binary("pg_isready"), "-q", "-h", self._folder, "-p", str(self.port)]
            )
            if ready.returncode == 0:
                return True
            time.sleep(0.05)
        return False

    def _make_certificate(self, data: Path, owner: str | None) -> None:
        key, certificate = data / "server.key", data / "server.crt"
        issued = trustme.CA().issue_cert("postgres")
        issued.private_key_pem.write_to_path(key)
        issued.cert_chain_pems[0].write_to_path(certificate)
        key.chmod(0o600)
        if owner:
            shutil.chown(key, owner, owner)
            shutil.chown(certificate, owner, owner)

    def stop(self) -> None:
        with self._lock:
            if self._server is None:
                return
            self._end()
            self._server = None
            shutil.rmtree(self._folder, ignore_errors=True)

    @staticmethod
    def binary(name: str) -> str:
        """Where one of PostgreSQL's programs is."""
        found = find_postgres(name)
        if not found:
            raise RuntimeError("the PostgreSQL server is missing; `uv run pytest` gets it")
        return found


def _unprivileged() -> str | None:
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
