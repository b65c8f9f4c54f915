"""Fixtures for every test that needs Heroku; tests/conftest.py registers them.

    cluster      a PostgreSQL server for the whole run, started by its first database
    platform     a Heroku of its own for each test, its port open
    machine      a researcher's computer that is logged in to it
    heroku_cli   how a shell runs the real CLI
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .certificate import Certificate, make_certificate
from .cli import find_cli
from .machine import Machine
from .platform import Platform
from .postgres import Cluster
from .server import Door

__all__ = ["certificate", "cluster", "heroku_cli", "machine", "platform"]


@pytest.fixture(scope="session")
def heroku_cli() -> str:
    return find_cli()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    cluster = Cluster()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@contextmanager
def open_platform(
    folder: Path, databases: Cluster | None, certificate: Certificate
) -> Iterator[Platform]:
    """A Heroku with its door open, for tests that share one between them."""
    platform = Platform(folder, databases)
    door = Door(platform, certificate)
    try:
        yield platform
    finally:
        platform.stop()
        door.shutdown()
        door.server_close()


@pytest.fixture
def platform(tmp_path: Path, cluster: Cluster, certificate: Certificate) -> Iterator[Platform]:
    with open_platform(tmp_path / "heroku", cluster, certificate) as platform:
        yield platform


@pytest.fixture
def machine(
    tmp_path: Path, platform: Platform, certificate: Certificate, heroku_cli: str
) -> Machine:
    return Machine(tmp_path / "machine", platform, certificate, heroku_cli)
