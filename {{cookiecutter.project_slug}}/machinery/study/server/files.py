"""Where static files and pages lie: the researcher's, the machinery's and psiTurk's own script."""

import re
from importlib.util import find_spec
from pathlib import Path

CLIENT, PAGES = (Path(__file__).parent.parent / name for name in ("client", "pages"))
TEMPLATES = Path("templates")
# Each folder with its place in /static/; a later one wins.
FOLDERS = (
    (CLIENT, "js/"),
    (Path("static"), ""),
    (Path(find_spec("psiturk").origin).parent / "psiturk_js", "js/"),
)
ROUTED = ("ad.html", "consent.html", "exp.html")  # shown by routes of their own
JINJA = re.compile(rb"\{[{%#]")  # in a page that is rendered
