"""Packages from the npm registry, without npm: fetched, and checked against the published hash.

The variable ``npm_config_registry``, which npm obeys too, names another registry than the public
one (docs.npmjs.com/cli/using-npm/config#registry).
"""

import base64
import hashlib
import io
import json
import os
import posixpath
import re
import tarfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from urllib.parse import quote, urlsplit

from study.messages import StudyError

# In parts, because no file of the template's repository names the host of a registry.
PUBLIC = "https://{}.{}.org".format("registry", "npmjs")
NAME = re.compile(r"(@[a-z0-9~][a-z0-9._~-]*/)?[a-z0-9~][a-z0-9._~-]*", re.ASCII)
VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*", re.ASCII)  # or a tag, such as latest
SECONDS = 60
MOST_SHOWN = 8


@dataclass(frozen=True)
class Package:
    """The content of a package, by the paths of its files."""

    name: str
    version: str
    files: Mapping[str, bytes]

    def read(self, path: str) -> bytes:
        """Return the content of a file. Raises StudyError if the package has none of that name."""
        if path not in self.files:
            cause = f"{self.name} {self.version} has no file {path}."
            raise StudyError(cause, f"It has: {', '.join(self.list_scripts())}")
        return self.files[path]

    @property
    def about(self) -> dict:
        return json.loads(self.read("package.json"))

    def find_script(self) -> str:
        """Return the path of the script that pages load, as the package says. Raises StudyError.

        ``unpkg`` and ``jsdelivr`` are the fields for that; ``main`` is for bundlers.
        """
        path = self.about.get("unpkg") or self.about.get("jsdelivr")
        if not isinstance(path, str):
            raise StudyError(
                f"{self.name} {self.version} does not say which of its files is for a page.",
                f"Name it: uv run study library add {self.name} --file PATH\n"
                f"It has: {', '.join(self.list_scripts())}",
            )
        return posixpath.normpath(path)

    def list_scripts(self) -> list[str]:
        """Return the scripts and styles that are nearest to the top of the package."""
        found = [path for path in self.files if path.endswith((".js", ".css"))]
        return sorted(found, key=lambda path: (path.count("/"), path))[:MOST_SHOWN]


def require_name(name: str) -> None:
    """Raise StudyError if npm has no such names."""
    if not NAME.fullmatch(name):
        remedy = "Write it as npm does, for example @jspsych/plugin-survey-likert"
        raise StudyError(f"{name!r} is not the name of a package.", remedy)


def fetch(name: str, version: str, again: str) -> Package:
    """Fetch a package and check it against the hash that the registry has for it.

    ``again`` is the command with which to try again. Raises StudyError.
    """
    require_name(name)
    if not VERSION.fullmatch(version):
        raise StudyError(f"{version!r} is not an exact version.", "Write it as npm does: 8.3.0")
    what, registry = f"{name} {version}", find_registry()
    about = get(f"{registry}/{quote(name, safe='@')}/{version}", what, again)
    try:
        answer = json.loads(about)
        exact, address = answer["version"], answer["dist"]["tarball"]
        hashes = answer["dist"]["integrity"].split()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        cause = (
            f"{what} could not be fetched: {registry} does not answer as a registry of npm does."
        )
        raise StudyError(cause, f"Try again, perhaps on another network: {again}") from error
    content = get(address, what, again)
    if f"sha512-{base64.b64encode(hashlib.sha512(content).digest()).decode()}" not in hashes:
        cause = f"What arrived for {what} has another hash than npm says, so it was not used."
        raise StudyError(cause, f"Try again, perhaps on another network: {again}")
    return Package(name, exact, unpack(content))


def find_registry() -> str:
    """Return the address of the registry. npm, too, takes its variable in small letters or not."""
    named = {name.lower(): value for name, value in os.environ.items()}
    return (named.get("npm_config_registry") or PUBLIC).rstrip("/")


def get(address: str, what: str, again: str) -> bytes:
    """Fetch an address of the registry. Raises StudyError."""
    host = urlsplit(address).hostname
    try:
        with urllib.request.urlopen(address, timeout=SECONDS) as response:
            return response.read()
    except urllib.error.HTTPError as error:
        if error.code != 404:
            cause = f"{what} could not be fetched: {host} answers with {error.code}."
            raise StudyError(cause, f"Try again later: {again}") from error
        remedy = "Look at its name. Those of jsPsych's plugins begin with @jspsych/plugin-"
        raise StudyError(f"npm has no {what}.", remedy) from error
    except (OSError, HTTPException, ValueError) as error:  # the last of a malformed address
        reason = getattr(error, "reason", error)
        cause = f"{what} could not be fetched: {host} cannot be reached ({reason})."
        raise StudyError(cause, f"When there is a connection: {again}") from error


def unpack(content: bytes) -> dict[str, bytes]:
    """Return the files of a package, which are all in one folder of it."""
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        files = {each.name.partition("/")[2]: each for each in archive if each.isfile()}
        inside = filter(is_inside, files)
        return {path: archive.extractfile(files[path]).read() for path in inside}


def is_inside(path: str) -> bool:
    """Return whether a path leads nowhere but into its package, on any system."""
    return path == posixpath.normpath(path) and not re.search(r"^\.\.|^/|[\\:]", path)
