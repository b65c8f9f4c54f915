"""Browsers that the study turns away: psiTurk's browser_exclude_rule."""

from collections.abc import Callable
from functools import lru_cache

import user_agents
from user_agents.parsers import UserAgent

# Words of the rule that have a meaning (psiTurk's experiment.py); any other is searched for.
MEANINGS: dict[str, Callable[[UserAgent], bool]] = {
    "mobile": lambda agent: agent.is_mobile,
    "tablet": lambda agent: agent.is_tablet,
    "touchcapable": lambda agent: agent.is_touch_capable,
    "pc": lambda agent: agent.is_pc,
    "bot": lambda agent: agent.is_bot,
    "safari": lambda agent: "Safari" in agent.ua_string and "Chrome" not in agent.ua_string,
}
LONGEST = 512  # characters; real ones have up to 300


@lru_cache(maxsize=1024)
def is_excluded(agent: str, rule: str) -> bool:
    """Whether a browser with this User-Agent falls under the rule, a list with commas."""
    parsed = user_agents.parse(agent[:LONGEST])
    words = [word.strip() for word in rule.split(",") if word.strip()]
    return any(_applies(word, parsed) for word in words)


def _applies(word: str, agent: UserAgent) -> bool:
    meaning = MEANINGS.get(word.lower() if word in ("Safari", "safari") else word)
    return meaning(agent) if meaning else word in agent.ua_string
