"""psiTurk's dashboard for MTurk, in a process of its own.

With the dashboard on, psiTurk asks Amazon for the account's balance whenever it renders
any page (psiturk/dashboard/__init__.py), a participant's pages included. So the
participants' server runs without it, and `study dashboard` starts a second one.
"""

import datetime
import json
import os
import re
import secrets

import flask.json
from flask import Flask, abort, request
from flask.json.provider import DefaultJSONProvider
from werkzeug.datastructures import ImmutableMultiDict

from study import config
from study.messages import StudyError
from study.server.throttle import Throttle

SHORTEST_PASSWORD = 12
LOGINS = 60  # of a client in a minute


def prepare_environment(port: int, scheduler: bool) -> str:
    """Switch the dashboard on for this process and the servers it starts.

    Returns the password for the login name ``researcher``: login_pw if it is set, else one
    made for this run. Raises StudyError for a weak password, and without AWS keys, because
    psiTurk's dashboard does not start without an MTurk account.
    """
    settings = config.load()
    if not settings.value("AWS Access", "aws_access_key_id"):
        raise StudyError(
            "psiTurk's dashboard needs the keys of an Amazon account with MTurk, and found none.",
            "Put AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY into .env or ~/.psiturkconfig. "
            "Without MTurk you do not need the dashboard.",
        )
    password = settings.value("Server Parameters", "login_pw") or secrets.token_urlsafe(9)
    secret_key = settings.value("Server Parameters", "secret_key") or secrets.token_urlsafe(32)
    os.environ |= {
        "STUDY_DASHBOARD": "1",
        "PSITURK_LOGIN_USERNAME": "researcher",
        "PSITURK_LOGIN_PW": password,
        "PSITURK_SECRET_KEY": secret_key,
        "PSITURK_ENABLE_DASHBOARD": "true",
        "PSITURK_DO_SCHEDULER": "true" if scheduler else "false",
        "PSITURK_PORT": str(port),
        "PSITURK_THREADS": "1",
    }
    refuse_weak_login(config.load())
    return password


def refuse_weak_login(settings: config.Config) -> None:
    """Raise StudyError if the dashboard's password could be guessed."""
    password = settings.value("Server Parameters", "login_pw")
    # psiTurk's own examples have the password "examplepassword".
    if len(password) < SHORTEST_PASSWORD or len(set(password)) < 6 or "example" in password:
        raise StudyError(
            "The dashboard's password is easy to guess, and with it anybody could spend your "
            "money on MTurk.",
            f"Set PSITURK_LOGIN_PW in .env to one of at least {SHORTEST_PASSWORD} characters, or "
            "take it out: then `uv run study dashboard` makes one for each run.",
        )


def install(app: Flask) -> None:
    """Prepare Flask for psiTurk's dashboard, which is imported after this.

    Stops forged requests, redirects to other sites and the guessing of the password.
    """
    flask.json.JSONEncoder = JSONEncoder
    app.json.default = _encode
    # Some of its routes change things when they are only opened, and none asks for a token.
    app.config["SESSION_COOKIE_SAMESITE"] = "Strict"
    throttle = Throttle(LOGINS)

    @app.before_request
    def check_request() -> None:
        # psycopg 3 does not compare a number with a text, which is what psiTurk's route hands on.
        arguments = request.view_args or {}
        if str(arguments.get("campaign_id", "")).isdecimal():
            arguments["campaign_id"] = int(arguments["campaign_id"])
        if request.endpoint == "dashboard.login":
            if request.method == "POST" and not throttle.allow(request.remote_addr):
                abort(429)
            if not re.match(r"/(?![/\\])", request.args.get("next", "")):  # to another site
                request.args = ImmutableMultiDict()


class JSONEncoder(json.JSONEncoder):
    """The class that Flask 2.3 removed and psiTurk's api module still derives from."""

    def default(self, value):
        # APScheduler's triggers carry time zones, which psiTurk sends to the browser.
        is_zone = isinstance(value, datetime.tzinfo)
        return str(value) if is_zone else DefaultJSONProvider.default(value)


def _encode(value):
    """psiTurk's objects for JSON: today's Flask ignores the encoder of psiTurk's blueprint."""
    from psiturk.api import PsiturkJSONEncoder

    return PsiturkJSONEncoder().default(value)
