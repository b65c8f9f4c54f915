"""npm packages for the tests, fetched once into the user's cache folder, and a registry of them.

Studies under test ask this registry instead of the public one (npm_config_registry), so a run
fetches nothing that an earlier one has fetched.
"""

import contextlib
import json
import os
import subprocess
import tarfile
import tempfile
import threading
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha512
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "psiturk-heroku" / "npm"
REGISTRY = "npm_config_registry"
REAL = {name: value for name, value in os.environ.items() if name.lower() == REGISTRY}


def package(name_and_version: str) -> Path:
    """The folder of an npm package, such as ``jspsych@8.3.0``, with its files unchanged."""
    folder = CACHE / name_and_version.replace("/", "-")
    if not folder.exists():
        archive = tarball(name_and_version)
        with tempfile.TemporaryDirectory(dir=CACHE) as aside, tarfile.open(archive) as packed:
            # Debian 12's Python does not know filters yet.
            packed.extraction_filter = getattr(tarfile, "data_filter", None)
            packed.extractall(aside)
            with contextlib.suppress(OSError):  # another test run was faster
                Path(aside, "package").rename(folder)
    return folder


def tarball(name_and_version: str) -> Path:
    """The file of an npm package of an exact version."""
    file = CACHE / "tarballs" / f"{name_and_version.replace('/', '-')}.tgz"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as aside:
            pack = ["npm", "pack", "--silent", "--pack-destination", aside, name_and_version]
            packed = subprocess.run(pack, check=True, capture_output=True, text=True, env=outside())
            Path(aside, packed.stdout.split()[-1]).replace(file)
    return file


def outside() -> dict[str, str]:
    """The environment in which npm asks the registry that this machine asks."""
    return {name: value for name, value in os.environ.items() if name != REGISTRY} | REAL


class Registry(ThreadingHTTPServer):
    """Answers as a registry of npm does to who asks for an exact version and then for its file."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.is_tampering = False  # sends other bytes than it has the hash of
        self.asked: list[str] = []


class Answer(BaseHTTPRequestHandler):
    server: Registry

    def do_GET(self) -> None:
        path = unquote(self.path[1:])
        self.server.asked.append(path)
        try:
            content = self.file(path) if path.endswith(".tgz") else self.about(path)
        except (OSError, subprocess.CalledProcessError):
            return self.send_error(404)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(content)

    def file(self, path: str) -> bytes:
        content = tarball(path.removesuffix(".tgz")).read_bytes()
        return content + b"!" * self.server.is_tampering

    def about(self, path: str) -> bytes:
        name, _, version = path.rpartition("/")
        digest = sha512(tarball(f"{name}@{version}").read_bytes()).digest()
        file = f"{self.server.url}/{name}@{version}.tgz"
        dist = {"tarball": file, "integrity": f"sha512-{b64encode(digest).decode()}"}
        return json.dumps({"name": name, "version": version, "dist": dist}).encode()

    def log_message(self, *_) -> None:
        pass


@pytest.fixture(scope="session")
def registry() -> Iterator[Registry]:
    """A registry of npm with the packages that were fetched once."""
    with Registry() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
