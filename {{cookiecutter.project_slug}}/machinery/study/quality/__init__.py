"""Which participants to look at, because a program may have taken part, or helped.

Flags with reasons, never a score, and no verdict: people do odd things, and a program that takes
pains is not seen. Everything here is computed from what a participant's record holds.

    flag(records)           flags by participant, given psiTurk's records as decoded JSON
    find_flags(evidence)    the flags of one
"""

from collections.abc import Mapping
from typing import Any

from study.quality.evidence import Evidence, read_record
from study.quality.rules import Flag, find_flags

__all__ = ["Evidence", "Flag", "find_flags", "flag", "read_record"]


def flag(records: Mapping[str, Any]) -> dict[str, list[Flag]]:
    """Return the flags of each participant who has any. A record may have any shape."""
    found = {name: find_flags(read_record(record)) for name, record in records.items()}
    return {name: flags for name, flags in found.items() if flags}
