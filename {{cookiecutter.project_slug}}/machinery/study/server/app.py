"""What this study adds to psiTurk's Flask application."""

import os
import random
import string

from flask import Flask, Request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface

from study import config
from study.config import StudySettings
from study.server import dashboard, security
from study.statuses import TEST_MODES

MARGIN = 64_000  # bytes of a request besides the record


def init_app(app: Flask) -> None:
    """Called by psiTurk with its application, before its own routes exist (experiment.py).

    What is registered here wins over psiTurk's route of the same address.
    """
    # These open psiTurk's database module, which reads the settings when it is imported.
    from psiturk.db import engine

    from study.server import narration
    from study.server.routes import arrival, endings, participation, saving
    from study.server.services import services

    options = config.load().study
    app.session_interface = SessionsInUse()
    app.config["MAX_CONTENT_LENGTH"] = options.max_record_bytes + MARGIN
    about = describe_study(options)
    app.context_processor(lambda: {"study": about, "debug_link": debug_link})
    services.start(app, options, engine)
    for module in (arrival, participation, saving, endings):
        app.register_blueprint(module.blueprint)
    security.install(app, options)
    if options.enable_dashboard:
        dashboard.adapt_to_flask_3(app)
        dashboard.guard(app)
    if os.environ.get("STUDY_PREVIEW"):
        show_edits_on_reload(app)
        narration.narrate(app)


class SessionsInUse(SecureCookieSessionInterface):
    """Flask's sessions, for routes of your own and the dashboard; others pay nothing for them."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Flask's, without preparing to check a cookie that is not there."""
        if app.secret_key and self.get_cookie_name(app) not in request.cookies:
            return self.session_class()
        return super().open_session(app, request)


def describe_study(options: StudySettings) -> dict:
    """What the pages say about the study: the variable ``study`` in every template."""
    return {
        "title": options.title,
        "description": options.description,
        "institution": options.institution,
        "recruitment": options.recruiter.name,
        "recruiter": options.recruiter.label,
        "contact": options.contact,
        "num_conditions": options.num_conds,
        "stores_address": options.store_address,
        "test_modes": TEST_MODES,
        "needs_computer": "mobile" in options.browser_exclude_rule,
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
