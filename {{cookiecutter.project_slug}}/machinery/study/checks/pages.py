"""Pages that a task shows and that do not exist, and pages that cannot be rendered."""

import re
from collections.abc import Iterator

from study.checks.experiment import PAGE_NAME, Experiment
from study.checks.finding import Finding, suggest

# psiTurk's methods that take a page, or a list of pages, as their first argument.
METHODS = ("showPage", "getPage", "completePage", "preloadPages", "preload")
METHODS += ("readInstructions", "doInstructions")
# psiTurk searches these two for this, and shows an error where it is not (insert_mode in
# psiturk/experiment.py).
THE_WORKER = "workerId={{ workerid }}"
WITH_WORKER = ("ad.html", "consent.html")
NAMES_SIGNALS = re.compile(r"signals\.html|study\.signals")


def find_missing_pages(experiment: Experiment) -> Iterator[Finding]:
    """Yield each page that a script shows or preloads by a fixed name and that does not exist."""
    for code in experiment.codes:
        for value in code.script.arguments(dict.fromkeys(METHODS, 0)):
            name = PAGE_NAME.fullmatch(value.text)
            if name and not experiment.has_page(name[1]) and name[1] not in experiment.python:
                what = f"it shows {value.text}, and there is no page templates/{name[1]}"
                remedy = suggest(name[1], experiment.templates.names, "Make it.")
                yield Finding(*experiment.place(code, value.line), what, remedy)


def find_broken_pages(experiment: Experiment) -> Iterator[Finding]:
    """Yield what is wrong with the pages' Jinja, and pages that are missing."""
    for name in ("ad.html", "consent.html", "exp.html"):
        if name not in experiment.templates.names:
            what = "the server needs this page"
            yield Finding(f"templates/{name}", 0, what, "Bring it back: git checkout templates")
    for name in experiment.pages:
        yield from experiment.templates.find_mistakes(name)
        if name in WITH_WORKER and THE_WORKER not in experiment.templates.text(name):
            what = f"the page lacks {THE_WORKER}, which psiTurk looks for"
            yield Finding(f"templates/{name}", 1, what, "Put it back into the link.")


def find_silent_consent(experiment: Experiment) -> Iterator[Finding]:
    """Yield a consent page that does not say what is recorded to tell people from programs."""
    task = experiment.pages.get("exp.html")
    is_recorded = task and any(tag.get("data-signals") for tag in task.tags)
    texts = map(experiment.templates.text, experiment.templates.parts("consent.html"))
    if is_recorded and not any(map(NAMES_SIGNALS.search, texts)):
        what = "the page does not name the signals that config.txt lets the study record"
        remedy = 'Put {% include "signals.html" %} into it, or leave signals empty in config.txt.'
        yield Finding("templates/consent.html", 1, what, remedy)
