"""The one way to Heroku: its command line, run with an explicit app. Standard library only.

What the command line does was measured with version 11.10.0: results go to stdout and
progress to stderr; exit code 100 means not logged in, 2 that Heroku refused and named an
``Error ID``, 1 its own checks or the network; an exit code of 0 does not prove that
something was done, so callers look at the state afterwards.
"""

import json
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass

from study.errors import StudyError

OLDEST_VERSION = (9, 0)
SECONDS_PER_CALL = 90
PAUSES_BEFORE_RETRY = (1, 3, 9)  # seconds, for a busy or failing Heroku
# Left in a terminal, these would move a study to another app or team, or print secrets.
MISLEADING = ("HEROKU_APP", "HEROKU_TEAM", "HEROKU_ORGANIZATION", "HEROKU_DEBUG")
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
        """The error as one line: the command line wraps it and frames it with signs."""
        words = re.sub(r"[›▸»]|^ *(Error:|!) ", " ", self.err, flags=re.MULTILINE).split()
        return " ".join(words)

    @property
    def is_passing(self) -> bool:
        """Whether the same call may succeed a little later."""
        busy = self.error_id in ("rate_limit", "internal_server_error", "service_unavailable")
        return busy or bool(re.search(r"HTTP Error (429|5\d\d)|Request timed out", self.err))

    @property
    def is_network(self) -> bool:
        """Whether Heroku could not be reached at all."""
        return bool(re.search(r"E(NOTFOUND|CONNREFUSED|CONNRESET|AI_AGAIN|TIMEDOUT)", self.err))

    def json(self):
        """The result, parsed; raises StudyError if it is not JSON."""
        try:
            return json.loads(self.out)
        except ValueError as error:
            raise StudyError(
                "The heroku command gave an answer that is not JSON.",
                "Update it (`heroku update`), then run the same command again.",
            ) from error


class Heroku:
    """Runs the command line for one app."""

    def __init__(self, app: str) -> None:
        self.app = app
        self.program = shutil.which("heroku")
        self.environment = {k: v for k, v in os.environ.items() if k not in MISLEADING}
        self.environment |= {"NO_COLOR": "1", "HEROKU_SKIP_NEW_VERSION_CHECK": "1"}

    def call(self, *command: str, seconds: float = SECONDS_PER_CALL, tick=None) -> Answer:
        """Run one command, once. ``tick`` is called every five seconds that it takes.

        Raises StudyError if the command line is missing or the time is over.
        """
        if not self.program:
            raise StudyError(
                "The heroku command is not installed.", f"Install it: {INSTALL}"
            )
        process = subprocess.Popen(
            [self.program, *command],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        deadline = time.monotonic() + seconds
        while True:
            try:
                out, err = process.communicate(timeout=min(5, seconds))
                return Answer(process.returncode, out, err)
            except subprocess.TimeoutExpired:
                if time.monotonic() < deadline:
                    if tick:
                        tick()
                    continue
                process.kill()
                process.communicate()
                raise StudyError(
                    f"Heroku did not finish `heroku {' '.join(command[:2])}` "
                    f"in {seconds:.0f} seconds.",
                    "Run the same command again; it carries on where this one stopped.",
                ) from None

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
        raise StudyError(
            f"The heroku command is too old ({answer.out.strip() or 'unknown version'}).",
            f"Update it with `heroku update`, or install it anew: {INSTALL}",
        )


def problem(answer: Answer, doing: str) -> StudyError:
    """What to tell the user about a call that failed while ``doing`` something."""
    if answer.code == 100 or answer.error_id == "unauthorized":
        return StudyError("You are not logged in to Heroku.", "Run `heroku login`.")
    if "HEROKU_API_KEY" in answer.err and "invalid" in answer.err:
        return StudyError(
            "The variable HEROKU_API_KEY holds a key that Heroku does not accept.",
            "Remove it and run `heroku login`.",
        )
    if answer.error_id == "verification_required":
        return StudyError(
            "Heroku asks for a payment card before it makes an app or a database.",
            "Enter one at https://heroku.com/verify",
        )
    if answer.is_network:
        return StudyError(
            f"Heroku could not be reached while {doing}.", "Check the internet connection."
        )
    if answer.is_passing:
        return StudyError(
            f"Heroku is busy or has a fault; {doing} failed several times.",
            "See https://status.heroku.com and try again in some minutes.",
        )
    if answer.error_id == "forbidden":
        return StudyError(
            f"Heroku does not allow your account {doing}: {answer.message}",
            "Ask the owner or the team's administrator for the right, or use another name.",
        )
    return StudyError(
        f"Heroku refused {doing}: {answer.message or f'exit code {answer.code}'}",
        "Change what it names in pyproject.toml, under [tool.psiturk-heroku].",
    )
