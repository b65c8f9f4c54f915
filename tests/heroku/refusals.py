"""What Heroku answers when it says no: one exception, and the refusals a study can meet.

A refusal becomes a JSON body `{"id", "message", "url"}`. The CLI prints the message and
`Error ID: <id>`, and exits 2. Ids and status codes are Heroku's where they are public; wordings
marked "guess" are not, so code under test must look at the id, never at the prose.
"""

from __future__ import annotations


class Refusal(Exception):
    """An API error: raised anywhere in the double, answered in one place."""

    def __init__(self, status: int, id: str, message: str, **fields: object):
        super().__init__(message)
        self.status = status
        self.body: dict[str, object] = {"id": id, "message": message, **fields}


def unauthorized() -> Refusal:
    return Refusal(401, "unauthorized", "Invalid credentials provided.")


def not_found(what: str = "app") -> Refusal:
    # `resource` is how the CLI's add-on resolver tells "no such add-on" from "no such app".
    return Refusal(404, "not_found", f"Couldn't find that {what}.", resource=what.replace("-", "_"))


def no_endpoint() -> Refusal:
    return Refusal(
        404,
        "not_found",
        "The requested API endpoint was not found. "
        "Are you using the right HTTP verb (i.e. `GET` vs. `POST`)?",
    )


def somebody_elses(app: str) -> Refusal:
    return Refusal(403, "forbidden", f"You do not have access to the app {app}.")


def invalid(message: str) -> Refusal:
    return Refusal(422, "invalid_params", message)


def name_taken(name: str) -> Refusal:
    return invalid(f"Name {name} is already taken")


def bad_name() -> Refusal:
    return invalid(
        "Name must start with a letter, end with a letter or digit and can only "
        "contain lowercase letters, digits, and dashes."
    )


def card_needed(
    purpose: str = "To create an app, verify your account by adding payment information.",
) -> Refusal:
    return Refusal(402, "verification_required", purpose, url="https://heroku.com/verify")


def app_limit(limit: int) -> Refusal:  # guess
    return invalid(f"You've reached the limit of {limit} apps for your account.")


def team_refuses(team: str) -> Refusal:  # guess
    return Refusal(403, "forbidden", f"You do not have permission to create apps in {team}.")


def eco_not_subscribed() -> Refusal:  # guess
    return Refusal(402, "payment_required", "Subscribe to the Eco dynos plan to use Eco dynos.")


def unknown_plan(plan: str) -> Refusal:
    return Refusal(
        404,
        "not_found",
        f'Couldn\'t find either the add-on service or the add-on plan of "{plan}".',
    )


def confirmation_needed(app: str, variable: str) -> Refusal:
    return Refusal(
        422, "confirmation_required", f"Adding this add-on to {app} will overwrite {variable}."
    )


def attachment_value(variable: str) -> Refusal:
    return invalid(f"Cannot overwrite attachment values {variable}.")


def rate_limited() -> Refusal:
    return Refusal(
        429,
        "rate_limit",
        "Your account reached the API rate limit. "
        "Please wait a few minutes before making new requests.",
    )
