"""What `study check` says about recruiting: the recruiter, its codes, and who is turned away."""

from collections.abc import Iterator

from study.commands.check import CheckContext, Finding
from study.commands.status import INCIDENTS, count_incidents
from study.errors import StudyError
from study.excluded import FILE, fingerprint, read_excluded
from study.recruiters import RECRUITERS, find_recruiter
from study.text import pluralize

DAYS = 7


def recruiter(context: CheckContext) -> Iterator[Finding]:
    """Check what the recruiter itself asks for."""
    if known := RECRUITERS.get(context.recruitment):
        address = f"https://{context.app.domain}" if context.app else ""
        yield from known.check(context.settings.value, address)
    else:
        names = ", ".join(RECRUITERS)
        yield "red", f"recruitment is {context.recruitment or 'empty'}; it must be one of {names}"


def excluded(context: CheckContext) -> Iterator[Finding]:
    """Check that participants of earlier studies are recognised."""
    if not (context.folder / FILE).exists():
        return
    try:
        found = read_excluded(context.folder)
    except StudyError as error:
        yield "red", f"{error.cause} {error.remedy}"
        return
    key = context.settings.value("Server Parameters", "secret_key")
    if context.app and key and found.fingerprint != fingerprint(key):
        cause = f"{FILE} was made with another key than the app's, so nobody is kept out"
        yield "red", f"{cause}. Delete it, then: uv run study exclude FILE"
    else:
        people = pluralize(len(found.pseudonyms), "person", "people")
        yield "green", f"keeps {people} of earlier studies out"


def codes(context: CheckContext) -> Iterator[Finding]:
    """Check the code with which participants are sent back."""
    known, app = find_recruiter(context.recruitment), context.spec.app
    if not (name := known.code_var):
        return
    value = context.app.config.get(name)
    try:
        known.read_code(value or "")
        yield "green", f"{name} is set. To see it: heroku config:get {name} --app {app}"
    except ValueError as problem:
        wrong = f"{name} cannot be right. {problem} heroku config:set {name}=… --app {app}"
        unset = f"{name} is not set, so nobody is sent back to {known.label} at the end"
        # Before the first deploy, nobody can have taken part.
        colour = "red" if value or context.app.web_dynos else "yellow"
        yield colour, wrong if value else f"{unset}: uv run study up asks for it"


def happened(context: CheckContext) -> Iterator[Finding]:
    """Report what did not go as planned, as far as something can be done about it."""
    if context.participants is None:
        return
    known, app = find_recruiter(context.recruitment), context.spec.app
    counts = count_incidents(context.participants, DAYS)
    remedies = {
        kind: f"without a code of {known.label}'s. If it gave you one: "
        f"heroku config:set {name}=… --app {app}"
        for kind, name in known.codes.items()
        if kind != "completed" and not context.app.config.get(name)
    }
    remedies["wrong-mode"] = (
        "so their data have it too: make HITs with psiTurk's shell, which writes the right one"
    )
    for kind, remedy in remedies.items():
        if count := counts[kind]:
            yield "yellow", f"{count} {INCIDENTS[kind]} in the last {DAYS} days, {remedy}"
