"""The study as psiTurk's server runs it.

Nothing here may import a module that opens sockets before psiTurk has patched them, so
imports are inside the functions.
"""

from __future__ import annotations

import json
import os
from datetime import date
from typing import TYPE_CHECKING

from study.recruiters import debug_link
from study.statuses import TEST_MODES

if TYPE_CHECKING:
    from flask import Flask

    from study.config import StudySettings

REQUEST_MARGIN = 64_000  # bytes of a request besides the record


def init_app(app: Flask) -> None:
    """Add the study to psiTurk's application.

    psiTurk calls this from custom.py before it defines its own routes, so a route that is
    registered here wins (psiturk/experiment.py).
    """
    from study import config
    from study.database.loading import complete_loaded_records
    from study.server import dashboard, pilot, routes, security, workshop
    from study.server.services import services

    options = config.load().study
    about = describe_study(options)
    app.context_processor(lambda: {"study": about, "debug_link": lambda: debug_link(services.key)})
    app.config["MAX_CONTENT_LENGTH"] = options.max_record_bytes + REQUEST_MARGIN
    services.start(options, app.secret_key)
    complete_loaded_records()
    routes.register(app)
    security.install(app, options)
    workshop.install(app)
    if options.enable_dashboard:
        dashboard.install(app)
    if config.is_pilot():
        pilot.install(app)
    if os.environ.get("STUDY_PREVIEW"):
        app.config["SEND_FILE_MAX_AGE_DEFAULT"] = 0
        app.jinja_env.cache = None  # edits and new pages of templates/ show at once
        routes.narrate(app)


def describe_study(options: StudySettings) -> dict:
    """Return what every page knows as ``study``."""
    from study import config
    from study.signals import CONSENT

    return {
        "title": options.title,
        "description": options.description,
        "institution": options.institution,
        "recruiter": options.recruiter,
        "contact": options.contact,
        "num_conditions": options.num_conds,
        "stores_address": options.store_address,
        "retention": write_day(options.retention),
        "identifiers_until": write_day(options.identifiers_until),
        "test_modes": TEST_MODES,
        "needs_computer": "mobile" in options.browser_exclude_rule,
        "minutes": options.minutes,
        "signals": {name: CONSENT[name] for name in options.signals},
        "is_local": not config.is_on_cloud(),
    }


def write_day(day: date | None) -> str:
    """Return a day as pages write it, for example 31 December 2027; empty for None."""
    return f"{day.day} {day:%B %Y}" if day else ""


def own_record(uniqueid: str) -> dict:
    """The participant's record, for routes in custom.py.

    Requests from another browser than the participant's are answered with 403.
    """
    from study.server.ownership import require_owner
    from study.server.services import services

    require_owner(uniqueid)
    return json.loads(services.records.load(uniqueid))
