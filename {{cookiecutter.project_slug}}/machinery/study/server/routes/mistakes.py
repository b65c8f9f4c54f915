"""Where pages tell of errors in participants' browsers (client/mistakes.js)."""

import json

from flask import Blueprint, Response, abort, request

from study.database.browser_errors import count_browser_error
from study.database.participants import utc_now
from study.server.body import read_text
from study.server.errors import NOT_YOURS, TOO_OFTEN, ParticipantError
from study.server.mistakes import read_report
from study.server.ownership import comes_from_elsewhere, find_browser
from study.server.routes.arrival import parse_agent
from study.server.services import services
from study.server.throttle import Throttle

blueprint = Blueprint("mistakes", __name__)

LARGEST = 8000  # bytes
# In a minute, in each worker process. A class of 80 may come from one address.
OF_CLIENT, IN_ALL = 100, 300
_throttle = Throttle(OF_CLIENT, IN_ALL)


# Not named after errors, logs or reports: advertisement blockers keep browsers from such addresses.
@blueprint.post("/mistakes")
def take_mistake() -> Response:
    """Count an error, once for each participant: the page tells of none twice."""
    if not find_browser() or comes_from_elsewhere():
        raise ParticipantError(NOT_YOURS)
    if not _throttle.allow(request.remote_addr):
        raise ParticipantError(TOO_OFTEN)
    text = read_text(LARGEST)
    try:
        kind = read_report(json.loads(text), parse_agent(request.user_agent.string).browser.family)
    except (TypeError, LookupError, ValueError, OverflowError, RecursionError):
        abort(400)
    if kind:
        count_browser_error(services.engine, kind, utc_now())
    return Response(status=204)
