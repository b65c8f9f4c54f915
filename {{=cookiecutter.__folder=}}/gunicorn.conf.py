"""Settings of gunicorn, the web server inside psiTurk. They win over psiTurk's own."""

import os

from study import logs, settings
from study.database import create_tables

# The host knows how many worker processes fit; PSITURK_THREADS overrules it. The
# scheduler must not run twice, so with it there is one worker (as psiTurk demands).
if settings.load().getboolean("Server Parameters", "do_scheduler"):
    workers = 1
elif os.environ.get("WEB_CONCURRENCY") and not os.environ.get("PSITURK_THREADS"):
    workers = int(os.environ["WEB_CONCURRENCY"])

# Told to stop, a worker finishes the requests it has. Heroku kills after 30 seconds; by
# then everything has ended by itself.
graceful_timeout = 25

# Visits are logged without addresses (%(h)s), paths (%(U)s) and queries (%(q)s),
# because participants' ids travel in them.
access_log_format = "%(t)s %(m)s %(s)s %(b)s bytes %(M)s ms"


def on_starting(server):
    """Before there are workers: two workers creating the same table would collide."""
    logs.keep_out_visitors(server.log.error_log)
    create_tables()
