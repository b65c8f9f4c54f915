"""The Heroku command line, always run for an explicit app. Standard library only.

Measured with version 11.10.0: results go to stdout and progress to stderr; exit code 100
means not logged in, 2 that Heroku refused and named an ``Error ID``, 1 the command line's own
checks or the network. Exit code 0 does not prove that anything was done, so callers read the
state back.
"""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from study.messages import StudyError

OLDEST_VERSION = (9, 0)
SECONDS_PER_COMMAND = 90
SECONDS_PER_TICK = 5
PAUSES_BEFORE_RETRY = (1, 2, 4)  # seconds, for a busy or failing Heroku
TIMED_OUT = -1  # the exit code of a command that was given up
WITHOUT_APP = ("--version", "auth:whoami", "apps:create")  # commands that take no --app
# Left set in a terminal, these would move a study to another app or team, or print secrets.
MISLEADING = ("HEROKU_APP", "HEROKU_TEAM", "HEROKU_ORGANIZATION", "HEROKU_DEBUG", "DEBUG")
INSTALL = "https://devcenter.heroku.com/articles/heroku-cli"
GET_HEROKU = f"Get it from {INSTALL}\nand log in: heroku login"


@dataclass(frozen=True)
class CommandResult:
    """The exit code and the output of one command."""

    exit_code: int
    out: str
    err: str

    @property
    def error_id(self) -> str:
        """Heroku's identifier of a refusal, such as ``not_found``; empty without one."""
        found = re.search(r"Error ID: (\w+)", self.err)
        return found[1] if found else ""

    @property
    def message(self) -> str:
        """Heroku's error message in one line: for people, never to decide by."""
        text = re.sub(r"^ *[›▸!]+", " ", self.err, flags=re.MULTILINE)
        text = text.rpartition("Error: ")[2].partition("Error ID:")[0]
        return " ".join(text.split())

    @property
    def is_transient(self) -> bool:
        """Whether the same command may succeed a little later."""
        busy = self.error_id in ("rate_limit", "internal_server_error", "service_unavailable")
        # An answer that is not JSON, and silence, have no error id.
        return busy or bool(re.search(r"HTTP Error (429|5\d\d)|Request timed out", self.err))

    def json(self) -> Any:
        """Parse the output. Raises StudyError if it is not JSON."""
        try:
            return json.loads(self.out)
        except ValueError as error:
            cause = "The heroku command gave an answer that is not JSON."
            raise StudyError(cause, "Update it: heroku update") from error


class Heroku:
    """Runs commands for one app."""

    def __init__(self, app: str) -> None:
        self.app = app
        self.program = shutil.which("heroku")  # heroku.cmd on Windows
        self.environment = {k: v for k, v in os.environ.items() if k not in MISLEADING}
        self.environment |= {"NO_COLOR": "1", "HEROKU_SKIP_NEW_VERSION_CHECK": "1"}

    def arguments(self, *command: str) -> list[str]:
        app = [] if command[0] in WITHOUT_APP else ["--app", self.app]
        return ["heroku", *command, *app]

    def run(
        self,
        *command: str,
        seconds: float = SECONDS_PER_COMMAND,
        tick: Callable[[float], None] = lambda _: None,
    ) -> CommandResult:
        """Run one command without a shell and with stdin closed, for at most ``seconds``.

        ``tick`` is told every few seconds how many have gone by. Raises StudyError only if the
        command cannot be run at all; any other failure is in the result.
        """
        if not self.program:
            raise StudyError("The heroku command is not installed.", GET_HEROKU)
        # Windows runs batch files in its own shell, which would change these characters.
        is_batch_file = self.program.lower().endswith((".cmd", ".bat"))
        if is_batch_file and re.search(r'[&|<>^%"]', "".join(command)):
            raise StudyError(
                'A value contains one of the characters & | < > ^ % ", which Windows would change.',
                f"Set it in the browser: https://dashboard.heroku.com/apps/{self.app}/settings",
            )
        words = [self.program, *self.arguments(*command)[1:]]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        text = {"encoding": "utf-8", "errors": "replace"}
        process = subprocess.Popen(words, env=self.environment, **pipes, **text)
        started = time.monotonic()
        while (waited := time.monotonic() - started) < seconds:
            try:
                out, err = process.communicate(timeout=min(SECONDS_PER_TICK, seconds - waited))
                return CommandResult(process.returncode, out, err)
            except subprocess.TimeoutExpired:
                tick(time.monotonic() - started)
        process.kill()  # its output stays unread: a child process may hold the pipe open
        return CommandResult(TIMED_OUT, "", "")

    def read(self, *command: str) -> CommandResult:
        """Run a command that changes nothing; retry while Heroku is busy."""
        for pause in PAUSES_BEFORE_RETRY:
            if not (result := self.run(*command)).is_transient:
                return result
            time.sleep(pause)
        return self.run(*command)

    def read_all(self, commands: dict[str, tuple[str, ...]]) -> dict[str, CommandResult]:
        """Run several such commands in parallel, since each takes a second."""
        with ThreadPoolExecutor(len(commands)) as pool:
            results = pool.map(lambda command: self.read(*command), commands.values())
            return dict(zip(commands, results, strict=True))

    def read_json(self, *command: str) -> Any:
        """Run such a command and parse its output. Raises StudyError if it fails."""
        result = self.read(*command, "--json")
        if result.exit_code:
            raise problem(result, f"asking for {command[0]}")
        return result.json()


def check_version(result: CommandResult) -> None:
    """Raise StudyError if the command line is too old for what this package relies on."""
    found = re.search(r"heroku/(\d+)\.(\d+)", result.out)
    if not found or tuple(map(int, found.groups())) < OLDEST_VERSION:
        version = result.out.strip() or "it names no version"
        remedy = f"Update it: heroku update\nIf that does not help, install it anew: {INSTALL}"
        raise StudyError(f"The heroku command is too old ({version}).", remedy)


def check_login(result: CommandResult) -> str:
    """Return the account that ``auth:whoami`` names. Raises StudyError if there is none."""
    if result.exit_code:
        raise problem(result, "asking who is logged in")
    return result.out.strip()


def problem(result: CommandResult, doing: str, remedy: str = "") -> StudyError:
    """Explain a failure while ``doing`` something, a refusal of another kind by ``remedy``."""
    no_login = result.exit_code == 100 or result.error_id == "unauthorized"
    attempts = len(PAUSES_BEFORE_RETRY) + 1
    explanations = (
        (no_login and os.environ.get("HEROKU_API_KEY"),
         "Heroku does not accept the key in the variable HEROKU_API_KEY.",
         "Remove that variable and log in: heroku login"),
        (no_login, "You are not logged in to Heroku.", "Log in: heroku login"),
        (result.error_id == "verification_required",
         "Heroku wants a payment card before it makes an app or a database.",
         "Enter one: https://heroku.com/verify"),
        (result.error_id == "payment_required",
         f"Heroku wants to be paid first: {result.message}",
         "See https://dashboard.heroku.com/account/billing"),
        (result.exit_code == TIMED_OUT,
         f"Heroku took too long: {doing} was given up.", "Wait some minutes."),
        (re.search(r"Code: E[A-Z_]+", result.err),  # after trying for 7 seconds
         f"Heroku could not be reached while {doing}.", "Check the internet connection."),
        (result.is_transient,
         f"Heroku is busy or has a fault; {doing} failed {attempts} times.",
         "See https://status.heroku.com and wait some minutes."),
        (True, f"Heroku refused {doing}: {result.message or f'exit code {result.exit_code}'}",
         remedy or "See what Heroku says: heroku auth:whoami"),
    )  # fmt: skip
    return next(StudyError(cause, then) for applies, cause, then in explanations if applies)
