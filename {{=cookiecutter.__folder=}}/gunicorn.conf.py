"""Settings of gunicorn, the web server inside psiTurk. They win over psiTurk's own."""

import os

from study.database import create_tables

# The host knows how many worker processes fit; PSITURK_THREADS overrules it. The
# scheduler must not run twice, so with it there is one worker (as psiTurk demands).
if os.environ.get("PSITURK_DO_SCHEDULER", "").lower() in ("1", "yes", "true", "on"):
    workers = 1
elif "WEB_CONCURRENCY" in os.environ and "PSITURK_THREADS" not in os.environ:
    workers = int(os.environ["WEB_CONCURRENCY"])

# Visits are logged without addresses (%(h)s), paths (%(U)s) and queries (%(q)s),
# because participants' ids travel in them.
access_log_format = "%(t)s %(m)s %(s)s %(b)s bytes %(M)s ms"


def on_starting(server):
    """Before there are workers: two workers creating the same table would collide."""
    create_tables()
