"""The routes of participants, in the order of a participation, and a narrator for previews."""

import json
from datetime import datetime

from flask import Flask, Response, request

from study.messages import pluralize
from study.recruiters import BadLink
from study.server.services import services

# Steps of a participation by the name of their route.
STEPS = {
    "task.begin": "began the task",
    "task.quit": "closed the window of the task",
    "endings.leave": "left before the end",
    "endings.worker_complete": "reached the end",
}


def register(app: Flask) -> None:
    """Add all routes to psiTurk's application."""
    from study.server import links
    from study.server.mistakes import add_script
    from study.server.routes import arrival, endings, mistakes, task, workshop

    app.jinja_env.add_extension(links.ModeInLinks)
    app.register_error_handler(BadLink, links.answer_bad_link)
    for module in (arrival, endings):
        module.blueprint.after_request(add_script)
    for module in (arrival, task, endings, mistakes, workshop):
        app.register_blueprint(module.blueprint)


def narrate(app: Flask) -> None:
    """Print each step of a participant in the terminal of a preview.

    Only there: a real study's log says nothing about anybody. Participants are numbered,
    because test ids are long and look alike.
    """
    numbers: dict[str, int] = {}

    @app.after_request
    def print_step(response: Response) -> Response:
        ids = request.args.get("workerId", ""), request.args.get("assignmentId", "")
        uniqueid = (request.view_args or {}).get("uid") or request.values.get("uniqueId")
        uniqueid = uniqueid or (":".join(ids) if all(ids) else "")
        if uniqueid and (step := _describe(uniqueid, response.status_code)):
            number = numbers.setdefault(uniqueid, len(numbers) + 1)
            print(f"{datetime.now():%H:%M:%S}  participant {number} {step}", flush=True)
        return response


def _describe(uniqueid: str, status: int) -> str:
    match request.endpoint:
        case "task.save" | "task.add_entries":
            if status != 200:
                return f"could not save (status {status})"
            record = json.loads(services.records.load(uniqueid))
            trials, answers = (len(record.get(name, ())) for name in ("data", "questiondata"))
            return f"saved: {pluralize(trials, 'line')} of data, {pluralize(answers, 'answer')}"
        case "arrival.show_experiment":
            row = services.records.find(uniqueid)
            if status != 200 or not row:
                return f"was turned away (status {status})"
            return f"arrived: condition {row.cond}, counterbalance {row.counterbalance}"
        case "endings.show_complete":
            row = services.records.find(uniqueid)
            is_at_end = status == 200 and row and row.has_ended
            return "reached the end" if is_at_end else f"is not done yet (status {status})"
    return STEPS.get(request.endpoint, "") if status == 200 else ""
