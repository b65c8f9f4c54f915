"""Your own server code: routes that the experiment can call.

psiTurk imports this file, adds the routes of ``custom_code`` to its server and calls
``init_app``, which brings in the machinery in study/. Keep these two.
"""

from flask import Blueprint

from study.app import init_app

__all__ = ["custom_code", "init_app"]

custom_code = Blueprint("custom_code", __name__)


# A route of your own. In the experiment: await (await fetch("/hello")).json()
#
# @custom_code.route("/hello")
# def hello():
#     return {"message": "Hello from the server"}
