"""What the server has counted besides participants: refusals, and visits that led to nothing."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, func, select

from study.database.reader import Participants

DAYS = 7  # that are counted
# In the order in which participants meet them.
INCIDENTS = {
    "link-missing": "came by a link that lacked something",
    "link-malformed": "came by a link with something odd in it",
    "link-unsigned": "came by a link that this study did not make, or that was changed",
    "wrong-mode": "came by a HIT with the wrong mode in its address",
    "too-many-arrivals": "times too many came within a minute, and some had to wait for the next",
    "database-full": "were turned away because the database is nearly full",
    "preview": "looked at the study from the recruiter's side",
    "wrong-browser": "were turned away for their device or browser",
    "excluded": "were turned away because of an earlier study",
    "declined": "did not agree to take part",
    "screened-out": "were screened out",
    "left-early": "stopped by the button",
    "too-little": "came to the end with less done than a completion code is for",
    "no-proof": "asked for a record that another browser owns",
    "save-failed": "times a save failed, which the browser tries again",
}


def count_incidents(participants: Participants, connection: Connection) -> dict[str, int]:
    """How often each occurred in the last week; nothing in a database without the table."""
    table = participants.own_table("study_incidents")
    if table is None:
        return {}
    since = datetime.now(UTC).date() - timedelta(days=DAYS - 1)
    query = select(table.c.kind, func.sum(table.c["count"])).where(table.c.day >= since)
    return {kind: int(number) for kind, number in connection.execute(query.group_by(table.c.kind))}
