"""What the server's logs may say: nothing that tells who took part.

psiTurk writes the ids in a link into its log (experiment.py, handle_exp_error), gunicorn
the address of a browser that sent nonsense, and a database its values with each error.
"""

import logging
import re
import traceback

from flask import has_request_context, request
from gunicorn.glogging import Logger

# What comes in an address or a form and is no id.
HARMLESS = {"mode", "path", "filename", "version", "writer", "save", "reason"}


def keep_out_ids(logger: logging.Logger) -> None:
    """Take ids and stored values out of all that Flask's logger writes, psiTurk's lines too."""
    logger.addFilter(_hide_ids)


def keep_out_visitors(logger: logging.Logger) -> None:
    """Take addresses and what was sent out of gunicorn's lines about requests that failed."""
    logger.addFilter(_hide_visitor)


class VisitsLogger(Logger):
    """Writes of each visit when it was, its method, status, length and time, and no more.

    gunicorn's own format could say the same, but collects everything there is to say first,
    and a log record collects more: together they took a tenth of a request's time.
    """

    def access(self, resp, req, environ, request_time) -> None:
        """Write the line, if visits are logged (psiTurk's setting accesslog)."""
        took = request_time.total_seconds() * 1000
        line = f"{self.now()} {req.method} {resp.status_code} {resp.sent} bytes {took:.0f} ms\n"
        for handler in self.access_log.handlers:
            if isinstance(handler, logging.StreamHandler):
                handler.stream.write(line)
                handler.flush()


def describe(error: BaseException) -> str:
    """Where an exception comes from, and what it is."""
    where = "".join(traceback.format_tb(error.__traceback__))
    return f"{where}{type(error).__module__}.{type(error).__qualname__}: {first_line(error)}"


def first_line(error: BaseException) -> str:
    """What an exception says, without what follows in a database's: the values it was sent."""
    return str(error).strip().partition("\n")[0]


def _hide_ids(record: logging.LogRecord) -> bool:
    text = record.getMessage()
    if text.startswith("Exception on /"):  # Flask's own words; the path may be /sync/<uniqueid>
        text = f"Exception in {request.endpoint}"
    _rewrite(record, text)
    record.msg = _without_ids(record.msg)
    return True


def _hide_visitor(record: logging.LogRecord) -> bool:
    text = record.getMessage()
    for start in ("Invalid request", "Error handling request"):  # workers/base.py
        if text.startswith(start):
            _rewrite(record, start)
    return True


def _rewrite(record: logging.LogRecord, text: str) -> None:
    if record.exc_info:
        text = f"{text}\n{describe(record.exc_info[1])}"
    record.msg, record.args, record.exc_info = text, None, None


def _without_ids(text: str) -> str:
    if not has_request_context():
        return text
    sent = [*request.args.items(multi=True), *(request.view_args or {}).items()]
    # Only a form that was read already: reading one here could fail, and log that.
    sent += vars(request).get("form", {}).items()
    values = {str(value) for name, value in sent if name not in HARMLESS}
    values |= {part for value in values for part in value.split(":")}
    words = sorted(map(re.escape, values - {""}), key=len, reverse=True)
    return re.sub(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)", "…", text) if words else text
