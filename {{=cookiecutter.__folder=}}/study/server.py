"""Starts psiTurk's gunicorn application: ``python -m study.server``.

This is the ``web`` process of the Procfile; `study preview` and `study dashboard` start
it too.
"""

import importlib
import os
import sys

from study import settings
from study.errors import StudyError


def launch() -> None:
    """Serve the study in the current folder until stopped.

    Raises StudyError if the settings forbid it. An error in custom.py is not caught:
    psiTurk would start without custom.py if a module it imports is missing
    (experiment.py), so it is imported here first, where that stops the start.
    """
    config = settings.load()
    if config.getboolean("Server Parameters", "enable_dashboard") and not _is_dashboard():
        raise StudyError(
            "enable_dashboard is on, and with it every participant's page would wait for Amazon.",
            "Set it to false and start the dashboard apart, with `uv run study dashboard`.",
        )
    # psiTurk's module makes sockets co-operative on import, so nothing that opens one
    # may be imported before it.
    import psiturk.experiment_server

    importlib.import_module("custom")
    if _is_dashboard():
        from study.dashboard import refuse_weak_login

        refuse_weak_login(config)
    psiturk.experiment_server.launch()


def _is_dashboard() -> bool:
    return "STUDY_DASHBOARD" in os.environ


if __name__ == "__main__":
    try:
        launch()
    except StudyError as error:
        sys.exit(str(error))
