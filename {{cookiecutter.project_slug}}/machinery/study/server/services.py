"""What the routes share: one object, filled when the server starts."""

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from flask import Flask, current_app, request
from sqlalchemy import Engine

from study import signing
from study.config import StudySettings
from study.database import schema
from study.database.participants import Records
from study.server.events import Incidents
from study.server.ownership import Access
from study.server.refusals import NOT_YOURS, TOO_OFTEN, Refusal
from study.server.throttle import Throttle

EXCLUDED = Path("excluded.txt")


class Service:
    """The settings, the database and the key of the running study."""

    options: StudySettings
    engine: Engine
    configured_key: str
    environment: Mapping[str, str]  # for the recruiter's codes

    def start(self, app: Flask, options: StudySettings, engine: Engine) -> None:
        """Serve this study; a process has one."""
        self.options, self.engine, self.environment = options, engine, os.environ
        self.configured_key = app.secret_key or ""

    @cached_property
    def key(self) -> str:
        """The study's secret key."""
        with self.engine.connect() as connection:
            return schema.secret_key(connection, self.configured_key)

    @cached_property
    def records(self) -> Records:
        """The participants' rows."""
        return Records(self.engine, self.options)

    @cached_property
    def access(self) -> Access:
        """Proofs of who owns which record."""
        return Access(self.key)

    @cached_property
    def incidents(self) -> Incidents:
        """The counters of what went wrong."""
        return Incidents(self.engine)

    @cached_property
    def throttle(self) -> Throttle:
        """Failed attempts of each client."""
        return Throttle()

    @cached_property
    def excluded(self) -> frozenset[str]:
        """Pseudonyms of those who took part in an earlier study (excluded.txt)."""
        if not EXCLUDED.exists():
            return frozenset()
        lines = EXCLUDED.read_text(encoding="utf-8").split("\n")
        return frozenset(line.strip() for line in lines if line and not line.startswith("#"))

    def is_excluded(self, worker: str) -> bool:
        """Whether this worker stands in excluded.txt."""
        return bool(self.excluded) and signing.worker_pseudonym(self.key, worker) in self.excluded

    def require_own(self, uniqueid: str) -> None:
        """Refuse the request unless its browser was given this record."""
        if self.access.is_granted(request, uniqueid):
            return
        if not self.throttle.allow_failure(request.remote_addr):
            raise Refusal(TOO_OFTEN)
        self.incidents.note("no-proof")
        current_app.logger.warning("Refused: %s without proof", request.endpoint)
        raise Refusal(NOT_YOURS)


services = Service()
