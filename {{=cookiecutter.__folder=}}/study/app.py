"""What this study adds to psiTurk's Flask application."""

import os
import random
import string

from flask import Flask
from psiturk.psiturk_config import PsiturkConfig

from study import dashboard, settings


def init_app(app: Flask) -> None:
    """Called by psiTurk with its application, before its own routes exist (experiment.py)."""
    config = settings.load()
    about = describe_study(config)
    app.context_processor(lambda: {"study": about, "debug_link": debug_link})
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


def show_edits_on_reload(app: Flask) -> None:
    """Let the browser and Flask look at each file anew, so that edits show at once."""
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = 0
    app.jinja_env.auto_reload = True  # psiTurk made it already, so the config has no effect


def _random_id() -> str:
    return "".join(random.choices(string.ascii_uppercase + string.digits, k=6))
