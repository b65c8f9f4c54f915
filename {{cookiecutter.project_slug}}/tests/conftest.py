"""The study's server, running on a database of its own, for all tests."""

import os
import re
import secrets
import socket
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
import requests
from study import config
from study.commands import preview
from study.messages import StudyError
from study.recruiters import Ids
from study.server.__main__ import read_study

STUDY = Path(__file__).parent.parent
# Settings of this terminal that must not reach the server under test.
PRIVATE = ("ON_CLOUD", "ON_HEROKU", "DATABASE_URL", "PORT", "AWS_", "PSITURK_")


@pytest.fixture(scope="session", autouse=True)
def environment(tmp_path_factory):
    """A clean environment: only config.txt decides, and data go to a temporary file."""
    folder = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(STUDY)
        for name in list(os.environ):
            if name.startswith(PRIVATE):
                patch.delenv(name)
        patch.setenv("PSITURK_GLOBAL_CONFIG_LOCATION", str(folder))
        patch.setenv("PSITURK_DATABASE_URL", f"sqlite:///{folder}/participants.db")
        patch.setenv("PSITURK_PORT", str(_free_port()))
        patch.setenv("PSITURK_SECRET_KEY", secrets.token_hex(32))
        patch.setenv("PSITURK_THREADS", "1")
        patch.setenv("PSITURK_ERRORLOG", "-")
        try:
            read_study()
        except StudyError as error:
            pytest.exit(f"No test was run.\n\n{error}\n", returncode=1)
        yield


@pytest.fixture(scope="session")
def address(environment) -> str:
    """The address of the running server."""
    with preview.serving(config.load()) as address:
        yield address


class Participant:
    """Takes part as a browser would, through psiTurk's routes.

    The links between these are signed, as those that the server makes.
    """

    def __init__(self, address: str, name: str, mode: str = "lab") -> None:
        self.address = address
        link = Ids(name, "A", "H", mode).query(os.environ["PSITURK_SECRET_KEY"])
        self.ids = dict(parse_qsl(link))
        self.browser = requests.Session()
        self.browser.headers["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"

    def visit(self, path: str, **query: str) -> requests.Response:
        """Open a page with this participant's ids."""
        return self.browser.get(self.address + path, params=self.ids | query)

    def start(self) -> dict:
        """Open the experiment; gives the record that it starts with."""
        page = self.visit("/exp").text
        self.id = re.search(r'data-unique-id="([^"]*)"', page)[1]
        return self.browser.get(f"{self.address}/sync/{self.id}").json()

    def send(self, path: str) -> requests.Response:
        """Report a step of the experiment: /inexp, /quitter or /complete."""
        return self.browser.post(self.address + path, data={"uniqueId": self.id})

    def save(self, record: dict) -> requests.Response:
        """Store the record."""
        return self.browser.put(f"{self.address}/sync/{self.id}", json=record)


@pytest.fixture
def participant(address, request) -> Participant:
    """Somebody who has not been here before."""
    return Participant(address, request.node.name)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("localhost", 0))
        return sock.getsockname()[1]
