"""What the scripts of the workshop ask for, in debug runs alone (study/server/workshop.py)."""

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from flask import Blueprint, Response, abort, current_app, g, redirect, render_template, request
from werkzeug.security import safe_join

from study.database.conditions import Cell
from study.database.entries import count_entries
from study.recruiters import make_test_ids
from study.server.admission import require_room, require_turn
from study.server.errors import NOT_YOURS, ParticipantError
from study.server.ownership import comes_from_elsewhere, keep_browser, name_browser, require_owner
from study.server.problems import (
    Problem,
    board,
    files_in,
    find_line_naming,
    find_template_errors,
    from_text,
    read,
)
from study.server.routes.arrival import describe_browser
from study.server.services import services
from study.server.workshop import PATH, find_run, is_preview

blueprint = Blueprint("workshop", __name__)
blueprint.after_request(keep_browser)

NOTICE = "STUDY_PREVIEW_NOTICE"  # names the file in which the preview tells a mistake in config.txt
STARTED = time.time()
LONGEST = 2000  # characters of what a page reports
# Before a module that is only to be parsed: its imports are run first, and this one fails.
STOP = 'import "{}";'


@blueprint.before_request
def require_run() -> None:
    """Let only debug runs in, and only by a page of their own."""
    g.run = find_run()
    if not g.run or comes_from_elsewhere():
        raise ParticipantError(NOT_YOURS)


@blueprint.before_request
def require_preview() -> None:
    """Keep what shows the researcher's files on the researcher's machine."""
    if request.endpoint in ("workshop.take_problem", "workshop.parse") and not is_preview():
        abort(404)


@blueprint.post(f"{PATH}run")
def start_run() -> Response:
    """Begin a new debug run in the condition of one's choice, at the experiment."""
    require_room()
    require_turn()
    ids, browser = make_test_ids(), describe_browser() | {"owner": name_browser()}
    services.enrolment.enrol(ids, browser, read_cell())
    return redirect(f"/exp?{ids.query(services.key)}", 303)


def read_cell() -> Cell:
    """Return the condition and counterbalance that the form names."""
    limits = services.options.num_conds, services.options.num_counters
    names = ("condition", "counterbalance")
    condition, counterbalance = (request.form.get(name, 0, int) for name in names)
    if not (0 <= condition < limits[0] and 0 <= counterbalance < limits[1]):
        abort(400)
    return condition, counterbalance


@blueprint.get(f"{PATH}state")
def tell_state() -> dict:
    """Tell what is stored of this run and, in a preview, what changed and what is wrong."""
    row = services.records.find(g.run)
    has_record = row and row.saved
    trials, others = count_entries(services.records.load(g.run)) if has_record else (0, 0)
    state = {"trials": trials, "others": others}
    if is_preview():
        failed, wrong = board.since(request.args.get("seen", 0, int)), find_mistakes()
        state |= {"files": dict(read_times()), "seen": len(board)}
        state |= {"failed": [each.describe() for each in failed]}
        state |= {"wrong": [each.describe() for each in wrong]}
    return state


def find_mistakes() -> list[Problem]:
    """Return what is wrong now in config.txt, custom.py and templates/; print the latter's."""
    in_templates = list(find_template_errors(current_app))
    for problem in in_templates:
        board.print(problem)
    told = read(Path(os.environ.get(NOTICE, "")))  # which the preview has printed
    return [*([from_text(told)] if told else []), *in_templates]


def read_times() -> Iterator[tuple[str, float]]:
    """Yield the time of the last change, in seconds, of each file that a page shows or runs."""
    for folder in ("static", "templates"):
        for file in files_in(Path(folder)):
            with suppress(OSError):  # an editor may be replacing it
                yield file.as_posix(), file.stat().st_mtime
    yield "config.txt or custom.py", STARTED  # a change of these two starts another server


@blueprint.post(f"{PATH}problems")
def take_problem() -> dict:
    """Print what a page reports, and answer with the lines around it.

    ``named`` is a file that could not be loaded: its line is the one that names it.
    """
    sent = request.get_json()
    file, line = find_line_naming(sent["named"]) if sent.get("named") else ("", 0)
    words = (str(sent.get(name, ""))[:LONGEST] for name in ("message", "advice"))
    if not line:
        file, line = str(sent.get("file", "")), int(sent.get("line", 0))
    problem = Problem(*words, file, line)
    board.print(problem)
    return problem.describe()


@blueprint.get("/static/<path:path>.parse")
def parse(path: str) -> Response:
    """Send a module that a browser parses and does not run, to see at once whether it can."""
    file = safe_join("static", path)
    if not file or not (text := read(Path(file))):
        abort(404)
    stop = current_app.jinja_env.globals["static"]("js/workshop/stop.js")
    return Response(STOP.format(stop) + text, mimetype="text/javascript")


@blueprint.get(f"{PATH}data")
def show_data() -> str:
    """Show the record of this run as tables."""
    record = read_record()
    trials = [row.get("trialdata", row) for row in record.get("data", [])]
    trials = [trial if isinstance(trial, dict) else {"trialdata": trial} for trial in trials]
    counts = Counter(name for trial in trials for name in trial)
    return render_template(
        "workshop-data.html",
        trials=trials,
        columns=[name for name, _ in counts.most_common()],
        answers=record.get("questiondata", {}),
        events=record.get("eventdata", []),
        row=services.records.find(g.run),
        query=request.query_string.decode("ascii", "replace"),
    )


@blueprint.get(f"{PATH}data.json")
def download_data() -> Response:
    """Send the record of this run as it is stored, as a file."""
    text = json.dumps(read_record(), indent=2, ensure_ascii=False)
    headers = {"Content-Disposition": f'attachment; filename="{g.run.partition(":")[0]}.json"'}
    return Response(text, mimetype="application/json", headers=headers)


def read_record() -> dict:
    """Return the record; empty before the experiment. Raises ParticipantError if another's."""
    if not services.records.find(g.run):
        return {}
    require_owner(g.run)
    return json.loads(services.records.load(g.run))
