"""An interpreter that has imported what commands import, and becomes each command by a fork.

Started by forks.py with the environment of some study; standard library only. It reads requests
from a socket: which program to become, in which environment, folder and with which files as its
stdin, stdout and stderr. The last file is a socket for the process id and the exit status.
With the argument gevent, it lets gevent patch the interpreter first, as psiTurk's server does.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import struct
import sys
import time
import types
from os import close, fork, waitpid  # before gevent has its own
from pathlib import Path

ended: list[int] = []  # the exit status of the program, if it has ended as programs do


def main(connection: socket.socket) -> dict:
    """Serve until the other end closes; returns, in each fork, the program to become."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests, which end this
    while True:
        head, files, *_ = socket.recv_fds(connection, 4, 4)
        with contextlib.suppress(ChildProcessError):
            while waitpid(-1, os.WNOHANG if head else 0)[0]:
                pass
        if not head:
            os._exit(0)
        request = json.loads(read(connection, struct.unpack("!I", head)[0]))
        load(request["packages"])
        if fork() == 0:
            connection.close()
            return become(request, *files)
        for file in files:
            close(file)


def load(packages: list[str]) -> None:
    """Import what the program will import, if no program before it has."""
    missing = [name for name in packages if name not in sys.modules]
    for name in missing:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    if missing:
        gc.collect()
        gc.freeze()  # so that a fork need not copy what nobody changes


def read(connection: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        data += connection.recv(length - len(data))
    return data


def become(request: dict, stdin: int, stdout: int, stderr: int, status: int) -> dict:
    """Fork once more: the parent tells how the child ends, the child is as if just started."""
    begun, begins = os.pipe()
    child = fork()
    if child:
        for file in (stdin, stdout, stderr, begins):
            close(file)
        os.read(begun, 1)  # from here on, a signal to it or its session finds it
        os.write(status, struct.pack("!i", child))
        _, ended = waitpid(child, 0)
        os.write(status, struct.pack("!i", os.waitstatus_to_exitcode(ended)))
        os._exit(0)
    close(status)
    close(begun)
    if request["session"]:
        os.setsid()
    for number, file in enumerate((stdin, stdout, stderr)):
        os.dup2(file, number)
        close(file)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    move(request["prefix"])
    importlib.invalidate_caches()
    close(begins)
    return request


def move(prefix: str) -> None:
    """Be the interpreter of another environment that holds the same packages."""
    old = sys.prefix
    sys.prefix = sys.exec_prefix = prefix
    sys.executable = sys.executable.replace(old, prefix, 1)
    sys.path[:] = [entry.replace(old, prefix, 1) for entry in sys.path[1:]]
    if places := os.environ.get("PYTHONPATH"):
        sys.path[:0] = places.split(os.pathsep)
        sys.modules.pop("sitecustomize", None)
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module("sitecustomize")


def run(arguments: list[str]) -> None:
    """Do what `python` does with these arguments: -m, -c or a script."""
    kind, *rest = arguments
    sys.argv[:] = rest if kind == "-m" else arguments
    if kind == "-c":
        code, *given = rest
        sys.argv[:] = ["-c", *given]
        sys.path.insert(0, "")
        main = sys.modules["__main__"] = types.ModuleType("__main__")
        exec(compile(code, "<string>", "exec"), main.__dict__)
    elif kind == "-m":
        sys.path.insert(0, os.getcwd())
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.path.insert(0, str(Path(kind).parent))
        runpy.run_path(kind, run_name="__main__")


def run_to_end(arguments: list[str]) -> None:
    """Do what `python` does with these arguments, and note how it ends."""
    try:
        run(arguments)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            ended.append((end.code or 0) & 255)
        raise
    ended.append(0)


def leave() -> None:
    """End without taking the interpreter apart, which would copy all memory that a fork shares.

    For a short command that takes four times as long as all else.
    """
    if ended:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ended[0])


if __name__ == "__main__":
    atexit.register(leave)  # first, and so it comes after what others want to do at the end
    connection = socket.socket(fileno=int(sys.argv[1]))  # before sockets are gevent's
    if "gevent" in sys.argv:
        importlib.import_module("gevent.monkey").patch_all()
    run_to_end(main(connection)["arguments"])
