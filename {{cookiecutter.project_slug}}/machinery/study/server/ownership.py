"""Who may read and change a participant's record: the browser that /exp gave it to.

psiTurk asks for a uniqueId only, and ids are known to others. The proof is a signed
cookie for each record, because a researcher may try out pluralize at once. It is not
limited in time, for a session may last for days; it means nothing without the key.
"""

from functools import lru_cache
from hashlib import sha256

from flask import Request, Response
from itsdangerous import BadSignature, Signer, TimestampSigner

PREFIX = "record-"
SECONDS_KEPT = 30 * 24 * 3600
# A lab's computer sees many participants, and a request's headers have a limit of 8 kB.
COOKIES_KEPT = 12
REMEMBERED = 4096  # participants in session; one shows the same cookie with each save


class Access:
    """Makes and checks proofs with the study's key."""

    def __init__(self, key: str):
        self._cookies = TimestampSigner(key, salt="record", digest_method=sha256)
        self._submissions = Signer(key, salt="submission", digest_method=sha256)
        self._proved = lru_cache(REMEMBERED)(self._proved)

    def grant(self, request: Request, response: Response, uniqueid: str) -> None:
        """Give this browser the record, and take the oldest proofs back if it has too many."""
        mark = _mark(uniqueid)
        held = {name: at for name in request.cookies if (at := self._granted_at(request, name))}
        held.pop(PREFIX + mark, None)
        for name in sorted(held, key=held.get)[: max(0, len(held) - COOKIES_KEPT + 1)]:
            response.delete_cookie(name)
        response.set_cookie(
            PREFIX + mark,
            self._cookies.sign(mark).decode(),
            max_age=SECONDS_KEPT,
            secure=request.is_secure,
            httponly=True,
            samesite="Lax",
        )

    def is_granted(self, request: Request, uniqueid: str) -> bool:
        """Whether this browser was given the record."""
        mark = _mark(uniqueid)
        cookie = request.cookies.get(PREFIX + mark)
        return cookie is not None and self._proved(cookie) == mark

    def submission_token(self, uniqueid: str) -> str:
        """Lets the frame say that a HIT was submitted: cookies do not reach into it."""
        return self._submissions.get_signature(uniqueid).decode()

    def is_submission_token(self, uniqueid: str, token: str) -> bool:
        """Whether the token is the one for this record."""
        return self._submissions.verify_signature(uniqueid.encode(), token.encode())

    def _proved(self, cookie: str) -> str | None:
        """What a cookie proves, if we made it."""
        try:
            return self._cookies.unsign(cookie).decode()
        except BadSignature:
            return None

    def _granted_at(self, request: Request, name: str) -> float:
        if not name.startswith(PREFIX):
            return 0
        try:
            _, granted = self._cookies.unsign(request.cookies[name], return_timestamp=True)
        except BadSignature:
            return 1  # not ours: the first to go
        return granted.timestamp()


def _mark(uniqueid: str) -> str:
    """What the cookie says: the record, without the participant's ids."""
    return sha256(uniqueid.encode()).hexdigest()[:24]
