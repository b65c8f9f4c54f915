"""Looks every few seconds whether something is wrong, in one process of all that serve the study.

Which one is settled in the database by a lease. While that is away nobody can take the lease, so
who had it goes on alone. What was found is kept in the database before it is sent, so a restart
repeats nothing and forgets nothing.
"""

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from random import random

from sqlalchemy.exc import SQLAlchemyError

from study.alerts.rules import Snapshot, Verdict, judge
from study.database.alerts import Alert, AlertStore
from study.messages import StudyError

PAUSE = 10  # seconds
PATIENCE = timedelta(seconds=15), timedelta(minutes=10)  # after a failed POST, and after many
# For which the others leave the lease, when the database is back, to who had it: it knows what was
# told meanwhile.
LOOKS_TO_WAIT = 2
log = logging.getLogger(__name__)


class Monitor:
    """Tells of what is wrong. ``look`` is given the number of looks at which nothing was seen."""

    def __init__(
        self,
        store: AlertStore,
        look: Callable[[int], Snapshot],
        send: Callable[[str], None],
        now: Callable[[], datetime],
    ):
        self._store, self._look, self._send, self._now = store, look, send, now
        self._alerts: dict[str, Alert] | None = None  # None: another process looks after them
        self._changed: set[str] = set()  # names of alerts that the database does not have so
        self._looks_away = self._looks_to_wait = self._failures = 0
        self._next_post = now()

    def run(self) -> None:
        """Look for ever. Whatever fails, the server goes on."""
        time.sleep(random() * PAUSE)
        while True:
            try:
                self.tick()
            except Exception:
                log.exception("Alerts could not be looked after")
            time.sleep(PAUSE)

    def tick(self) -> None:
        """Look once, if it is on this process to look, and send what is new."""
        try:
            self._lead()
            self._looks_away = 0
        except SQLAlchemyError:
            self._looks_away += 1
            self._looks_to_wait = LOOKS_TO_WAIT
        if self._alerts is None:
            return
        for verdict in judge(self._look(self._looks_away)):
            self._note(verdict)
        self._keep()
        self._deliver()

    def _lead(self) -> None:
        """Take the lease or keep it, and read the alerts, but for what they lack of one's own."""
        is_leading = self._store.lead(self._now(), may_take=not self._looks_to_wait)
        self._looks_to_wait = max(0, self._looks_to_wait - 1)
        if not is_leading:
            if self._alerts is not None:  # lost while the database was away for this process alone
                self._keep()
                self._changed.clear()
                self._alerts = None
            return
        own, self._alerts = self._alerts or {}, self._store.read()
        for name in self._changed:
            self._alerts.pop(name, None)
        self._alerts |= {name: own[name] for name in self._changed & own.keys()}

    def _note(self, verdict: Verdict) -> None:
        """Take in a verdict that differs from what was told last."""
        known = self._alerts.get(verdict.name)
        goes_on = known is not None and not known.is_over
        if verdict.is_wrong == goes_on:
            return
        unsent = "\n".join(filter(None, (known and known.unsent, verdict.text)))
        if verdict.is_wrong:
            self._alerts[verdict.name] = Alert(verdict.name, unsent=unsent)
        elif verdict.text:
            known.is_over, known.unsent = True, unsent
        else:
            del self._alerts[verdict.name]
        self._changed.add(verdict.name)

    def _keep(self) -> None:
        """Write what has changed; while the database is away, that waits."""
        names = self._changed & self._alerts.keys()
        kept = [self._alerts[name] for name in names]
        try:
            if self._changed:
                self._store.write(kept, self._changed - names)
            self._changed.clear()
        except SQLAlchemyError:
            pass

    def _deliver(self) -> None:
        """Send what is unsent in one message; if nobody takes it, again later."""
        unsent = [alert for alert in self._alerts.values() if alert.unsent]
        if not unsent or self._now() < self._next_post:
            return
        try:
            self._send("\n".join(alert.unsent for alert in unsent))
        except StudyError as error:
            first, longest = PATIENCE
            self._next_post = self._now() + min(longest, first * 2**self._failures)
            self._failures = min(self._failures + 1, 10)
            log.warning("%s", error.cause)
            return
        self._failures = 0
        for alert in unsent:
            alert.unsent = ""
            if alert.is_over:
                del self._alerts[alert.name]
        self._changed |= {alert.name for alert in unsent}
        self._keep()
