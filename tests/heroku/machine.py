"""The researcher's computer: the real Heroku CLI and git, in a home of their own.

The CLI rewrites the user's git configuration and caches before nearly every command, so each
machine has its own HOME, GIT_CONFIG_GLOBAL and XDG folders; the developer's own are never
touched. A small wrapper named `heroku` notes each call, so tests can count them, and can be told
to kill its caller, so tests can interrupt a study at every step.

    machine.heroku("apps:info", "--json", "-a", name, cwd=study)
    machine.git("push", "heroku", "main", cwd=study)
    subprocess.run([...], env=machine.environment)

Python and git in this environment reach https://NAME-....herokuapp.com through HTTPS_PROXY
and trust it through SSL_CERT_FILE and its like. For Chromium there is `machine.chromium_flags`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from .certificate import Certificate
from .cli import tell_version
from .platform import Platform
from .toolchain import cache_folder, shared_folders

# Settings of the developer, or of an outer run, that would change what a study does.
FOREIGN = (
    "HEROKU_",
    "GIT_",
    "XDG_",
    "AWS_",
    "PSITURK_",
    "PG",
    "DYNO",
    "DATABASE_URL",
    "PORT",
    "ON_CLOUD",
    "VIRTUAL_ENV",
    "PYTHON",
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "NO_PROXY",
    "no_proxy",
    "ALL_PROXY",
    "all_proxy",
)

WRAPPER = """#!/bin/sh
# Notes the call, then runs the real Heroku CLI.
case "$1 $2" in
  "git:credentials get") exec {cli} "$@" ;;
  "git:credentials "*) exit 0 ;;  # the CLI does nothing either, but takes a second for it
esac
note=$(printf '%s\\037' "$@")
printf '%s\\036' "$note" >> {calls}
case "$*" in
  --version) cat {version} ;;  # the CLI said it before
  *) {cli} "$@" ;;
esac
status=$?
if [ -f {kill} ] && [ "$1" = "$(cat {kill})" ]; then rm {kill}; kill -9 $PPID; fi
exit $status
"""

OPEN = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).read().decode())"


def path_without(program: str, path: str, scratch: Path) -> str:
    """The same PATH, on which one program is not found; its neighbours still are."""
    folders = []
    for n, folder in enumerate(map(Path, path.split(os.pathsep))):
        if (folder / program).exists():
            copy = scratch / str(n)
            copy.mkdir(parents=True)
            for other in folder.iterdir():
                if other.name != program:
                    (copy / other.name).symlink_to(other)
            folder = copy
        folders.append(str(folder))
    return os.pathsep.join(folders)


class Machine:
    def __init__(self, folder: Path, platform: Platform, certificate: Certificate, cli: str):
        self.platform = platform
        self.certificate = certificate
        self.home = folder / "home"
        self._calls = folder / "calls"
        self._kill = folder / "kill-after"
        self._bin = folder / "bin"
        for path in (self.home, self._bin):
            path.mkdir(parents=True)
        wrapper = self._bin / "heroku"
        version = folder / "version"
        version.write_text(tell_version(cli))
        places = {"calls": self._calls, "kill": self._kill, "version": version}
        wrapper.write_text(WRAPPER.format(cli=cli, **places))
        wrapper.chmod(0o755)
        (self.home / ".gitconfig").write_text(
            "[user]\n\tname = A Researcher\n\temail = researcher@example.edu\n"
            "[init]\n\tdefaultBranch = main\n"
        )
        self.environment = self._environment()

    @property
    def calls(self) -> list[list[str]]:
        """The arguments of each `heroku` call so far; git's questions for a password left out."""
        if not self._calls.exists():
            return []
        text = self._calls.read_text()
        return [note.split("\x1f")[:-1] for note in text.split("\x1e")[:-1]]

    def kill_caller_after(self, command: str) -> None:
        """Kill -9 whoever next makes this `heroku` call, once it has ended."""
        self._kill.write_text(command)

    def log_out(self) -> None:
        """No credentials at all, as on a computer where `heroku login` was never run."""
        self.environment.pop("HEROKU_API_KEY", None)

    def remove_cli(self) -> None:
        """A computer without the Heroku CLI: neither ours nor the developer's is found."""
        (self._bin / "heroku").unlink()
        path = self.environment["PATH"]
        self.environment["PATH"] = path_without("heroku", path, self._bin)

    def age_cli(self, version: str) -> None:
        """A CLI that says it is of this version, whatever else it does."""
        wrapper = self._bin / "heroku"
        first, rest = wrapper.read_text().split("\n", 1)
        old = f'case $1 in version|-v|--version) echo "heroku/{version} node-v20"; exit ;; esac'
        wrapper.write_text(f"{first}\n{old}\n{rest}")

    def heroku(
        self, *args: str, cwd: Path | None = None, timeout: float = 90
    ) -> subprocess.CompletedProcess[str]:
        """Run the CLI without a terminal; exit status, stdout and stderr."""
        return self.run("heroku", *args, cwd=cwd, timeout=timeout)

    def git(self, *args: str, cwd: Path, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        return self.run("git", *args, cwd=cwd, timeout=timeout)

    def run(
        self, *command: str, cwd: Path | None = None, timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*map(str, command)],
            cwd=cwd or self.home,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def open(self, url: str) -> subprocess.CompletedProcess[str]:
        """Ask for a page; its text is on stdout, and without one the exit status is not 0."""
        return self.run(sys.executable, "-c", OPEN, url)

    @property
    def chromium_flags(self) -> list[str]:
        """For a headless Chromium that shall open the apps under their real addresses."""
        return [
            f"--host-resolver-rules=MAP *.herokuapp.com 127.0.0.1:{self.platform.port}",
            "--ignore-certificate-errors",
            "--no-proxy-server",
        ]

    def _environment(self) -> dict[str, str]:
        platform, bundle = self.platform, str(self.certificate.bundle)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        return (
            kept
            | shared_folders()
            | {
                "PATH": os.pathsep.join([str(self._bin), os.environ["PATH"]]),
                "HOME": str(self.home),
                "XDG_CONFIG_HOME": str(self.home / ".config"),
                "XDG_CACHE_HOME": str(self.home / ".cache"),
                "XDG_DATA_HOME": str(self.home / ".local" / "share"),
                "GIT_CONFIG_GLOBAL": str(self.home / ".gitconfig"),
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_TERMINAL_PROMPT": "0",
                "HEROKU_API_KEY": platform.account.api_key,
                "HEROKU_HOST": platform.url,
                "HEROKU_GIT_HOST": "git.heroku.com",
                "HEROKU_DATA_HOST": "localhost",
                "HEROKU_PARTICLEBOARD_URL": f"http://127.0.0.1:{platform.port}",
                "STUDY_BROWSER": "none",  # robots before each deploy would take half a minute
                "DISABLE_TELEMETRY": "true",
                "HEROKU_SKIP_NEW_VERSION_CHECK": "1",
                # On a new machine the first command starts `heroku update` behind the scenes.
                "HEROKU_DISABLE_AUTOUPDATE": "1",
                "HTTPS_PROXY": f"http://127.0.0.1:{platform.port}",
                "https_proxy": f"http://127.0.0.1:{platform.port}",
                "NO_PROXY": "localhost,127.0.0.1",
                "no_proxy": "localhost,127.0.0.1",
                "SSL_CERT_FILE": bundle,
                "REQUESTS_CA_BUNDLE": bundle,
                "CURL_CA_BUNDLE": bundle,
                "GIT_SSL_CAINFO": bundle,
                "NODE_EXTRA_CA_CERTS": bundle,
                # With its compiled code at hand the CLI starts an eighth faster.
                "NODE_COMPILE_CACHE": str(cache_folder() / "psiturk-heroku" / "compiled"),
            }
        )
