"""Python commands of a study as processes of their own, without the start of an interpreter.

`run(python, *arguments)` does what subprocess.run does with the same arguments. Most of what a
study's command takes is the import of SQLAlchemy, Flask and the like; here a process has imported
these packages already (zygote.py), none of psiTurk's and none of the study's, and forks for each
command. Tests of how something starts use subprocess itself.
"""

import atexit
import contextlib
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

# What programs of a study import, but nothing that reads settings when it is imported, nor
# gevent, which has to come before everything else.
PACKAGES = {
    "": (
        *("asyncio", "click", "concurrent.futures", "csv", "dotenv", "flask", "http.server"),
        *("importlib.metadata", "msgspec", "psycopg", "requests", "sqlalchemy.orm", "sqlite3"),
        *("sqlalchemy.dialects.postgresql.psycopg", "sqlalchemy.dialects.sqlite", "user_agents"),
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

    def __init__(self, python: Path) -> None:
        self._lock = threading.Lock()
        self._connection, other = socket.socketpair()
        with other:
            self._process = subprocess.Popen(
                [python, ZYGOTE, str(other.fileno())],
                stdin=subprocess.DEVNULL,
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
        """End it, once everything that it forked has ended."""
        self._connection.close()
        self._process.wait()


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
    prefix = Path(python).parent.parent
    request = {
        "arguments": command[1:],
        "environment": env,
        "folder": str(cwd),
        "prefix": str(prefix),
        "packages": [*PACKAGES[""], *PACKAGES.get(Path(command[1]).name, ())],
    }
    with contextlib.ExitStack() as stack:
        given, out, err = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(3))
        given.write((input or "").encode())
        given.seek(0)
        files = [given, out, out if stderr == subprocess.STDOUT else err]
        status = stack.enter_context(
            zygote(prefix).start(request, [file.fileno() for file in files])
        )
        code = follow(status, command, timeout)
        said = []
        for file in (out, err):
            file.seek(0)
            said.append(file.read().decode())
    done = subprocess.CompletedProcess(command, code, said[0], said[1])
    if check:
        done.check_returncode()
    return done


def can_fork(command: list[str], env: dict[str, str]) -> bool:
    """Whether a fork is the same as a start: an interpreter reads some variables only then, and
    the server wants gevent before everything else."""
    kind, *rest = command[1:]
    known = kind in ("-c", "-m") or Path(kind).is_absolute()
    early = kind == "-m" and rest[0].startswith("study.server")
    read = {name for name in {*env, *os.environ} if name.startswith(("PYTHON", "LC_", "LANG"))}
    same = all(env.get(name, "") == os.environ.get(name, "") for name in read - {"PYTHONPATH"})
    return sys.platform == "linux" and known and not early and same


def follow(status: socket.socket, command: list[str], timeout: float) -> int:
    """Wait for the end; the exit status as subprocess gives it."""
    status.settimeout(timeout)  # a busy machine may take long to import the packages
    pid = struct.unpack("!i", status.recv(4))[0]
    try:
        return struct.unpack("!i", status.recv(4))[0]
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 9)
        raise subprocess.TimeoutExpired(command, timeout) from None


def zygote(prefix: Path) -> Zygote:
    """The one for environments that hold these packages, whatever study they are of."""
    python = prefix / "bin" / "python"
    packages = frozenset(path.name for path in prefix.glob("lib/*/site-packages/*.dist-info"))
    key = python.resolve(), packages
    with _lock:
        if key not in _zygotes:
            _zygotes[key] = Zygote(python)
        return _zygotes[key]
