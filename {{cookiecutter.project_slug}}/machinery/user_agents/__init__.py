"""What a browser says of itself in its User-Agent: its family, its system, its kind of device.

psiTurk imports a package of this name, which nobody has maintained since 2020. This one has what
psiTurk uses (psiturk/experiment.py) and the study. Families are ua-parser's; a device is known by
the words that browsers' makers agree on (developer.mozilla.org/en-US/docs/Web/HTTP/Guides/
Browser_detection_using_the_user_agent).
"""

import re
from dataclasses import dataclass

from ua_parser import parser  # makes its table of rules now rather than for a visitor

OTHER = "Other"
BOT = "Spider"  # ua-parser's family of devices that nobody holds
TABLET = re.compile(r"iPad|Tablet|PlayBook|Kindle|Silk|Android(?!.*(Mobi|Opera Mini))")
PHONE = re.compile(r"Mobi|Opera Mini|iPhone|iPod|Phone|BlackBerry|BB10|Symbian|MIDP|J2ME|Android")
COMPUTER = re.compile(r"Windows|Macintosh|X11|CrOS")
# A screen that is touched. Windows says so in Internet Explorer alone; iPads that ask for the
# pages of computers, and computers with such screens, do not say so.
TOUCH = re.compile(r"iPhone|iPod|iPad|Android|Windows Phone|PlayBook|Silk|BB10|Touch\b")


@dataclass(frozen=True)
class Named:
    """A browser or a system."""

    family: str


class UserAgent:
    """A browser, its system and the kind of device, as far as ``ua_string`` says it."""

    def __init__(self, text: str):
        found = parser.parse(text)
        self.ua_string = text
        self.browser = Named(found.user_agent.family if found.user_agent else OTHER)
        self.os = Named(found.os.family if found.os else OTHER)
        self.is_bot = bool(found.device and found.device.family == BOT)
        self.is_tablet = bool(TABLET.search(text)) and "Tablet PC" not in text
        self.is_mobile = not self.is_tablet and bool(PHONE.search(text))
        self.is_pc = not (self.is_tablet or self.is_mobile) and bool(COMPUTER.search(text))
        self.is_touch_capable = bool(TOUCH.search(text))


def parse(text: str) -> UserAgent:
    return UserAgent(text)
