"""Browser packages for the tests, fetched once by npm into the user's cache folder."""

import contextlib
import os
import subprocess
import tarfile
import tempfile
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "psiturk-heroku" / "npm"


def package(name_and_version: str) -> Path:
    """The folder of an npm package, such as ``jspsych@8.3.0``, with its files unchanged."""
    folder = CACHE / name_and_version.replace("/", "-")
    if not folder.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as aside:
            pack = ["npm", "pack", "--silent", "--pack-destination", aside, name_and_version]
            packed = subprocess.run(pack, check=True, capture_output=True, text=True)
            with tarfile.open(Path(aside, packed.stdout.split()[-1])) as archive:
                # Debian 12's Python does not know filters yet.
                archive.extraction_filter = getattr(tarfile, "data_filter", None)
                archive.extractall(aside)
            with contextlib.suppress(OSError):  # another test run was faster
                Path(aside, "package").rename(folder)
    return folder
