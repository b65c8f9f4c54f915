"""The one way to Heroku: its command line, run with an explicit app. Standard library only.

What the command line does was measured with version 11.10.0: results go to stdout and
progress to stderr; exit code 100 means not logged in, 2 that Heroku refused and named an
``Error ID``, 1 its own checks or the network. An exit code of 0 does not prove that
something was done, so callers read the state back.
"""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

from study.errors import StudyError

OLDEST_VERSION = (9, 0)
SECONDS_PER_CALL = 90
SECONDS_PER_TICK = 5
PAUSES_BEFORE_RETRY = (1, 2, 4)  # seconds, for a busy or failing Heroku
TOOK_TOO_LONG = -1  # the code of an answer that was not waited for
# Left in a terminal, these would move a study to another app or team, or print secrets.
MISLEADING = ("HEROKU_APP", "HEROKU_TEAM", "HEROKU_ORGANIZATION", "HEROKU_DEBUG", "DEBUG")
INSTALL = "https://devcenter.heroku.com/articles/heroku-cli"


@dataclass(frozen=True)
class Answer:
    """What a call of the command line gave."""

    code: int
    out: str
    err: str

    @property
    def error_id(self) -> str:
        """Heroku's name for a refusal, such as ``not_found``; empty without one."""
        found = re.search(r"Error ID: (\w+)", self.err)
        return found[1] if found else ""

    @property
    def message(self) -> str:
        """The error in Heroku's words, as one line: for people, never to decide by."""
        text = re.sub(r"^ *[›▸!]+", " ", self.err, flags=re.MULTILINE)
        text = text.rpartition("Error: ")[2].partition("Error ID:")[0]
        return " ".join(text.split())

    @property
    def is_passing(self) -> bool:
        """Whether the same call may succeed a little later."""
        busy = self.error_id in ("rate_limit", "internal_server_error", "service_unavailable")
        # For a page in place of JSON, and for silence, the command line has its own words.
        return busy or bool(re.search(r"HTTP Error (429|5\d\d)|Request timed out", self.err))

    @property
    def is_network(self) -> bool:
        """Whether Heroku could not be reached; the command line has tried for 7 seconds."""
        return bool(re.search(r"Code: E[A-Z_]+", self.err))

    def json(self):
        """The result, parsed; raises StudyError if it is not JSON."""
        try:
            return json.loads(self.out)
        except ValueError as error:
            raise StudyError(
                "The heroku command gave an answer that is not JSON.", "Update it: heroku update"
            ) from error


class Heroku:
    """Runs the command line for one app."""

    def __init__(self, app: str) -> None:
        self.app = app
        self.program = shutil.which("heroku")  # heroku.cmd on Windows
        self.environment = {k: v for k, v in os.environ.items() if k not in MISLEADING}
        self.environment |= {"NO_COLOR": "1", "HEROKU_SKIP_NEW_VERSION_CHECK": "1"}

    def call(
        self,
        *command: str,
        seconds: float = SECONDS_PER_CALL,
        tick: Callable[[], None] | None = None,
    ) -> Answer:
        """Run one command without a shell and without a keyboard, for at most so many seconds.

        ``tick`` is called every few seconds meanwhile. Raises StudyError only if the
        command cannot be run at all; every other failure is in the answer.
        """
        if not self.program:
            raise StudyError(
                "The heroku command is not installed.",
                f"Get it from {INSTALL}\nand log in: heroku login",
            )
        if self.program.lower().endswith((".cmd", ".bat")) and re.search(
            r'[&|<>^%"]', "".join(command)
        ):
            # Windows runs such files in its own shell, which would change these signs.
            raise StudyError(
                'A value holds one of the signs & | < > ^ % ", which Windows would change.',
                f"Set it in the browser: https://dashboard.heroku.com/apps/{self.app}/settings",
            )
        process = subprocess.Popen(
            [self.program, *command],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        )
        deadline = time.monotonic() + seconds
        while (rest := deadline - time.monotonic()) > 0:
            try:
                out, err = process.communicate(timeout=min(SECONDS_PER_TICK, rest))
                return Answer(process.returncode, out, err)
            except subprocess.TimeoutExpired:
                if tick:
                    tick()
        process.kill()  # its output is left unread: a child of its own may hold the pipe open
        return Answer(TOOK_TOO_LONG, "", "")

    def on_app(self, *command: str, **options) -> Answer:
        """Run one command for this app."""
        return self.call(*command, "--app", self.app, **options)

    def read(self, *command: str) -> Answer:
        """Run a command that changes nothing; a busy Heroku is asked again."""
        answer = self.call(*command)
        for pause in PAUSES_BEFORE_RETRY:
            if not answer.is_passing:
                break
            time.sleep(pause)
            answer = self.call(*command)
        return answer

    def read_on_app(self, *command: str) -> Answer:
        """The same, for this app."""
        return self.read(*command, "--app", self.app)


def check_version(answer: Answer) -> None:
    """Raise StudyError if the command line is too old for what this module relies on."""
    found = re.search(r"heroku/(\d+)\.(\d+)", answer.out)
    if not found or tuple(map(int, found.groups())) < OLDEST_VERSION:
        version = answer.out.strip() or "it names no version"
        raise StudyError(
            f"The heroku command is too old ({version}).",
            f"Update it: heroku update\nIf that does not help, install it anew: {INSTALL}",
        )


def problem(answer: Answer, doing: str, remedy: str = "") -> StudyError:
    """What to tell the user about a call that failed while ``doing`` something.

    ``remedy`` is for a refusal that only the caller can explain. The ids are Heroku's.
    """
    if answer.code == 100 or answer.error_id == "unauthorized":
        if os.environ.get("HEROKU_API_KEY"):
            return StudyError(
                "Heroku does not accept the key in the variable HEROKU_API_KEY.",
                "Remove that variable and log in: heroku login",
            )
        return StudyError("You are not logged in to Heroku.", "Log in: heroku login")
    if answer.error_id == "verification_required":
        return StudyError(
            "Heroku wants a payment card before it makes an app or a database.",
            "Enter one: https://heroku.com/verify",
        )
    if answer.error_id == "payment_required":
        return StudyError(
            f"Heroku wants to be paid first: {answer.message}",
            "See https://dashboard.heroku.com/account/billing",
        )
    if answer.code == TOOK_TOO_LONG:
        return StudyError(f"Heroku took too long: {doing} was given up.", "Wait some minutes.")
    if answer.is_network:
        return StudyError(
            f"Heroku could not be reached while {doing}.", "Check the internet connection."
        )
    if answer.is_passing:
        return StudyError(
            f"Heroku is busy or has a fault; {doing} failed {len(PAUSES_BEFORE_RETRY) + 1} times.",
            "See https://status.heroku.com and wait some minutes.",
        )
    words = answer.message or f"exit code {answer.code}"
    return StudyError(
        f"Heroku refused {doing}: {words}", remedy or "See what Heroku says: heroku auth:whoami"
    )
