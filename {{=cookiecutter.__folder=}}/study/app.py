"""What this study adds to psiTurk's Flask application."""

import os
import random
import string

from flask import Flask, request
from psiturk.psiturk_config import PsiturkConfig
from werkzeug.datastructures import ImmutableMultiDict

from study import dashboard, settings

# psiTurk makes each part of an address's query a variable of its error page
# (experiment_errors.py), where these would crash it or replace what it says.
RESERVED = {"errornum", "errordesc", "contact_address", "study", "debug_link"}


def init_app(app: Flask) -> None:
    """Called by psiTurk with its application, before its own routes exist (experiment.py)."""
    config = settings.load()
    about = describe_study(config)
    app.context_processor(lambda: {"study": about, "debug_link": debug_link})
    app.before_request(ignore_reserved_names)
    if config.getboolean("Server Parameters", "enable_dashboard"):
        dashboard.adapt_to_flask_3(app)
    if os.environ.get("STUDY_PREVIEW"):
        show_edits_on_reload(app)


def describe_study(config: PsiturkConfig) -> dict:
    """What the pages say about the study: the variable ``study`` in every template."""
    return {
        "title": config.get("HIT Configuration", "title"),
        "description": config.get("HIT Configuration", "description"),
        "institution": config.get("Study", "institution"),
        "recruitment": config.get("Study", "recruitment"),
        "contact": config.get("Task Parameters", "contact_email_on_error"),
        "num_conditions": config.getint("Task Parameters", "num_conds"),
    }


def debug_link() -> str:
    """The path by which a researcher takes part as a new participant, without being counted.

    psiTurk lets ids that begin with ``debug`` come again and never marks them as
    having quit early (experiment.py).
    """
    ids = {name: f"debug{_random_id()}" for name in ("hitId", "assignmentId", "workerId")}
    return "/pub?" + "&".join(f"{name}={value}" for name, value in ids.items()) + "&mode=debug"


def ignore_reserved_names() -> None:
    """Before each request: take names out of its query that psiTurk's error page uses itself."""
    if RESERVED.intersection(request.args):
        kept = [(k, v) for k, v in request.args.items(multi=True) if k not in RESERVED]
        request.args = ImmutableMultiDict(kept)


def show_edits_on_reload(app: Flask) -> None:
    """Let the browser and Flask look at each file anew, so that edits show at once."""
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = 0
    app.jinja_env.auto_reload = True  # psiTurk made it already, so the config has no effect


def _random_id() -> str:
    return "".join(random.choices(string.ascii_uppercase + string.digits, k=6))
