"""Which participants to look at, because a program may have taken part, or helped.

Flags with reasons, never a score, and no verdict: people do odd things, and a program that takes
pains is not seen. Everything here is computed from what a participant's record holds.

    collect(times, events, ai_use)    what a record says, as Evidence
    find_flags(evidence)              the flags
"""

from study.quality.evidence import Evidence, collect
from study.quality.rules import Flag, find_flags

__all__ = ["Evidence", "Flag", "collect", "find_flags"]
