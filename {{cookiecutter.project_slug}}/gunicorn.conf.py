"""Settings of gunicorn, the web server inside psiTurk. They win over psiTurk's own."""

import gc
import logging
import os
from functools import partial
from importlib import import_module

from study.config import load
from study.database.schema import create_tables_at_start
from study.server.assets import add_pages_to_flask
from study.server.errors import hide_request

add_pages_to_flask()

# The host knows how many worker processes fit; PSITURK_THREADS overrules it. The
# scheduler must not run twice, so with it there is one worker (as psiTurk demands).
if load().study.do_scheduler:
    workers = 1
elif os.environ.get("WEB_CONCURRENCY") and not os.environ.get("PSITURK_THREADS"):
    workers = int(os.environ["WEB_CONCURRENCY"])

worker_class = "study.server.worker.Worker"

# psiTurk sets no limit, and a line without an end would keep a worker busy.
limit_request_line = 8190

# Nobody in front of this server sets SCRIPT_NAME or PATH_INFO, so these headers would be a
# visitor's. Heroku's buildpack has gunicorn trust whoever connects (FORWARDED_ALLOW_IPS=*).
forwarder_headers = ""

# A worker that is asked to stop first finishes its requests. Heroku kills it after 30 seconds.
graceful_timeout = 25

# Without a request's address, which holds a participant's ids.
access_log_format = "%(t)s %(m)s %(s)s %(B)s bytes %(M)s ms"
# Of what a line could name (docs.python.org/3/howto/logging.html#optimization), none does.
logging.logThreads = logging.logMultiprocessing = logging.logAsyncioTasks = False


def ssl_context(config, default_ssl_context_factory):
    """Leave the handshake, which a client can draw out, to the wait for the first request."""
    context = default_ssl_context_factory()
    context.wrap_socket = partial(context.wrap_socket, do_handshake_on_connect=False)
    return context


# What every worker imports and nothing of which reads settings. Imported before there are workers,
# it takes its time and memory once.
SHARED = ("apscheduler.schedulers.gevent", "pytz", "requests", "user_agents")


def on_starting(server):
    """Do once what is for all workers, and keep participants out of the log."""
    for name in SHARED:
        import_module(name)
    server.log.error_log.addFilter(hide_request)
    create_tables_at_start()


def pre_fork(server, worker):
    """Freeze the heap: a garbage collection in a worker would touch, and so copy, shared pages.

    That saves 40 MB of two workers' 175 MB.
    """
    gc.freeze()


def post_worker_init(worker):
    """Freeze what the worker has loaded, and collect garbage less often.

    Python would look through all of it every 700 new objects: a twentieth of the worker's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
