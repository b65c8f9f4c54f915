"""What `study check` finds about recruiting: addresses, codes, previews, who is kept out."""

from collections.abc import Iterator

from study.commands.check import CheckContext, Finding
from study.commands.status import INCIDENTS, count_incidents
from study.errors import StudyError
from study.excluded import FILE, fingerprint, read_excluded
from study.links import entry_address
from study.recruiters import RECRUITERS
from study.recruiters.codes import QUESTIONS
from study.text import pluralize

DAYS = 7


def recruiter(context: CheckContext) -> Iterator[Finding]:
    """Where participants come from, and whether psiTurk's shell would make real HITs."""
    name = context.recruitment
    if name not in RECRUITERS:
        yield "red", f"recruitment is {name or 'empty'}; it must be {', '.join(RECRUITERS)}"
    elif name != "mturk":
        label = RECRUITERS[name].label
        address = entry_address(f"https://{context.app.domain}", name) if context.app else ""
        yield "green", f"{label}, which gets the address {address}" if address else label
    elif context.settings.value("Shell Parameters", "launch_in_mode") == "live":
        yield "green", "MTurk, live: HITs are real and cost money"
    else:
        yield "yellow", "MTurk, sandbox: no worker sees the HITs. For real: launch_in_mode = live"


def hits(context: CheckContext) -> Iterator[Finding]:
    """Nothing is written into the address of HITs that psiTurk adds itself."""
    if context.recruitment != "mturk":
        return
    for name in ("ad_url", "ad_url_route"):
        # psiTurk puts ?mode=live or ?mode=sandbox behind it (amt_services_wrapper.py).
        if "?" in context.settings.value("HIT Configuration", name):
            yield "red", f"psiTurk adds the mode itself: take the ? and what follows out of {name}"


def previews(context: CheckContext) -> Iterator[Finding]:
    """Researchers who look at their own study on Prolific do not count."""
    if context.recruitment == "prolific" and not context.settings.value("Study", "preview_ids"):
        yield (
            "yellow",
            (
                "preview_ids in config.txt is empty: whoever of you tries the study on Prolific is "
                "counted as a participant. Put your own Prolific ids there"
            ),
        )


def excluded(context: CheckContext) -> Iterator[Finding]:
    """Those who took part in an earlier study are recognised."""
    if not (context.folder / FILE).exists():
        return
    try:
        found = read_excluded(context.folder)
    except StudyError as error:
        yield "red", f"{error.cause} {error.remedy}"
        return
    key = context.settings.value("Server Parameters", "secret_key")
    if context.app and key and found.fingerprint != fingerprint(key):
        yield (
            "red",
            (
                f"{FILE} was made with another key than the app's, so nobody is kept out. "
                "Delete it, then: uv run study exclude FILE"
            ),
        )
    else:
        people = pluralize(len(found.pseudonyms), "person", "people")
        yield "green", f"keeps {people} of earlier studies out"


def codes(context: CheckContext) -> Iterator[Finding]:
    """Who finishes is sent back to the recruiter."""
    known = RECRUITERS.get(context.recruitment)
    if not known or not (name := known.codes.get("completed")):
        return
    value = context.app.config.get(name)
    if not value:
        # Nobody can have come before the first deploy.
        colour = "red" if context.app.web_dynos else "yellow"
        yield (
            colour,
            (
                f"{name} is not set, so nobody is sent back to {known.label} at the end: "
                "uv run study up asks for it"
            ),
        )
        return
    try:
        QUESTIONS[name].read(value)
        yield (
            "green",
            f"{name} is set. To see it: heroku config:get {name} --app {context.spec.app}",
        )
    except ValueError as problem:
        yield "red", f"{name} cannot be right. {problem} heroku config:set, with --app"


def happened(context: CheckContext) -> Iterator[Finding]:
    """What went otherwise than planned, as far as something can be done about it."""
    if context.participants is None or (known := RECRUITERS.get(context.recruitment)) is None:
        return
    counts = count_incidents(context.participants, DAYS)
    for kind, name in known.codes.items():
        if kind != "completed" and counts[kind] and not context.app.config.get(name):
            yield (
                "yellow",
                (
                    f"{counts[kind]} {INCIDENTS[kind]} in the last {DAYS} days, without a code of "
                    f"{known.label}'s. If it gave you one: heroku config:set {name}=… "
                    f"--app {context.spec.app}"
                ),
            )
    if counts["wrong-mode"]:
        yield (
            "yellow",
            (
                f"{counts['wrong-mode']} {INCIDENTS['wrong-mode']} in the last {DAYS} days. The mode "
                "in their data is wrong: make HITs by psiTurk's shell, which writes the right one"
            ),
        )
