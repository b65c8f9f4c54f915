"""How a call of the CLI finds its handler.

A handler gets the call and the parts of the path; it returns what becomes the JSON answer, or a
`Reply` for another status. `{app}` in a route is looked up first, so a handler is only reached
for an app that exists and that the account may use. Calls are handled one at a time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import unquote

from . import refusals
from .platform import Account, Platform


@dataclass
class Reply:
    body: object
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Call:
    platform: Platform
    account: Account
    body: dict[str, object]
    headers: dict[str, str]

    def header(self, name: str) -> str:
        return self.headers.get(name, "")


Handler = Callable[..., object]
ROUTES: list[tuple[str, re.Pattern[str], Handler]] = []


def route(method: str, path: str) -> Callable[[Handler], Handler]:
    pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))

    def register(handler: Handler) -> Handler:
        ROUTES.append((method, pattern, handler))
        return handler

    return register


def answer(call: Call, method: str, path: str) -> Reply:
    """Do what a call asks; refusals are raised."""
    for verb, pattern, handler in ROUTES:
        match = pattern.fullmatch(path)
        if verb == method and match:
            parts = {name: unquote(value) for name, value in match.groupdict().items()}
            if "app" in parts:
                parts["app"] = call.platform.find_app(parts["app"], call.account)
            result = handler(call, **parts)
            return result if isinstance(result, Reply) else Reply(result)
    call.platform.gaps.append(f"{method} {path}")
    raise refusals.no_endpoint()
