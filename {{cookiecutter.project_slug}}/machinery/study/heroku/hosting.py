"""What runs on Heroku for a study and what it costs, from what is known of the app.

Heroku bills by the second, up to the price of a month (plans.toml), and tells no app's bill so
far. It does tell when the app and its databases were made, so what is spent is known at most: a
server that was paused cost nothing meanwhile.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from study.config import is_pilot
from study.heroku.app import PLANS, AppState, find_limit, find_price
from study.heroku.cli import Heroku, problem

SECONDS_OF_A_MONTH = 30.4 * 24 * 3600


@dataclass(frozen=True)
class Hosting:
    """An app that exists. ``limit`` is the database's in MB; 0 if it is not known.

    ``monthly`` and ``spent_at_most`` are in US dollars; None if a price is not known.
    """

    app: str
    address: str
    dynos: tuple[dict[str, str], ...]  # name, state and size of each web dyno
    is_pilot: bool
    plan: str
    limit: int
    monthly: float | None
    spent_at_most: float | None
    prices_checked: str = PLANS["checked"]

    @classmethod
    def of(cls, app: AppState) -> "Hosting":
        names = ("name", "state", "size")
        dynos = tuple({name: dyno[name] for name in names} for dyno in app.web_dynos)
        about = {"app": app.info["app"]["name"], "address": f"https://{app.domain}"}
        prices = [find_price(item) for item in list_items(app)]
        return cls(
            **about,
            dynos=dynos,
            is_pilot=is_pilot(app.config),
            plan=app.plan,
            limit=find_limit(app.plan),
            monthly=None if None in prices else sum(prices),
            spent_at_most=estimate_spending(app, datetime.now(UTC)),
        )

    @property
    def server(self) -> str:
        dynos = [f"{each['name']} {each['state']} ({each['size']})" for each in self.dynos]
        return ", ".join(dynos) or "off: nobody can take part"


def list_items(app: AppState) -> list[str]:
    """What the app pays for: the sizes of its web dynos, and the plans of its databases."""
    return [dyno["size"] for dyno in app.web_dynos] + [each.plan for each in app.databases]


def estimate_spending(app: AppState, now: datetime) -> float | None:
    """Return the most that the app has cost so far, in US dollars; None if that is not known.

    A server counts from the making of the app, even while it was paused.
    """
    made = app.info["app"].get("created_at")
    paid = [(dyno["size"], made) for dyno in app.web_dynos]
    for addon in app.info.get("addons", ()):
        if addon["addon_service"]["name"] == "heroku-postgresql":
            paid.append((addon["plan"]["name"], addon.get("created_at")))
    spent = 0.0
    for item, since in paid:
        price = find_price(item)
        if price is None or not since:
            return None
        seconds = (now - datetime.fromisoformat(since)).total_seconds()
        spent += price * max(0, seconds) / SECONDS_OF_A_MONTH
    return round(spent, 2)


def scale(heroku: Heroku, dynos: int) -> None:
    """Run so many web dynos; none is a pause. Raises StudyError if they do not afterwards."""
    result = heroku.run("ps:scale", f"web={dynos}")
    if not re.search(rf"(^|\s)web={dynos}\b", heroku.read("ps:scale").out):
        raise problem(result, "starting the server" if dynos else "stopping the server")
