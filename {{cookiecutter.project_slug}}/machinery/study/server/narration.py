"""Tells in the terminal of a preview what participants do, a line for each step.

Only there: a real study's log says nothing about anybody (logs.py). People are numbered in
the order in which they come, for ids are long and all alike.
"""

import json
from datetime import datetime

from flask import Flask, Response, request

from study.server.services import services
from study.text import pluralize

# What a step of the task means, by the name of its route.
STEPS = {
    "participation.enterexp": "began the task",
    "participation.quitter": "closed the window of the task",
    "endings.leave": "left before the end",
    "endings.complete": "reached the end",
    "endings.worker_complete": "reached the end",
}


class Narrator:
    """Prints the lines of one server process; a preview has one."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def tell(self, response: Response) -> Response:
        """Print a line if the request was a step of somebody; returns the response as it is."""
        endpoint, uniqueid = request.endpoint or "", self._find_uniqueid()
        if uniqueid and (step := self._describe(endpoint, uniqueid, response)):
            number = self._numbers.setdefault(uniqueid, len(self._numbers) + 1)
            print(f"{datetime.now():%H:%M:%S}  participant {number} {step}", flush=True)
        return response

    def _find_uniqueid(self) -> str:
        ids = request.args.get("workerId", ""), request.args.get("assignmentId", "")
        sent = (request.view_args or {}).get("uid") or request.values.get("uniqueId")
        return sent or (":".join(ids) if all(ids) else "")

    def _describe(self, endpoint: str, uniqueid: str, response: Response) -> str:
        if endpoint in ("saving.update", "saving.add"):
            if response.status_code != 200:
                return f"could not save (status {response.status_code})"
            record = json.loads(services.records.load(uniqueid))
            trials, answers = (len(record.get(name, ())) for name in ("data", "questiondata"))
            return f"saved: {pluralize(trials, 'line')} of data, {pluralize(answers, 'answer')}"
        if endpoint == "participation.start_exp":
            row = services.records.find(uniqueid)
            if response.status_code != 200 or not row:
                return f"was turned away (status {response.status_code})"
            return f"arrived: condition {row.cond}, counterbalance {row.counterbalance}"
        return STEPS.get(endpoint, "") if response.status_code == 200 else ""


def narrate(app: Flask) -> None:
    """Let the server's terminal tell what participants do."""
    app.after_request(Narrator().tell)
