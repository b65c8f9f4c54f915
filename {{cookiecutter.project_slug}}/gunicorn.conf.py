"""Settings of gunicorn, the web server inside psiTurk. They win over psiTurk's own."""

import gc
import os

from study.config import load
from study.database.creation import create_tables_at_start
from study.server import logs
from study.server.pages import add_pages_to_flask

add_pages_to_flask()

# The host knows how many worker processes fit; PSITURK_THREADS overrules it. The
# scheduler must not run twice, so with it there is one worker (as psiTurk demands).
if load().study.do_scheduler:
    workers = 1
elif os.environ.get("WEB_CONCURRENCY") and not os.environ.get("PSITURK_THREADS"):
    workers = int(os.environ["WEB_CONCURRENCY"])

worker_class = "study.server.worker.Worker"

# Told to stop, a worker finishes the requests it has. Heroku kills after 30 seconds; by
# then everything has ended by itself.
graceful_timeout = 25

# One short line for each visit: participants' ids travel in addresses and paths.
logger_class = "study.server.logs.VisitsLogger"


def on_starting(server):
    """Before there are workers."""
    logs.keep_out_visitors(server.log.error_log)
    create_tables_at_start()


def pre_fork(server, worker):
    """What is loaded by now stays shared: whoever looks for garbage in it writes into all of it.

    That is 40 MB of two workers' 175 MB.
    """
    gc.freeze()


def post_worker_init(worker):
    """What a worker has loaded stays, so garbage is looked for elsewhere, and less often.

    Python would go through all of it every 700 new objects: a twentieth of the worker's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
