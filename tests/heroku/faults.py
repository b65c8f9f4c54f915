"""The double's log of requests, and the failures a test can order.

A route is written as `"POST /apps/*/addons"`: method, a space, path; `*` stands for one part of
the path. Orders are looked at in the order they were given; the first that matches and has
uses left decides. Only calls to the Platform API and the Postgres API are logged and can fail;
git, dynos and the page of an app are not calls.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from .refusals import Refusal


@dataclass
class Request:
    """One call: what the CLI sent and the status it was answered with (0: cut off)."""

    method: str
    path: str
    body: object = None
    status: int = 0

    def matches(self, route: str) -> bool:
        method, _, path = route.partition(" ")
        pattern = "[^/]+".join(re.escape(part) for part in path.split("*"))
        return method == self.method and re.fullmatch(pattern, self.path) is not None


@dataclass
class Fault:
    """What happens to the calls it matches: an answer in place of the work, a delay, a cut."""

    matches: Callable[[Request], bool]
    uses: float = float("inf")
    status: int = 0
    body: dict[str, object] | str = field(default_factory=dict)
    seconds: float = 0
    cut_after: bool = False
    then: Callable[[Request], None] | None = None


class Traffic:
    """Everything asked of the API so far, and everything that will go wrong."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self.offline = False  # True: every connection is cut, to the API, git and the apps
        self.gaps: list[str] = []  # calls that this double does not know how to answer

    def calls(self, route: str) -> list[Request]:
        """The requests made to a route so far, oldest first."""
        return [request for request in self.requests if request.matches(route)]

    def fail(
        self,
        route: str,
        refusal: Refusal | None = None,
        *,
        status: int = 500,
        id: str = "internal_server_error",
        message: str = "Internal server error.",
        times: float = float("inf"),
    ) -> Fault:
        """Answer with an API error instead of doing the work (for ever, or `times` times)."""
        refusal = refusal or Refusal(status, id, message)
        return self._order(Fault(_route(route), times, refusal.status, refusal.body))

    def fail_with_html(
        self, route: str, *, status: int = 503, times: float = float("inf")
    ) -> Fault:
        """Answer with a page, as a load balancer in front of a sick API does."""
        return self._order(
            Fault(
                _route(route),
                times,
                status,
                f"<!DOCTYPE html><title>{status}</title><h1>Error {status}</h1>",
            )
        )

    def drop_connection_after(self, route: str, *, times: float = 1) -> Fault:
        """Do the work, then cut the connection before the answer.

        The CLI repeats a call whose connection was lost, up to five times and POST included,
        so this is how a study comes to own two databases.
        """
        return self._order(Fault(_route(route), times, cut_after=True))

    def delay(self, route: str, seconds: float, *, times: float = float("inf")) -> Fault:
        """Do the work, but answer late."""
        return self._order(Fault(_route(route), times, seconds=seconds))

    def recover(self) -> None:
        """Everything works again."""
        self.faults.clear()
        self.offline = False

    def fault_for(self, request: Request) -> Fault | None:
        """The order that applies to this request; it counts as one use."""
        for fault in self.faults:
            if fault.uses > 0 and fault.matches(request):
                fault.uses -= 1
                return fault
        return None

    def _order(self, fault: Fault) -> Fault:
        self.faults.append(fault)
        return fault


def _route(route: str) -> Callable[[Request], bool]:
    return lambda request: request.matches(route)
