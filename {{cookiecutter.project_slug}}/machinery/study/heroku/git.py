"""The study's git repository: its first commit, the remote `heroku`, the committed address.

The address of the app is written into config.txt in a commit of its own. What belongs to the
user, such as an uncommitted change of that file or a remote of another app, is reported and
left alone.
"""

import os
import re
import subprocess
from pathlib import Path

from study.config import value_in
from study.messages import StudyError
from study.provenance import MISLEADING

ADDRESS_LINE = re.compile(r"^ad_url_domain[ \t]*=[^\r\n]*", re.MULTILINE)
COMMIT = ("commit", "--quiet", "-m")
ADDRESS_MESSAGE = "Write the app's address into config.txt"
NOT_FOUND = 127  # a shell's exit code for a program that is not installed


def run(*command: str, cwd: Path, **options) -> subprocess.CompletedProcess:
    """Run a program without a shell and without a keyboard; a missing one counts as failed."""
    options = {"capture_output": True, "encoding": "utf-8", "errors": "replace", **options}
    if "input" not in options:
        options["stdin"] = subprocess.DEVNULL
    try:
        return subprocess.run(command, cwd=cwd, **options)
    except OSError as error:
        return subprocess.CompletedProcess(command, NOT_FOUND, "", str(error))


def reason_of(done: subprocess.CompletedProcess) -> str:
    """The last line of a failed program's error output; empty if it did not fail."""
    lines = done.stderr.strip().splitlines() or ["no reason given"]
    return lines[-1].strip() if done.returncode else ""


class Repository:
    """The study's folder, as git sees it."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "config.txt"
        self.folder = folder
        self.environment = {k: v for k, v in os.environ.items() if k not in MISLEADING}
        self.environment |= {"GIT_TERMINAL_PROMPT": "0"}  # fail rather than ask for a password

    def git(self, *command: str, **options) -> subprocess.CompletedProcess:
        return run("git", *command, cwd=self.folder, env=self.environment, **options)

    def start(self, message: str, contact: str) -> bool:
        """Make one commit of the folder, whatever git's settings; return whether that worked."""
        self.git("init", "--quiet", "--initial-branch=main")
        settings = [*self.commit_settings(contact), "-c", "core.excludesFile="]
        self.git(*settings, "add", "--all")
        return not self.git(*settings, *COMMIT, message, "--no-verify").returncode

    def commit(self, message: str) -> bool:
        """Commit what is staged; return whether that succeeded."""
        settings = self.commit_settings("study@localhost")
        return not self.git(*settings, *COMMIT, message, "--no-verify").returncode

    def read(self, *command: str) -> str:
        """What git answers; empty if it fails."""
        done = self.git(*command)
        return "" if done.returncode else done.stdout.strip()

    @property
    def outer(self) -> str:
        return self.read("-C", "..", "rev-parse", "--show-toplevel")

    @property
    def head(self) -> str:
        return self.read("rev-parse", "HEAD")

    @property
    def first(self) -> str:
        """The commit with which the study was made; empty without one."""
        return "".join(self.read("rev-list", "--max-parents=0", "HEAD").split()[-1:])

    @property
    def branch(self) -> str:
        return self.read("symbolic-ref", "--quiet", "HEAD")

    @property
    def remote(self) -> str:
        return self.read("config", "--get", "remote.heroku.url")

    @property
    def committed_config(self) -> str:
        return self.read("show", "HEAD:config.txt")

    @property
    def committed_domain(self) -> str:
        """The study's address in it, without https://; empty if there is none yet."""
        return value_in(self.committed_config, "HIT Configuration", "ad_url_domain") or ""

    def push(self) -> bool:
        """Push the branch to Heroku's `main`, with git's own lines; return whether it worked."""
        return not self.git("push", "heroku", "HEAD:main", capture_output=False).returncode

    def check(self, remote: str) -> None:
        """Raise StudyError if the remote or the address could not be set here."""
        inside = self.git("rev-parse", "--show-cdup")
        if inside.returncode == NOT_FOUND:
            raise StudyError("git is not installed.", "Get it from https://git-scm.com/downloads")
        if inside.returncode or inside.stdout.strip() or not self.committed_config:
            cause = "This folder is not a git repository of its own with config.txt committed."
            remedy = "Run: git init -b main\n     git add --all\n     git commit -m Start"
            raise StudyError(cause, remedy)
        if self.remote not in ("", remote):
            cause = f"The git remote `heroku` leads to {self.remote}, not to this study's app"
            raise StudyError(
                f"{cause}. It was left alone.",
                "Rename it, and this study gets its own: git remote rename heroku other\n"
                f"Or, if it is a leftover: git remote set-url heroku {remote}",
            )
        if not self.committed_domain:
            self.check_commit()

    def check_commit(self) -> None:
        """Raise StudyError if the address cannot have a commit of its own."""
        if not self.branch:
            cause = "No branch is checked out (git calls it a detached HEAD)"
            remedy = "Check out your branch: git switch main"
            raise StudyError(f"{cause}, so the study's address could not be committed.", remedy)
        written = self.config.read_text(encoding="utf-8")
        if _without_address(written) != _without_address(self.committed_config):
            cause = "config.txt has changes that are not committed"
            need = "the study's address needs a commit of its own there."
            remedy = 'Commit them: git commit -m "Change settings" config.txt'
            raise StudyError(f"{cause}, and {need}", remedy)

    def write_domain(self, domain: str) -> None:
        """Write the address into config.txt and commit that line; raises StudyError."""
        self.check_commit()
        line = f"ad_url_domain = {domain}"
        # Bytes, to keep the file's line endings.
        text, found = ADDRESS_LINE.subn(line, self.config.read_bytes().decode("utf-8"), count=1)
        if not found:
            remedy = f"Write into its part [HIT Configuration], and commit: {line}"
            raise StudyError("config.txt has no line for the study's address.", remedy)
        self.config.write_bytes(text.encode("utf-8"))
        contact = value_in(text, "Task Parameters", "contact_email_on_error") or ""
        commit = (*COMMIT, ADDRESS_MESSAGE, "--no-verify", "--", "config.txt")
        if reason := reason_of(self.git(*self.commit_settings(contact), *commit)):
            remedy = "Commit it yourself: git commit -m Address config.txt"
            raise StudyError(f"git could not commit the study's address: {reason}", remedy)

    def commit_settings(self, contact: str) -> list[str]:
        """Options of git with which a commit succeeds, in its user's name if git knows it."""
        settings = ["-c", "commit.gpgsign=false"]  # nobody may be there to type a passphrase
        if self.git("config", "user.email").returncode:
            settings += ["-c", "user.name=psiturk-heroku", "-c", f"user.email={contact}"]
        return settings


def is_heroku_domain(domain: str) -> bool:
    """Whether Heroku gave an app this address; any other is a custom domain."""
    return domain.endswith(".herokuapp.com")


def _without_address(text: str) -> list[str]:
    """The lines of config.txt without an address of Heroku's, which may be new or gone."""
    address = r"(?m)^ad_url_domain[ \t]*=[ \t]*(\S*\.herokuapp\.com)?[ \t]*$"
    return re.sub(address, "", text).strip().splitlines()
