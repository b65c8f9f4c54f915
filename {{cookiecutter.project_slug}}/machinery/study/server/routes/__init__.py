"""The routes of participants, in the order of a participation, and a narrator for previews."""

import json
from datetime import datetime

from flask import Flask, Response, request

from study.messages import pluralize
from study.server.services import services

# Steps of a participation by the name of their route.
STEPS = {
    "task.begin": "began the task",
    "task.quit": "closed the window of the task",
    "endings.leave": "left before the end",
    "endings.complete": "reached the end",
    "endings.worker_complete": "reached the end",
}


def register(app: Flask) -> None:
    """Add all routes to psiTurk's application."""
    from study.server.routes import arrival, endings, task

    app.jinja_env.add_extension(arrival.ModeInLinks)
    for module in (arrival, task, endings):
        app.register_blueprint(module.blueprint)


class Narrator:
    """Prints each step of a participant in the terminal of a preview.

    Only there: a real study's log says nothing about anybody. Participants are numbered,
    because test ids are long and look alike.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def report_step(self, response: Response) -> Response:
        """Print a line if the request was a step of a participant; returns the response."""
        ids = request.args.get("workerId", ""), request.args.get("assignmentId", "")
        uniqueid = (request.view_args or {}).get("uid") or request.values.get("uniqueId")
        uniqueid = uniqueid or (":".join(ids) if all(ids) else "")
        if uniqueid and (step := self._describe(request.endpoint or "", uniqueid, response)):
            number = self._numbers.setdefault(uniqueid, len(self._numbers) + 1)
            print(f"{datetime.now():%H:%M:%S}  participant {number} {step}", flush=True)
        return response

    def _describe(self, endpoint: str, uniqueid: str, response: Response) -> str:
        is_success = response.status_code == 200
        if endpoint in ("task.save", "task.add_entries"):
            if not is_success:
                return f"could not save (status {response.status_code})"
            record = json.loads(services.records.load(uniqueid))
            trials, answers = (len(record.get(name, ())) for name in ("data", "questiondata"))
            return f"saved: {pluralize(trials, 'line')} of data, {pluralize(answers, 'answer')}"
        if endpoint == "arrival.show_experiment":
            row = services.records.find(uniqueid)
            if not is_success or not row:
                return f"was turned away (status {response.status_code})"
            return f"arrived: condition {row.cond}, counterbalance {row.counterbalance}"
        return STEPS.get(endpoint, "") if is_success else ""
