"""What a push goes through: the Python buildpack's checks, `uv sync`, then a release.

The rules are those of Heroku's Python buildpack for a project managed by uv. uv never fetches a
Python; the interpreter is one that is installed here. Config vars are not given to `uv sync`,
but are to bin/pre_compile and bin/post_compile, which get SOURCE_VERSION, the commit, as well.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from .app import App, Slug
from .platform import Account
from .toolchain import find_python, shared_folders, uv

Show = Callable[[str], None]
PYTHONS = range(10, 15)  # 3.10 to 3.14
LOCKS = {
    "pip": "requirements.txt",
    "Pipenv": "Pipfile.lock",
    "Poetry": "poetry.lock",
    "uv": "uv.lock",
}


class BuildError(Exception):
    """The push is refused; the text says why."""


def build(app: App, folder: Path, commit: str, pusher: Account, show: Show) -> bool:
    """Build and release what was pushed. False refuses the push.

    A release command that fails does not: the push stands, the release is marked as failed and
    the dynos go on as before.
    """
    if not app.build_lock.acquire(blocking=False):
        show(" !     Push rejected: another build is in progress.")
        return False
    try:
        for line in (
            "Compressing source files... done.",
            "Building source:",
            "",
            f"-----> Building on the Heroku-{app.stack[-2:]} stack",
            "-----> Determining which buildpack to use for this app",
            "-----> Python app detected",
        ):
            show(line)
        slug = compile_slug(app, folder, commit, show)
    except BuildError as error:
        for line in str(error).splitlines():
            show(f" !     {line}")
        show(" !     Push rejected, failed to compile Python app.")
        show(" !     Push failed")
        return False
    else:
        release(app, slug, pusher, show)
        return True
    finally:
        app.build_lock.release()


def compile_slug(app: App, folder: Path, commit: str, show: Show) -> Slug:
    check_files(folder)
    version = python_version(folder)
    _hook(app, folder, "pre_compile", commit, show)
    python = find_python(version)
    if python is None:
        raise BuildError(f"Python {version} is not installed here, so it cannot be built.")
    show(f"-----> Using Python {version} specified in .python-version")
    show("-----> Installing dependencies using 'uv sync --locked --no-default-groups'")
    command = [uv(), "sync", "--locked", "--no-default-groups", "--python", python, "--no-progress"]
    if _run(command, folder, _uv_environment(folder), show):
        raise BuildError("Error: Unable to install dependencies using uv.")
    _hook(app, folder, "post_compile", commit, show)
    show("-----> Discovering process types")
    processes = procfile(folder)
    show(f"       Procfile declares types -> {', '.join(processes)}")
    return Slug(folder, commit, processes)


def release(app: App, slug: Slug, pusher: Account, show: Show) -> None:
    show("-----> Launching...")
    with app.platform.lock:
        app.set_processes(slug.processes)
    if "release" in slug.processes:
        show(
            " !     Release command declared: this new release will not be available until the "
            "command succeeds."
        )
        show("Running release command...")
    made = app.release(f"Deploy {slug.commit[:8]}", slug=slug, user=pusher, show=show)
    if made.status == "failed":
        show(" !     Release command failed, so this release was not deployed.")
        return
    show(f"       Released v{made.version}")
    show(f"       {app.web_url} deployed to Heroku")
    show("Verifying deploy... done.")


def check_files(folder: Path) -> None:
    """The buildpack's own checks, before it installs anything."""
    managers = [name for name, lock in LOCKS.items() if (folder / lock).exists()]
    if "Pipenv" not in managers and (folder / "Pipfile").exists():
        raise BuildError("Error: No 'Pipfile.lock' found!")
    if not managers:
        raise BuildError(
            "Error: Couldn't find any supported Python package manager files.\n"
            "For uv, commit both pyproject.toml and uv.lock."
        )
    if len(managers) > 1:
        raise BuildError(
            "Error: Multiple Python package manager files were found:\n"
            + "\n".join(f"{LOCKS[name]} ({name})" for name in managers)
        )
    if managers != ["uv"]:
        raise BuildError(f"This double of Heroku builds uv projects only, not {managers[0]}.")
    if not (folder / "pyproject.toml").exists():
        raise BuildError("Error: uv.lock is there, but pyproject.toml is not.")
    if (folder / "runtime.txt").exists():
        raise BuildError("Error: The runtime.txt file isn't supported when using uv.")
    for name in (".venv", "venv"):
        if (folder / name / "pyvenv.cfg").exists():
            raise BuildError(
                f"Error: Existing '{name}' virtual environment found.\n"
                "Remove it from git and add it to .gitignore."
            )
    if (folder / ".heroku" / "python").exists():
        raise BuildError("Error: Existing '.heroku/python' directory found.")
    if not (folder / "Procfile").exists():
        raise BuildError("No Procfile: nothing would be started.")


def python_version(folder: Path) -> str:
    """The one version that .python-version may hold: 3.N or 3.N.P."""
    file = folder / ".python-version"
    if not file.exists():
        raise BuildError(
            "Error: No Python version was specified.\n"
            "Add a .python-version file with a version such as 3.13."
        )
    try:
        lines = [line.strip() for line in file.read_bytes().decode("ascii").splitlines()]
    except UnicodeDecodeError:
        raise BuildError("Error: Unable to read .python-version: it must be plain text.") from None
    versions = [line for line in lines if line and not line.startswith("#")]
    if len(versions) != 1:
        raise BuildError(
            "Error: Invalid Python version in .python-version: "
            f"found {len(versions)} versions, expected one."
        )
    match = re.fullmatch(r"3\.(\d+)(\.\d+)?", versions[0])
    if not match:
        raise BuildError(
            f"Error: Invalid Python version in .python-version: {versions[0]}\n"
            "Write it as 3.13, without prefixes, quotes or ranges."
        )
    if int(match[1]) < PYTHONS.start:
        raise BuildError(
            f"Error: The requested Python version ({versions[0]}) has reached its end-of-life."
        )
    if int(match[1]) not in PYTHONS:
        raise BuildError(f"Error: The requested Python version ({versions[0]}) isn't recognised.")
    return versions[0]


def procfile(folder: Path) -> dict[str, str]:
    lines = (folder / "Procfile").read_text().splitlines()
    found = (re.match(r"([A-Za-z0-9_-]+):\s*(.+)", line) for line in lines)
    return {match[1]: match[2].strip() for match in found if match}


def _uv_environment(folder: Path) -> dict[str, str]:
    """Only what finds uv's cache, the package index and git; nothing of the app or the tests."""
    kept = (
        "UV_",
        "SSL_CERT",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "http_proxy",
        "https_proxy",
        "no_proxy",
    )
    environment = {name: value for name, value in os.environ.items() if name.startswith(kept)}
    return (
        environment
        | shared_folders()
        | {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "LANG": "C.UTF-8",
            "UV_PROJECT_ENVIRONMENT": str(folder / ".heroku" / "python"),
            "UV_PYTHON_DOWNLOADS": "never",
        }
    )


def _hook(app: App, folder: Path, name: str, commit: str, show: Show) -> None:
    file = folder / "bin" / name
    if not file.exists():
        return
    show(f"-----> Running bin/{name} hook")
    environment = {
        "PATH": f"{folder}/.heroku/python/bin:{Path(uv()).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        **app.config,
        "SOURCE_VERSION": commit,
    }
    file.chmod(file.stat().st_mode | 0o111)
    if _run([str(file)], folder, environment, show):
        raise BuildError(f"Error: Failed to run the bin/{name} script.")


def _run(command: list[str], folder: Path, environment: dict[str, str], show: Show) -> int:
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        for line in process.stdout:
            show("       " + line.rstrip("\n"))
    return process.returncode
