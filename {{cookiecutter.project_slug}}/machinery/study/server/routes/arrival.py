"""The way in: from a recruiter's link over the invitation to the consent page.

/start is the one address that a recruiter gets. It translates the recruiter's ids into
psiTurk's and leads to psiTurk's ad page, so that everybody passes the same rules.
"""

import secrets
from enum import Enum
from functools import cache
from pathlib import Path

from flask import Blueprint, Response, current_app, redirect, render_template, request
from itsdangerous import BadSignature, URLSafeSerializer
from jinja2 import Template
from sqlalchemy import Row

from study.recruiters import BadLink, Ids, read_ids, recruiter_of, require_id
from study.server.browsers import is_excluded
from study.server.refusals import (
    BEGUN_BEFORE,
    NO_IDS_IN_AD,
    NO_IDS_IN_CONSENT,
    TOOK_PART,
    WRONG_BROWSER,
    Refusal,
)
from study.server.routes.endings import redirect_to_ending
from study.server.services import services
from study.statuses import FINISHED, STARTED, TEST_MODES

blueprint = Blueprint("entrance", __name__)

VISITOR_COOKIE = "visitor"
SECONDS_REMEMBERED = 365 * 24 * 3600
# The ad is shown under this name before a worker accepts the HIT.
NOT_ACCEPTED = "ASSIGNMENT_ID_NOT_AVAILABLE"


class Standing(Enum):
    """Where somebody stands in this study."""

    NEW = "new"
    READING = "reading"  # has seen the instructions at most
    BEGUN = "begun"  # the task has begun, and may have been left
    OVER = "over"  # finished, screened out, or left by the button
    OTHER_ASSIGNMENT = "other assignment"


def standing(ids: Ids) -> tuple[Standing, Row | None]:
    """Where the owner of the ids stands, and their row, if there is one."""
    rows = services.records.of_worker(ids.worker)
    own = next((row for row in rows if row.uniqueid == ids.uniqueid), None)
    if own is not None:
        if own.ending or own.status in FINISHED:
            return Standing.OVER, own
        return Standing.READING if own.status < STARTED else Standing.BEGUN, own
    if rows and not (services.options.allow_repeats or ids.mode in TEST_MODES):
        return Standing.OTHER_ASSIGNMENT, None
    return Standing.NEW, None


def visitor(number: int) -> Ids:
    """The ids of a visitor who may take part, as the query says.

    Raises Refusal: with ``number`` if the ids cannot be used, or for the browser, or for
    those who took part in an earlier study.
    """
    try:
        ids = read_ids(request.args)
    except BadLink as problem:
        services.incidents.note("link-missing" if "missing" in str(problem) else "link-malformed")
        raise Refusal(number) from None
    check_visitor(ids)
    return ids


def check_visitor(ids: Ids) -> None:
    """Raise Refusal for a browser, or for somebody, that this study excludes."""
    if is_excluded(request.user_agent.string, services.options.browser_exclude_rule):
        services.incidents.note("wrong-browser")
        raise Refusal(WRONG_BROWSER)
    if services.is_excluded(ids.worker):
        services.incidents.note("excluded")
        raise Refusal(TOOK_PART)


@blueprint.get("/start")
def start() -> Response:
    """From a recruiter's link to the invitation, with psiTurk's ids in the address."""
    recruiter = services.options.recruiter
    try:
        if recruiter.is_anonymous:
            return start_from_link()
        ids = recruiter.read(request.args) or preview_ids()
    except BadLink as problem:
        services.incidents.note("link-missing" if "missing" in str(problem) else "link-malformed")
        raise Refusal(NO_IDS_IN_AD) from None
    if ids.worker in services.options.preview_ids:
        ids = preview_ids()
    return redirect(f"pub?{ids.query}", 303)


def preview_ids() -> Ids:
    """Ids for somebody who looks at the study from the recruiter's side."""
    services.incidents.note("preview")
    worker, assignment = (f"debug{secrets.token_hex(5)}" for _ in range(2))
    return Ids(worker, assignment, "debug-preview", "preview")


def start_from_link() -> Response:
    """A plain link names nobody, so this browser keeps the ids that it got the first time.

    ``label`` says where somebody comes from, such as a class; psiTurk's hitId holds it.
    """
    mode = services.options.recruiter.name
    label = require_id(request.args, "label") if request.args.get("label") else mode
    memory = URLSafeSerializer(services.key, salt=VISITOR_COOKIE)
    try:
        worker, assignment = memory.loads(request.cookies.get(VISITOR_COOKIE, ""))
    except (BadSignature, ValueError):
        worker, assignment = new_id(), new_id()
    if services.options.allow_repeats:
        row = services.records.find(Ids(worker, assignment, label, mode).uniqueid)
        if row and row.status in FINISHED:
            assignment = new_id()
    response = redirect(f"pub?{Ids(worker, assignment, label, 'link').query}", 303)
    response.set_cookie(
        VISITOR_COOKIE,
        memory.dumps([worker, assignment]),
        max_age=SECONDS_REMEMBERED,
        secure=request.is_secure,
        httponly=True,
        samesite="Lax",
    )
    return response


def new_id() -> str:
    """An id that nobody can guess."""
    return secrets.token_hex(8)


@blueprint.get("/ad")
@blueprint.get("/pub")
def invitation() -> Response | str:
    """psiTurk's ad page, or what there is to say to those who were here before."""
    if request.args.get("assignmentId") == NOT_ACCEPTED:
        return show_unaccepted()
    if services.options.recruiter.has_wrong_mode(request.args):
        services.incidents.note("wrong-mode")
    ids = visitor(NO_IDS_IN_AD)
    place, row = standing(ids)
    if place is Standing.OVER:
        if recruiter_of(row.mode).makes_hits and not row.ending:
            return show_submit_form(row)
        return redirect_to_ending(row)
    if place is Standing.OTHER_ASSIGNMENT:
        raise Refusal(TOOK_PART)
    if place is Standing.BEGUN and not may_go_on(row):
        raise Refusal(BEGUN_BEFORE)
    return render_page("ad.html", ids)


def may_go_on(row: Row) -> bool:
    """Whether somebody whose task has begun may see the invitation again."""
    return row.mode in TEST_MODES or services.options.allow_resume


def show_unaccepted() -> str:
    """The invitation for somebody who looks at a HIT without accepting it."""
    mode = request.args.get("mode", "")
    ids = Ids("", NOT_ACCEPTED, request.args.get("hitId", "")[:63], mode[:20])
    check_visitor(ids)
    return render_page("ad.html", ids)


def show_submit_form(row: Row) -> str:
    """The last step of a HIT: the form that submits it, inside the recruiter's page."""
    return render_template(
        "thanks-mturksubmit.html",
        submit_address=recruiter_of(row.mode).submit_address(row.mode),
        hitid=row.hitid,
        assignmentid=row.assignmentid,
        workerid=row.workerid,
        submission_token=services.access.submission_token(row.uniqueid),
    )


@blueprint.get("/consent")
def consent() -> str:
    """The consent page."""
    return render_page("consent.html", visitor(NO_IDS_IN_CONSENT))


def render_page(name: str, ids: Ids) -> str:
    """ad.html or consent.html with psiTurk's variables."""
    path = Path(current_app.root_path, "templates", name)
    return render_template(
        with_mode(path, path.stat().st_mtime_ns),
        mode=ids.mode,
        hitid=ids.hit,
        assignmentid=ids.assignment,
        workerid=ids.worker or None,
        recruiter=recruiter_of(ids.mode),
    )


@cache
def with_mode(path: Path, changed_at: int) -> Template:
    """The page with the mode added to its link, as psiTurk does (experiment.py), compiled once.

    Raises psiTurk's ExperimentError 1020 if the page lacks the place for it.
    """
    from psiturk.experiment import insert_mode  # half-built while this module is imported

    return current_app.jinja_env.from_string(insert_mode(path.read_text(encoding="utf-8")))
