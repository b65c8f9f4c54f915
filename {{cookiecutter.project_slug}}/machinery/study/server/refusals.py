"""Why somebody cannot go on: psiTurk's numbered errors, with a status that says so."""

from dataclasses import dataclass
from http import HTTPStatus

# psiTurk's numbers (experiment_errors.py), whose page here is templates/error.html.
NO_IDS_IN_AD, NO_IDS_IN_CONSENT, NO_IDS_IN_EXP = 1001, 1002, 1003
TASK_BEGUN, BEGUN_BEFORE, TOOK_PART = 1008, 1009, 1010
NOT_KNOWN, WRONG_BROWSER, NOT_SAVED = 1013, 1014, 1017
NO_PAGE, NO_AD = 404, 1016
WRONG_STATUS, NO_PLACE_FOR_MODE, UNKNOWN = 1000, 1020, 9999  # mistakes, not the participant's
NOT_YOURS = 403  # ours: there is a record, and another browser was given it
TOO_OFTEN = 429  # ours: this client has asked for others' records again and again

_STATUS = {
    NO_IDS_IN_AD: HTTPStatus.BAD_REQUEST,
    NO_IDS_IN_CONSENT: HTTPStatus.BAD_REQUEST,
    NO_IDS_IN_EXP: HTTPStatus.BAD_REQUEST,
    NOT_KNOWN: HTTPStatus.BAD_REQUEST,
    NOT_SAVED: HTTPStatus.CONFLICT,
    NO_PAGE: HTTPStatus.NOT_FOUND,
    NO_AD: HTTPStatus.NOT_FOUND,
    WRONG_STATUS: HTTPStatus.INTERNAL_SERVER_ERROR,
    NO_PLACE_FOR_MODE: HTTPStatus.INTERNAL_SERVER_ERROR,
    UNKNOWN: HTTPStatus.INTERNAL_SERVER_ERROR,
    TOO_OFTEN: HTTPStatus.TOO_MANY_REQUESTS,
}


@dataclass
class Refusal(Exception):
    """Ends a request with the page for that number."""

    number: int

    @property
    def status(self) -> int:
        """The status of the answer; psiTurk's own error pages have 200."""
        return _STATUS.get(self.number, HTTPStatus.FORBIDDEN)
