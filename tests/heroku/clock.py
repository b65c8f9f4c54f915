"""Times as Heroku's API writes them."""

from datetime import UTC, datetime


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def log_time() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
