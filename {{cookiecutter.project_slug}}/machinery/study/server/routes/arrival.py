"""The way in: from a recruiter's link over the ad and the consent page to the experiment.

/start is the one address that a recruiter gets. It translates the recruiter's ids into
psiTurk's and leads to psiTurk's ad page, so that the same rules hold for everybody. The
other routes are psiTurk's (psiturk/experiment.py), but a record opens in its own browser only.
"""

import re
import secrets
from collections.abc import Callable
from enum import Enum, auto
from functools import cache, lru_cache
from pathlib import Path
from urllib.parse import urlencode

import user_agents
from flask import (
    Blueprint,
    Response,
    current_app,
    make_response,
    redirect,
    render_template,
    request,
)
from jinja2 import Template
from sqlalchemy import Row
from user_agents.parsers import UserAgent

from study.database.participants import Browser, HasOtherAssignment
from study.recruiters import BadLink, Ids, PreviewLink, checked, read_ids
from study.server.errors import (
    BEGUN_BEFORE,
    NO_IDS_IN_AD,
    NO_IDS_IN_CONSENT,
    NO_IDS_IN_EXP,
    NOT_YOURS,
    TASK_BEGUN,
    TOOK_PART,
    WRONG_BROWSER,
    ParticipantError,
)
from study.server.ownership import claim, is_owner, set_cookie, submission_token
from study.server.services import services
from study.statuses import FINISHED, STARTED, TEST_MODES

blueprint = Blueprint("arrival", __name__)

VISITOR_COOKIE = "visitor"
VISITOR = re.compile(r"([0-9a-f]{16})-([0-9a-f]{16})")  # worker and assignment
SECONDS_REMEMBERED = 365 * 24 * 3600
# MTurk shows the ad under this name before a worker accepts the HIT.
NOT_ACCEPTED = "ASSIGNMENT_ID_NOT_AVAILABLE"

# Words of browser_exclude_rule that have a meaning; any other is searched for in the
# User-Agent (psiturk/experiment.py).
BROWSER_RULES: dict[str, Callable[[UserAgent], bool]] = {
    "mobile": lambda agent: agent.is_mobile,
    "tablet": lambda agent: agent.is_tablet,
    "touchcapable": lambda agent: agent.is_touch_capable,
    "pc": lambda agent: agent.is_pc,
    "bot": lambda agent: agent.is_bot,
    "safari": lambda agent: "Safari" in agent.ua_string and "Chrome" not in agent.ua_string,
}
LONGEST_USER_AGENT = 512  # characters; real ones have up to 300


class ParticipantState(Enum):
    """How far somebody has come in this study."""

    NEW = auto()
    ALLOCATED = auto()  # has a condition, and has seen the instructions at most
    STARTED = auto()  # the task has begun, and may have been left
    ENDED = auto()  # finished, screened out, or left by the button
    OTHER_ASSIGNMENT = auto()


@blueprint.get("/start")
def start() -> Response:
    """Redirect from a recruiter's link to the ad, with psiTurk's ids in the address."""
    recruiter = services.options.recruiter
    if recruiter.name == "link":
        return start_from_link()
    try:
        ids = read_ids(request.args) if recruiter.name == "mturk" else recruiter.read(request.args)
    except PreviewLink:
        ids = preview_ids()
    except BadLink as problem:
        raise refuse_link(problem, NO_IDS_IN_AD) from None
    if ids.worker in services.options.preview_ids:
        ids = preview_ids()
    return redirect(f"pub?{ids.query}", 303)


def start_from_link() -> Response:
    """A plain link identifies nobody, so this browser keeps the ids of its first visit.

    ``label`` names a group of participants, such as a class; psiTurk's hitId holds it.
    """
    try:
        label = checked(request.args, "label") if request.args.get("label") else "link"
    except BadLink as problem:
        raise refuse_link(problem, NO_IDS_IN_AD) from None
    known = VISITOR.fullmatch(request.cookies.get(VISITOR_COOKIE, ""))
    worker, assignment = known.groups() if known else (new_id(), new_id())
    if services.options.allow_repeats:
        row = services.records.find(Ids(worker, assignment, label, "link").uniqueid)
        if row and row.status in FINISHED:
            assignment = new_id()
    response = redirect(f"pub?{Ids(worker, assignment, label, 'link').query}", 303)
    set_cookie(response, VISITOR_COOKIE, f"{worker}-{assignment}", SECONDS_REMEMBERED)
    return response


@blueprint.get("/ad")
@blueprint.get("/pub")
def show_ad() -> Response | str:
    """psiTurk's ad page, or where participants go who were here before."""
    submit_to, mode = request.args.get("turkSubmitTo", ""), request.args.get("mode", "")
    if request.args.get("assignmentId") == NOT_ACCEPTED:
        ids = Ids("", NOT_ACCEPTED, request.args.get("hitId", "")[:63], mode[:20])
        check_visitor(ids)
        return render_page("ad.html", ids)
    if submit_to and ("sandbox" in submit_to) != (mode == "sandbox"):
        services.count_event("wrong-mode")
    ids = read_visitor(NO_IDS_IN_AD)
    state, row = find_state(ids)
    if state is ParticipantState.ENDED:
        if row.mode in ("live", "sandbox") and not row.ending:
            return show_submit_form(row)
        return redirect_to_ending(row)
    if state is ParticipantState.OTHER_ASSIGNMENT:
        raise ParticipantError(TOOK_PART)
    if state is ParticipantState.STARTED and not (
        row.mode in TEST_MODES or services.options.allow_resume
    ):
        raise ParticipantError(BEGUN_BEFORE)
    return render_page("ad.html", ids)


def show_submit_form(row: Row) -> str:
    """MTurk's last step: the form that submits the HIT, inside MTurk's page."""
    return render_template(
        "thanks-mturksubmit.html",
        using_sandbox=row.mode == "sandbox",
        hitid=row.hitid,
        assignmentid=row.assignmentid,
        workerid=row.workerid,
        submission_token=submission_token(row.uniqueid),
    )


@blueprint.get("/consent")
def show_consent() -> str:
    """The consent page."""
    return render_page("consent.html", read_visitor(NO_IDS_IN_CONSENT))


@blueprint.get("/exp")
def show_experiment() -> Response:
    """The experiment, for those who may begin it, reload it or (if allowed) resume it."""
    ids = read_visitor(NO_IDS_IN_EXP)
    state, row = find_state(ids)
    if state is ParticipantState.OTHER_ASSIGNMENT:
        raise ParticipantError(TOOK_PART)
    if state is ParticipantState.ENDED:
        return redirect_to_ending(row)
    has_begun = state is ParticipantState.STARTED
    if row is None:
        try:
            row, writer = services.records.enrol(ids, describe_browser())
        except HasOtherAssignment:
            raise ParticipantError(TOOK_PART) from None
    else:
        require_right_to_reopen(row, has_begun)
        writer = services.records.open_window(ids.uniqueid, again=has_begun)
    resumed = has_begun and services.options.allow_resume
    page = render_template(
        "exp.html",
        uniqueId=row.uniqueid,
        condition=row.cond,
        counterbalance=row.counterbalance,
        adServerLoc="/complete",
        mode=row.mode,
        contact_address=services.options.contact,
        codeversion=services.options.code_version,
        writer=writer,
        resumed="true" if resumed else "false",
    )
    response = make_response(page)
    claim(response, ids.uniqueid)
    return response


def require_right_to_reopen(row: Row, has_begun: bool) -> None:
    """Raise ParticipantError if this browser may not open the experiment again.

    Once something is saved, it opens in the same browser only: a stranger who knows the ids
    must not get the record too.
    """
    if row.mode in TEST_MODES:
        return
    is_own = is_owner(row.uniqueid)
    if has_begun and not (is_own and services.options.allow_resume):
        raise ParticipantError(TASK_BEGUN)
    if row.saved and not is_own:
        raise ParticipantError(NOT_YOURS)


@blueprint.get("/check_worker_status")
def check_worker_status() -> dict:
    """psiTurk's number for a worker's status; 0 for an unknown worker."""
    worker, assignment = request.args.get("workerId"), request.args.get("assignmentId")
    if not worker:
        return {"status": "bad request"}
    rows = services.records.of_worker(worker)
    if services.options.allow_repeats:
        rows = [row for row in rows if row.assignmentid == assignment]
    return {"status": max((row.status for row in rows), default=0)}


def read_visitor(number: int) -> Ids:
    """The ids in the query, of a visitor who may take part.

    Raises ParticipantError: with ``number`` if the ids cannot be used, else as
    ``check_visitor``.
    """
    try:
        ids = read_ids(request.args)
    except BadLink as problem:
        raise refuse_link(problem, number) from None
    check_visitor(ids)
    return ids


def check_visitor(ids: Ids) -> None:
    """Raise ParticipantError if this study excludes the browser or the worker."""
    if is_browser_excluded(request.user_agent.string, services.options.browser_exclude_rule):
        services.count_event("wrong-browser")
        raise ParticipantError(WRONG_BROWSER)
    if services.is_excluded(ids.worker):
        services.count_event("excluded")
        raise ParticipantError(TOOK_PART)


@lru_cache(maxsize=1024)
def is_browser_excluded(agent: str, rule: str) -> bool:
    """Whether psiTurk's browser_exclude_rule, words with commas, excludes this User-Agent."""
    parsed = user_agents.parse(agent[:LONGEST_USER_AGENT])
    for word in filter(None, map(str.strip, rule.split(","))):
        meaning = BROWSER_RULES.get("safari" if word == "Safari" else word)
        if meaning(parsed) if meaning else word in parsed.ua_string:
            return True
    return False


def refuse_link(problem: BadLink, number: int) -> ParticipantError:
    """Count a link that cannot be used; returns the error to raise."""
    is_missing = "missing" in str(problem)
    services.count_event("link-missing" if is_missing else "link-malformed")
    return ParticipantError(number)


def find_state(ids: Ids) -> tuple[ParticipantState, Row | None]:
    """How far the owner of the ids has come, and their row if there is one."""
    rows = services.records.of_worker(ids.worker)
    row = next((row for row in rows if row.uniqueid == ids.uniqueid), None)
    if row is None:
        may_repeat = services.options.allow_repeats or ids.is_test_run
        is_other = bool(rows) and not may_repeat
        return ParticipantState.OTHER_ASSIGNMENT if is_other else ParticipantState.NEW, None
    if row.ending or row.status in FINISHED:
        return ParticipantState.ENDED, row
    return ParticipantState.ALLOCATED if row.status < STARTED else ParticipantState.STARTED, row


def redirect_to_ending(row: Row) -> Response:
    """Redirect to the ending that this participant has reached before, in the same browser.

    Raises ParticipantError in others: strangers may know the ids, and the page may show a code.
    """
    if not is_owner(row.uniqueid):
        raise ParticipantError(TOOK_PART)
    page = "leave" if row.ending else "complete"
    return redirect(f"{page}?{urlencode({'uniqueId': row.uniqueid})}", 303)


def preview_ids() -> Ids:
    """Ids for staff who look at the study from the recruiter's side."""
    services.count_event("preview")
    worker, assignment = (f"debug{secrets.token_hex(5)}" for _ in range(2))
    return Ids(worker, assignment, "debug-preview", "preview")


def new_id() -> str:
    """An id that nobody can guess."""
    return secrets.token_hex(8)


def describe_browser() -> Browser:
    """What psiTurk's table keeps about a browser: family and system, no version."""
    agent = user_agents.parse(request.user_agent.string[:LONGEST_USER_AGENT])
    address = (request.remote_addr or "UNKNOWN") if services.options.store_address else ""
    language = request.accept_languages.best or "UNKNOWN"
    return Browser(address, agent.browser.family[:128], agent.os.family[:128], language[:128])


def render_page(name: str, ids: Ids) -> str:
    """ad.html or consent.html with psiTurk's variables."""
    path = Path(current_app.root_path, "templates", name)
    return render_template(
        compile_with_mode(path, path.stat().st_mtime_ns),
        mode=ids.mode,
        hitid=ids.hit,
        assignmentid=ids.assignment,
        workerid=ids.worker or None,
    )


@cache
def compile_with_mode(path: Path, changed_at: int) -> Template:
    """The page with the mode added to its link as psiTurk does, compiled once per change.

    Raises psiTurk's ExperimentError 1020 if the page lacks the place for it.
    """
    from psiturk.experiment import insert_mode  # half-built while this module is imported

    return current_app.jinja_env.from_string(insert_mode(path.read_text(encoding="utf-8")))
