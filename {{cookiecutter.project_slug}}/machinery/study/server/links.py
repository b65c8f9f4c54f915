"""The ids in the links between psiTurk's pages: read, checked, and passed on by ad and consent.

Whoever comes by /start or by a link of the researcher's gets ids and mode signed with the study's
key, in the place of psiTurk's ``mode``. So nobody can choose them, and templates written for
psiTurk pass them on without knowing it.
"""

from urllib.parse import urlencode

from flask import Response, request
from jinja2.ext import Extension

from study.recruiters import BadLink, Ids, UnsignedLink, read_ids
from study.server import errors
from study.server.services import services

NAMES = ("hitId", "assignmentId", "workerId", "mode")
NUMBERS = {
    "/exp": errors.NO_IDS_IN_EXP,
    **dict.fromkeys(("/consent", "/declined"), errors.NO_IDS_IN_CONSENT),
}


def read_link() -> Ids:
    """Return the ids in this request's address. Raises BadLink if it is not the study's own."""
    return read_ids(request.args, services.key, services.options.recruiter.unsigned_modes)


def write_query() -> str:
    """Return the query of this request's link, for the link of another page."""
    return urlencode({name: request.args[name] for name in NAMES})


def answer_bad_link(problem: BadLink) -> Response:
    """Count a link without ids that can be used, and answer with the number for the page."""
    kind = "link-missing" if "missing" in str(problem) else "link-malformed"
    number = NUMBERS.get(request.path, errors.NO_IDS_IN_AD)
    if isinstance(problem, UnsignedLink):
        kind, number = "link-unsigned", errors.NOT_SIGNED
    services.count_event(kind)
    return errors.answer_error(errors.ParticipantError(number))


class LinkMode(str):
    """The mode as this request's link has it, with its signature, for templates to pass on.

    It compares like the mode alone, as templates may ask ``mode == "debug"``.
    """

    def __eq__(self, other: object) -> bool:
        return self.partition(".")[0] == other

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self.partition(".")[0])


class ModeInLinks(Extension):
    """Adds the mode to the links of ad.html and consent.html, as psiTurk does.

    Raises psiTurk's ExperimentError 1020 if a page lacks the place for it.
    """

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """Change a template's source before Jinja compiles it."""
        from psiturk.experiment import insert_mode  # half-built while this module is imported

        return insert_mode(source) if name in ("ad.html", "consent.html") else source
