"""What Heroku sells and allows, as far as a study can ask for it. Prices checked November 2026.

Prices are cents a month. Connection limits are enforced by the database itself. Plans that
Heroku has withdrawn (hobby-dev, mini, basic) are not here, so they are refused like any typo.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

REGIONS = {"us": "United States", "eu": "Europe"}
STACKS = ("heroku-22", "heroku-24", "heroku-26")
DEFAULT_STACK = "heroku-24"

APP_NAME = re.compile(r"[a-z][a-z0-9-]{1,28}[a-z0-9]")
CONFIG_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
CONFIG_BYTES = 64 * 1024
APPS_PER_ACCOUNT = 100


@dataclass(frozen=True)
class Plan:
    name: str
    cents: int
    connections: int
    gigabytes: int

    @property
    def service(self) -> str:
        return self.name.partition(":")[0]


POSTGRES = "heroku-postgresql"
PLANS = {
    plan.name: plan
    for plan in (
        Plan(f"{POSTGRES}:essential-0", 500, 20, 1),
        Plan(f"{POSTGRES}:essential-1", 900, 20, 10),
        Plan(f"{POSTGRES}:essential-2", 2000, 40, 32),
        Plan(f"{POSTGRES}:standard-0", 5000, 120, 64),
    )
}
DEFAULT_PLANS = {POSTGRES: f"{POSTGRES}:essential-0"}


@dataclass(frozen=True)
class DynoSize:
    name: str
    cents: int
    most: int  # how many dynos of one process type
    concurrency: int  # what the Python buildpack puts in WEB_CONCURRENCY


SIZES = {
    size.name.lower(): size
    for size in (
        DynoSize("Eco", 0, 1, 2),
        DynoSize("Basic", 700, 1, 2),
        DynoSize("Standard-1X", 2500, 100, 2),
        DynoSize("Standard-2X", 5000, 100, 4),
        DynoSize("Performance-M", 25000, 100, 5),
        DynoSize("Performance-L", 50000, 100, 17),
    )
}
