"""Your own server code: routes that the experiment can call, and the rule for bonuses.

psiTurk imports this file, adds the routes of ``custom_code`` to its server and calls
``init_app``, which brings in the machinery. Keep these two.
"""

from flask import Blueprint
from study.bonuses import bonus
from study.server import init_app

__all__ = ["bonus", "custom_code", "init_app"]

custom_code = Blueprint("custom_code", __name__)


# A route of your own. In the experiment: await (await fetch("/hello")).json()
#
# @custom_code.route("/hello")
# def hello():
#     return {"message": "Hello from the server"}
#
# About a participant, only their own browser may ask. Inside such a route:
#     from study.server import own_record
#     record = own_record(request.args["uniqueId"])


# A rule for bonuses, in the currency of config.txt. `uv run study bonuses` asks it about
# everybody who finished and writes a file for the recruiter; it pays nothing itself.
# machinery/study/bonuses/__init__.py lists what a participant has.
#
# @bonus
# def bonus_of(participant):
#     """One cent for each word whose colour was named correctly."""
#     trials = [trial for trial in participant.trials if trial.get("phase") == "TEST"]
#     return 0.01 * sum(trial["correct"] for trial in trials)
