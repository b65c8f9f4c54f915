"""The study's addresses, with what to enter into the recruiter's form: after a deploy."""

import random
import string

from study.recruiters import RECRUITERS

# {entry}: the address to paste. {app}: the app's name.
FORMS = {
    "prolific": """\
For Prolific. In the study's form, as its address:
  {entry}
For the IDs choose "I'll use URL parameters", for the end "I'll redirect them using a URL".
Who finishes goes back to Prolific with the completion code. Both must have the same code; to
see the app's: heroku config:get COMPLETION_CODE --app {app}""",
    "sona": """\
For SONA, an Online External Study. As its Study URL:
  {entry}
Who finishes is sent to SONA and gets the credit at once. For that, the app must know SONA's
completion URL (client-side): uv run study up asks for it.""",
    "link": """\
For participants, one link for all of them:
  {entry}
or, to keep with their data where they come from, such as a class:
  {entry}?label=class-a
Who finishes gets a code of their own. Whose it is: uv run study verify CODE""",
    "mturk": """\
For MTurk, make a HIT, here 9 workers at 0.50 USD, with 1.5 hours to finish:
  DATABASE_URL="$(heroku config:get DATABASE_URL --app {app})" uv run psiturk
  hit create 9 0.50 1.5
The shell begins in the sandbox, where nothing costs money; `mode live` leaves it. Who finishes
gets the button that submits the HIT.""",
}


def entry_address(address: str, recruitment: str) -> str:
    """The one address for the recruiter's form; empty for MTurk, where psiTurk writes it."""
    entry = RECRUITERS[recruitment].entry if recruitment in RECRUITERS else ""
    return f"{address}{entry}" if entry else ""


def describe_links(address: str, recruitment: str, app: str) -> str:
    """The addresses to use, ready to be copied."""
    lines = ["To try it, apart from the data of participants:", f"  {address}{debug_link()}"]
    if recruitment in FORMS:
        entry = entry_address(address, recruitment)
        lines.append(FORMS[recruitment].format(entry=entry, app=app))
    return "\n".join(lines)


def debug_link() -> str:
    """The path by which a researcher takes part as a new participant, without being counted.

    psiTurk lets ids that begin with ``debug`` come again and never marks them as having quit
    early (psiturk/experiment.py).
    """
    ids = {name: f"debug{_random_id()}" for name in ("hitId", "assignmentId", "workerId")}
    return "/pub?" + "&".join(f"{name}={value}" for name, value in ids.items()) + "&mode=debug"


def _random_id() -> str:
    return "".join(random.choices(string.ascii_uppercase + string.digits, k=6))
