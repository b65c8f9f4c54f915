"""Whom the study can take now. Who has a row already is never asked for it."""

from flask import request

from study import config
from study.server.errors import FULL, TOO_OFTEN, ParticipantError
from study.server.services import services
from study.server.throttle import Throttle

# In a minute, in each worker process. A lecture of 200 comes from one address, and by chance to
# one process. All that a process lets in writes less than 1 MB a minute.
ARRIVALS_OF_CLIENT = 300
ARRIVALS = config.read_number("ARRIVALS_PER_MINUTE")


def require_room() -> None:
    """Raise ParticipantError if the database has no room for somebody new."""
    if services.capacity.is_full():
        services.count_event("database-full")
        raise ParticipantError(FULL)


def require_turn() -> None:
    """Count an arrival. Raises ParticipantError if too many have come within a minute."""
    if not _throttle.allow(request.remote_addr):
        raise ParticipantError(TOO_OFTEN)


_throttle = Throttle(
    ARRIVALS_OF_CLIENT, ARRIVALS, lambda: services.count_event("too-many-arrivals")
)
