"""The way in: from a recruiter's link over the ad and the consent page to the experiment.

/start is the one address that a recruiter gets. It translates the recruiter's ids into
psiTurk's and leads to psiTurk's ad page, so that the same rules hold for everybody. The
other routes are psiTurk's (psiturk/experiment.py), but a record opens in its own browser only.
"""

import re
import secrets
from functools import lru_cache
from urllib.parse import urlencode

from flask import Blueprint, Response, redirect, render_template, request
from sqlalchemy import Row

import user_agents
from study.recruiters import ID, Ids, make_test_ids, recruiter_of, require_id
from study.server import errors
from study.server.admission import require_room, require_turn
from study.server.links import LinkMode, read_link, write_query
from study.server.ownership import (
    comes_from_elsewhere,
    greet_browser,
    is_erased,
    is_owner,
    keep_browser,
    make_token,
    name_browser,
    read_cookie,
    set_cookie,
)
from study.server.services import services
from study.statuses import FINISHED, STARTED, TEST_MODES, UNPAID_MODES

blueprint = Blueprint("arrival", __name__)
blueprint.after_request(keep_browser)

VISITOR_COOKIE = "visitor"
VISITOR = re.compile(r"([0-9a-f]{16})-([0-9a-f]{16})")  # worker and assignment
SECONDS_REMEMBERED = 365 * 24 * 3600
NOT_ACCEPTED = "ASSIGNMENT_ID_NOT_AVAILABLE"  # of an ad before a worker accepts the HIT
# Words of psiTurk's browser_exclude_rule that mean a kind of device.
DEVICES = {word: f"is_{word}" for word in ("mobile", "tablet", "pc", "bot")}
DEVICES["touchcapable"] = "is_touch_capable"
LONGEST_USER_AGENT = 512  # characters; real ones have up to 300


@blueprint.get("/start")
def start() -> Response:
    """Redirect from a recruiter's link to the ad, with psiTurk's ids in the address, signed."""
    greet_browser()
    recruiter = services.options.recruiter
    if recruiter.is_anonymous:
        return start_from_link(recruiter.name)
    ids = read_link() if recruiter.makes_hits else recruiter.read(request.args)
    if ids is None or ids.worker in services.options.preview_ids:
        # The recruiter's staff, or the researcher on the recruiter's site.
        services.count_event("preview")
        ids = make_test_ids("preview")
    return redirect(f"pub?{ids.query(services.key)}", 303)


def start_from_link(mode: str) -> Response:
    """Redirect with ids made here: a plain link has none, so the browser keeps the first ones.

    ``label`` names a group of participants, such as a class; psiTurk's hitId holds it.
    """
    label = require_id(request.args, "label") if request.args.get("label") else mode
    known = VISITOR.fullmatch(read_cookie(VISITOR_COOKIE))
    worker, assignment = known.groups() if known else (secrets.token_hex(8), secrets.token_hex(8))
    if services.options.allow_repeats:
        row = services.records.find(Ids(worker, assignment, label, mode).uniqueid)
        if row and row.status in FINISHED:
            assignment = secrets.token_hex(8)
    response = redirect(f"pub?{Ids(worker, assignment, label, mode).query(services.key)}", 303)
    return set_cookie(response, VISITOR_COOKIE, f"{worker}-{assignment}", SECONDS_REMEMBERED)


@blueprint.get("/ad")
@blueprint.get("/pub")
def show_ad() -> Response | str:
    """Show psiTurk's ad page, or lead participants who were here before to where they belong."""
    recruiter, mode = services.options.recruiter, request.args.get("mode", "")
    if request.args.get("assignmentId") == NOT_ACCEPTED and mode in recruiter.unsigned_modes:
        ids = Ids("", NOT_ACCEPTED, request.args.get("hitId", "")[:63], mode)
        return render_page("ad.html", require_admitted(ids))
    if recruiter.has_wrong_mode(request.args):
        services.count_event("wrong-mode")
    greet_browser()
    ids = require_admitted(read_link())
    row = find_visit(ids)
    is_test = ids.mode in TEST_MODES
    if row is None:
        require_not_erased(ids)
        if not is_test:  # with which `study deploy` asks for the ad
            require_room()
    if is_test and row and row.saved and not is_owner(row):
        # It is another browser's. Who has the link may have a test run too, but a new one.
        return redirect(f"pub?{make_test_ids(row.mode).query(services.key)}", 303)
    if row and row.has_ended:
        recruiter = recruiter_of(row.mode)
        if row.ending or not recruiter.makes_hits:
            return redirect_to_ending(row)
        return render_template(  # the last step of a HIT, inside the recruiter's page
            "thanks-mturksubmit.html",
            submit_address=recruiter.submit_address(row.mode),
            hitid=row.hitid,
            assignmentid=row.assignmentid,
            workerid=row.workerid,
            submission_token=make_token("submission", row.uniqueid),
        )
    if row and row.status >= STARTED and not (is_test or services.options.allow_resume):
        raise errors.ParticipantError(errors.BEGUN_BEFORE)
    has_begun = row and row.status >= STARTED and services.options.allow_resume
    return render_page("ad.html", ids, has_begun=has_begun, query=write_query())


@blueprint.get("/consent")
def show_consent() -> str:
    greet_browser()
    return render_page("consent.html", require_admitted(read_link()))


@blueprint.get("/exp")
def show_experiment() -> Response | str:
    """Show the experiment to those who may begin it, reload it or (if allowed) resume it.

    A link on a page of another site leads to the ad: only our own pages and the visitor open it.
    """
    ids = require_admitted(read_link())
    if comes_from_elsewhere():
        return redirect(f"pub?{write_query()}", 303)
    row, is_new = services.enrolment.find_own(ids), False
    if row is None:
        require_not_erased(ids)
        require_room()
        require_turn()
        browser = describe_browser() | {"owner": name_browser()}
        row, is_new = services.enrolment.enrol(ids, browser)
    if row.mode != ids.mode:
        require_replaceable(row, ids)
        row = take_over(row, ids.mode)
    if row.has_ended:
        return redirect_to_ending(row)
    if not is_new:
        require_right_to_reopen(row)
        row = row if is_owner(row) else take_over(row, ids.mode)
    may_resume = row.status >= STARTED and services.options.allow_resume
    return render_template(
        "exp.html",
        uniqueId=row.uniqueid,
        condition=row.cond,
        counterbalance=row.counterbalance,
        adServerLoc="/complete",
        mode=row.mode,
        contact_address=services.options.contact,
        codeversion=services.options.code_version,
        resumed="true" if may_resume else "false",
    )


@blueprint.get("/check_worker_status")
def check_worker_status() -> dict:
    """psiTurk's number for the status of a worker of this browser; 0 for any other."""
    worker, assignment = request.args.get("workerId", ""), request.args.get("assignmentId")
    if not ID.fullmatch(worker):
        return {"status": "bad request"}
    rows = [row for row in services.records.of_worker(worker) if is_owner(row)]
    if services.options.allow_repeats:
        rows = [row for row in rows if row.assignmentid == assignment]
    return {"status": max((row.status for row in rows), default=0)}


def require_admitted(ids: Ids) -> Ids:
    """The same ids. Raises ParticipantError if this study excludes the browser or the worker."""
    if is_browser_excluded():
        services.count_event("wrong-browser")
        raise errors.ParticipantError(errors.WRONG_BROWSER)
    if services.is_excluded(ids.worker):
        services.count_event("excluded")
        raise errors.ParticipantError(errors.TOOK_PART)
    return ids


def require_not_erased(ids: Ids) -> None:
    """Raise ParticipantError if this visitor's data were erased: a reload must not begin anew."""
    if is_erased(ids.uniqueid):
        raise errors.ParticipantError(errors.ERASED)


@lru_cache(maxsize=1024)
def parse_agent(agent: str) -> user_agents.UserAgent:
    """What a User-Agent says about browser, system and device."""
    return user_agents.parse(agent[:LONGEST_USER_AGENT])


def is_browser_excluded() -> bool:
    """Whether psiTurk's browser_exclude_rule, words with commas, excludes this browser."""
    parsed = parse_agent(request.user_agent.string)

    def is_hit(word: str) -> bool:
        if word in DEVICES:
            return getattr(parsed, DEVICES[word])
        if word in ("Safari", "safari"):  # which Chrome claims to be as well
            return "Safari" in parsed.ua_string and "Chrome" not in parsed.ua_string
        return word in parsed.ua_string

    words = map(str.strip, services.options.browser_exclude_rule.split(","))
    return any(is_hit(word) for word in words if word)


def require_right_to_reopen(row: Row) -> None:
    """Raise ParticipantError if the task has begun and may not be resumed.

    A test run may be reloaded at any time.
    """
    if row.status < STARTED or row.mode in TEST_MODES:
        return
    if not services.options.allow_resume:
        raise errors.ParticipantError(errors.TASK_BEGUN)
    if not is_owner(row):
        raise errors.ParticipantError(errors.NOT_YOURS)


def find_visit(ids: Ids) -> Row | None:
    """Return the row of these ids; None if there is none, or one that this visit replaces."""
    row = services.enrolment.find_own(ids)
    if row and row.mode != ids.mode:
        require_replaceable(row, ids)
        return None
    return row


def require_replaceable(row: Row, ids: Ids) -> None:
    """Raise ParticipantError unless a visit of these ids replaces the row of another mode.

    Only an unpaid visit without a save is replaced, and by a paid one: whoever opens somebody's
    link in the sandbox first must not decide what the real visit is.
    """
    if row.saved or row.mode not in UNPAID_MODES or ids.mode in UNPAID_MODES:
        raise errors.ParticipantError(errors.TOOK_PART)


def take_over(row: Row, mode: str) -> Row:
    """Give a record to this browser, with the mode of its link from now on.

    Raises ParticipantError if something is saved: a stranger who knows the ids must not get the
    record too.
    """
    row = services.records.take_over(row.uniqueid, name_browser(), mode)
    if row is None:
        raise errors.ParticipantError(errors.NOT_YOURS)
    return row


def redirect_to_ending(row: Row) -> Response:
    """Redirect to the ending that this participant has reached before, in the same browser.

    Raises ParticipantError in others: strangers may know the ids, and the page may show a code.
    """
    if not is_owner(row):
        raise errors.ParticipantError(errors.TOOK_PART)
    page = "leave" if row.ending else "complete"
    return redirect(f"{page}?{urlencode({'uniqueId': row.uniqueid})}", 303)


def describe_browser() -> dict[str, str]:
    """What psiTurk's table keeps about a browser: family and system, no version."""
    agent = parse_agent(request.user_agent.string)
    return {
        "ipaddress": (request.remote_addr or "UNKNOWN") if services.options.store_address else "",
        "browser": agent.browser.family[:128],
        "platform": agent.os.family[:128],
        "language": (request.accept_languages.best or "UNKNOWN")[:128],
    }


def render_page(name: str, ids: Ids, **variables: object) -> str:
    """ad.html or consent.html with psiTurk's variables, and others."""
    return render_template(
        name,
        mode=LinkMode(request.args["mode"]),
        hitid=ids.hit,
        assignmentid=ids.assignment,
        workerid=ids.worker or None,
        recruiter=recruiter_of(ids.mode),
        **variables,
    )
