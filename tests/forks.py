"""Python commands of a study as processes of their own, without the start of an interpreter.

`run(python, *arguments)` does what subprocess.run does with the same arguments, and `start` what
subprocess.Popen does for a study's server. Most of what a study's command takes, and six sevenths
of what a server's start takes, is the import of SQLAlchemy, Flask and the like; here a process has
imported these packages already (zygote.py), none of psiTurk's and none of the study's, and forks
for each command. Another one, which gevent has patched first, forks for each server. Tests of how
something starts use subprocess itself.
"""

import atexit
import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO

SERVER = ["-m", "study.server"]
# What all programs of a study import, and some of them, but nothing that reads settings when it is
# imported, such as gunicorn. Nor anything that opens a socket then, such as urllib3, before the
# server is forked: gevent's loop does not outlive a fork.
COMMON = (
    *("asyncio", "click", "concurrent.futures", "csv", "dotenv", "flask", "http.server"),
    *("importlib.metadata", "msgspec", "psycopg", "sqlalchemy.orm", "sqlite3"),
    *("sqlalchemy.dialects.postgresql.psycopg", "sqlalchemy.dialects.sqlite"),
)
PACKAGES = {
    "": ("requests", "user_agents"),
    "server": (
        *("apscheduler.jobstores.sqlalchemy", "apscheduler.schedulers.gevent", "gevent.pywsgi"),
        *("http.cookiejar", "logging.config", "pytz", "setproctitle", "sqlalchemy.ext.declarative"),
        *("tarfile", "ua_parser_builtins.matchers", "werkzeug.middleware.proxy_fix", "whitenoise"),
    ),
    "psiturk": ("boto3.session", "botocore.client", "cmd2", "docopt", "psutil", "pytz",
                "s3transfer.manager", "urllib3.contrib.pyopenssl"),
    "pytest": ("_pytest.assertion.rewrite", "_pytest.main", "unittest.mock"),
}  # fmt: skip
ZYGOTE = Path(__file__).with_name("zygote.py")
_zygotes: dict[tuple, "Zygote"] = {}
_lock = threading.Lock()


class Zygote:
    """One process that forks, for environments that hold the same packages."""

    def __init__(self, python: Path, *first: str) -> None:
        self._lock = threading.Lock()
        self._connection, other = socket.socketpair()
        with other:
            self._process = subprocess.Popen(
                [python, ZYGOTE, str(other.fileno()), *first],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # or what is forked would take it for a terminal
                pass_fds=[other.fileno()],
            )
        atexit.register(self.stop)

    def start(self, request: dict, files: list[int]) -> socket.socket:
        """Let it become a program; gives the socket that tells the process id and the status."""
        status, other = socket.socketpair()
        body = json.dumps(request).encode()
        with other, self._lock:
            head = struct.pack("!I", len(body))
            socket.send_fds(self._connection, [head], [*files, other.fileno()])
            self._connection.sendall(body)
        return status

    def stop(self) -> None:
        """End it, once everything that it forked has ended; a server that was left never does."""
        self._connection.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(60)
        self._process.kill()


class Process:
    """A forked program, as subprocess.Popen shows one that it has started."""

    def __init__(self, command: list[str], status: socket.socket) -> None:
        self.args, self._status = command, status
        self.pid, self.returncode = self._read(), None

    def poll(self) -> int | None:
        """The exit status; None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit status, once it has ended."""
        if self.returncode is None:
            self._status.settimeout(timeout)
            try:
                self.returncode = self._read()
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(self.args, timeout) from None
            self._status.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _read(self) -> int:
        return struct.unpack("!i", self._status.recv(4))[0]


def run(
    python: Path,
    *arguments: str | Path,
    cwd: Path,
    env: dict[str, str] | None = None,
    input: str | None = None,
    stderr: int | None = None,
    timeout: float = 300,
    check: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run `python …` to its end; its output is text. The arguments are those of subprocess.run."""
    command = [str(python), *map(str, arguments)]
    env = dict(os.environ if env is None else env)
    if not can_fork(command, env):
        return subprocess.run(
            command, cwd=cwd, env=env, input=input or "", stdout=subprocess.PIPE,
            stderr=stderr or subprocess.PIPE, text=True, timeout=timeout, check=check,
        )  # fmt: skip
    with contextlib.ExitStack() as stack:
        given, out, err = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(3))
        given.write((input or "").encode())
        given.seek(0)
        files = given, out, out if stderr == subprocess.STDOUT else err
        process = start(command, cwd, env, *files)
        try:
            code = process.wait(timeout)
        finally:
            process.kill()
        said = []
        for file in (out, err):
            file.seek(0)
            said.append(file.read().decode())
    done = subprocess.CompletedProcess(command, code, said[0], said[1])
    if check:
        done.check_returncode()
    return done


def start(
    command: list[str], cwd: Path, env: dict[str, str], stdin: IO, stdout: IO, stderr: IO
) -> Process:
    """Start `python …`, which can_fork allows; a server in a session of its own."""
    prefix = Path(command[0]).parent.parent
    is_server = command[1:] == SERVER
    packages = PACKAGES["server" if is_server else ""] + PACKAGES.get(Path(command[1]).name, ())
    request = {
        "arguments": command[1:],
        "environment": env,
        "folder": str(cwd),
        "prefix": str(prefix),
        "packages": COMMON + packages,
        "session": is_server,
    }
    files = [file.fileno() for file in (stdin, stdout, stderr)]
    return Process(command, zygote(prefix, is_server).start(request, files))


def can_fork(command: list[str], env: dict[str, str]) -> bool:
    """Whether a fork is the same as a start: an interpreter reads some variables only then, and
    the server's other commands do not let gevent patch anything."""
    kind, *rest = command[1:]
    known = kind in ("-c", "-m") or Path(kind).is_absolute()
    other = kind == "-m" and rest[0].startswith("study.server") and command[1:] != SERVER
    read = {name for name in {*env, *os.environ} if name.startswith(("PYTHON", "LC_", "LANG"))}
    same = all(env.get(name, "") == os.environ.get(name, "") for name in read - {"PYTHONPATH"})
    return sys.platform == "linux" and known and not other and same


def zygote(prefix: Path, is_server: bool) -> Zygote:
    """The one for environments that hold these packages, whatever study they are of."""
    python = prefix / "bin" / "python"
    packages = frozenset(path.name for path in prefix.glob("lib/*/site-packages/*.dist-info"))
    key = python.resolve(), packages, is_server
    with _lock:
        if key not in _zygotes:
            _zygotes[key] = Zygote(python, *["gevent"] * is_server)
        return _zygotes[key]
