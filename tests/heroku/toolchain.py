"""The programs on this computer that the double needs: uv, Python, and where their caches lie.

Tests give themselves another HOME, so the caches are looked for in the account's own home.
"""

from __future__ import annotations

import functools
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from pathlib import Path


def account_home() -> Path:
    return Path(pwd.getpwuid(os.getuid()).pw_dir)


def cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or account_home() / ".cache")


def shared_folders() -> dict[str, str]:
    """Settings by which a program with another HOME still finds uv's cache and the Pythons."""
    data = Path(os.environ.get("XDG_DATA_HOME") or account_home() / ".local" / "share")
    places = {
        "UV_CACHE_DIR": cache_folder() / "uv",
        "UV_PYTHON_INSTALL_DIR": data / "uv/python",
        "PYENV_ROOT": account_home() / ".pyenv",
    }
    return {name: os.environ.get(name) or str(place) for name, place in places.items()}


@functools.cache
def uv() -> str:
    """The uv program itself; a version manager's shim may refuse to run in a study's folder."""
    try:
        from uv import find_uv_bin

        return find_uv_bin()
    except (ImportError, FileNotFoundError):
        found = shutil.which("uv")
    if not found:
        raise RuntimeError("uv is missing: https://docs.astral.sh/uv/getting-started/installation/")
    return found


@functools.cache
def find_python(version: str) -> str | None:
    """An interpreter of this version: one that uv knows, or one that pyenv keeps to itself."""
    found = subprocess.run(
        [uv(), "python", "find", "--no-project", "--no-python-downloads", version],
        cwd=tempfile.gettempdir(),
        capture_output=True,
        text=True,
        env=os.environ | shared_folders(),
    )
    if found.returncode == 0:
        return found.stdout.strip()
    root = Path(shared_folders()["PYENV_ROOT"])
    for python in sorted(root.glob(f"versions/{version}*/bin/python3"), reverse=True):
        if re.fullmatch(rf"{re.escape(version)}(\.\d+)?", python.parent.parent.name):
            return str(python)
    return None
