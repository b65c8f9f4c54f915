"""The study's repository: its first commit, the remote `heroku` and the study's address.

The address is written into config.txt in a commit of its own. Whatever is the user's, a
change in that file or a remote that leads elsewhere, is reported and left alone.
"""

import os
import re
import subprocess
from pathlib import Path

from study.config import value_in
from study.errors import StudyError

ADDRESS_LINE = re.compile(r"^ad_url_domain[ \t]*=[^\r\n]*", re.MULTILINE)
COMMIT = ("commit", "--quiet", "-m")
ADDRESS_COMMIT = (*COMMIT, "Write the app's address into config.txt")
# In a git hook these would lead to the repository that the hook belongs to.
MISLEADING = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")


class Repository:
    """The folder of the study, as git sees it."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "config.txt"
        self.folder = folder

    def git(self, *command: str) -> subprocess.CompletedProcess:
        """Run git here; raises StudyError only if there is no git."""
        try:
            return subprocess.run(
                ["git", *command],
                cwd=self.folder,
                env={k: v for k, v in os.environ.items() if k not in MISLEADING},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
            )
        except FileNotFoundError as error:
            raise StudyError(
                "git is not installed.", "Get it from https://git-scm.com/downloads"
            ) from error

    def start(self, message: str, contact: str) -> bool:
        """Make the folder a repository with one commit; whether that succeeded.

        The user's git settings do not get in the way, and need not be there.
        """
        try:
            self.git("init", "--quiet", "--initial-branch=main")
            settings = [*self._settings(contact), "-c", "core.excludesFile="]
            self.git(*settings, "add", "--all")
            return not self.git(*settings, *COMMIT, message, "--no-verify").returncode
        except StudyError:
            return False

    @property
    def outer(self) -> str:
        """The repository in whose folder this one is; empty if there is none."""
        try:
            return self.git("-C", "..", "rev-parse", "--show-toplevel").stdout.strip()
        except StudyError:
            return ""

    def check(self, remote: str) -> None:
        """Raise StudyError if a remote or the address could not be set here."""
        inside = self.git("rev-parse", "--show-cdup")
        if inside.returncode or inside.stdout.strip() or self.committed() is None:
            raise StudyError(
                "This folder is not a git repository of its own with config.txt committed.",
                "Run: git init -b main\n     git add --all\n     git commit -m Start",
            )
        if self.remote not in ("", remote):
            raise StudyError(
                f"The git remote `heroku` leads to {self.remote}, not to this study's app. "
                "It was left alone.",
                "Rename it, and this study gets its own: git remote rename heroku other\n"
                f"Or, if it is a leftover: git remote set-url heroku {remote}",
            )
        if not domain_in(self.committed()):
            self.check_commit()

    def check_commit(self) -> None:
        """Raise StudyError if the address cannot have a commit of its own."""
        if self.git("symbolic-ref", "--quiet", "HEAD").returncode:
            raise StudyError(
                "No branch is checked out (git calls it a detached HEAD), so the study's "
                "address could not be committed.",
                "Check out your branch: git switch main",
            )
        written = self.config.read_text(encoding="utf-8")
        if _without_address(written) != _without_address(self.committed()):
            raise StudyError(
                "config.txt has changes that are not committed, and the study's address needs "
                "a commit of its own there.",
                'Commit them: git commit -m "Change settings" config.txt',
            )

    @property
    def remote(self) -> str:
        """Where `git push heroku` goes, as it was set; empty without that remote."""
        return self.git("config", "--get", "remote.heroku.url").stdout.strip()

    def add_remote(self, url: str) -> None:
        """Let `git push heroku` go there."""
        self.git("remote", "add", "heroku", url)

    def committed(self) -> str | None:
        """config.txt as it was last committed."""
        shown = self.git("show", "HEAD:config.txt")
        return None if shown.returncode else shown.stdout

    def write_domain(self, domain: str) -> None:
        """Write the address into config.txt and commit that line; raises StudyError."""
        self.check_commit()
        line = f"ad_url_domain = {domain}"
        # Bytes, so that the file keeps the line ends it has.
        text, found = ADDRESS_LINE.subn(line, self.config.read_bytes().decode("utf-8"), count=1)
        if not found:
            raise StudyError(
                "config.txt has no line for the study's address.",
                f"Write into its part [HIT Configuration], and commit: {line}",
            )
        self.config.write_bytes(text.encode("utf-8"))
        contact = value_in(text, "Task Parameters", "contact_email_on_error") or ""
        settings = self._settings(contact)
        done = self.git(*settings, *ADDRESS_COMMIT, "--no-verify", "--", "config.txt")
        if done.returncode:
            reason = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
            raise StudyError(
                f"git could not commit the study's address: {reason[0]}",
                "Commit it yourself: git commit -m Address config.txt",
            )

    def _settings(self, contact: str) -> list[str]:
        """Options of git with which a commit succeeds, in the name of its user if git knows it."""
        settings = ["-c", "commit.gpgsign=false"]  # nobody may be there to type a passphrase
        if self.git("config", "user.email").returncode:
            settings += ["-c", "user.name=psiturk-heroku", "-c", f"user.email={contact}"]
        return settings


def domain_in(text: str) -> str:
    """The study's address, without https://; empty if there is none yet."""
    return value_in(text, "HIT Configuration", "ad_url_domain") or ""


def is_herokus(domain: str) -> bool:
    """Whether an app of Heroku has this address; any other is a domain of one's own."""
    return domain.endswith(".herokuapp.com")


def _without_address(text: str) -> list[str]:
    """The lines of config.txt; an address of Heroku may have come or gone."""
    domain = domain_in(text)
    if not domain or is_herokus(domain):
        text = ADDRESS_LINE.sub("ad_url_domain =", text)
    return text.splitlines()
