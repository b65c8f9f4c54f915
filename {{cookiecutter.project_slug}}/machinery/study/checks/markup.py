"""What a page as its browser gets it loads, runs and handles."""

import re
from dataclasses import dataclass
from html.parser import HTMLParser

# The types of a <script> that a browser runs; others hold data or templates.
SCRIPT_TYPES = ("", "module", "text/javascript", "application/javascript", "text/ecmascript")
HANDLER = re.compile(
    r"on((dbl|aux)?click|change|input|submit|reset|invalid|load|unload|beforeunload|error|abort|message"
    r"|blur|focus(in|out)?|resize|scroll|select|toggle|wheel|contextmenu|copy|cut|paste|play|pause"
    r"|ended|canplay|timeupdate|page(hide|show)|hashchange|popstate|storage|online|offline"
    r"|(key|mouse|pointer|touch|drag|animation|transition)[a-z]*|drop)"
)
# A link that does nothing by itself, and goes on doing nothing.
NOTHING = re.compile(r"javascript:\s*(void\s*\(?\s*0\s*\)?|//|)\s*;*\s*", re.IGNORECASE)
# What each tag loads, by which directive of the Content-Security-Policy, and from which attribute.
LOADS = {
    "script": ("script-src", "src"),
    "link": ("style-src", "href"),
    "img": ("img-src", "src"),
    "audio": ("media-src", "src"),
    "video": ("media-src", "src"),
    "source": ("media-src", "src"),
    "iframe": ("frame-src", "src"),
    "embed": ("object-src", "src"),
    "object": ("object-src", "data"),
}


@dataclass(frozen=True)
class Tag:
    """A tag, with the line of its page on which it begins; ``text`` is that of a script."""

    name: str
    attributes: dict[str, str]
    line: int
    text: str = ""

    def get(self, attribute: str) -> str:
        return self.attributes.get(attribute, "").strip()

    @property
    def runs(self) -> bool:
        """Whether it is a script that browsers run, no data."""
        kind = self.get("type").partition(";")[0].lower()
        return self.name == "script" and kind in SCRIPT_TYPES

    @property
    def is_module(self) -> bool:
        return self.get("type").lower() == "module"

    @property
    def handlers(self) -> list[str]:
        """Attributes that hold JavaScript."""
        found = [name for name in self.attributes if HANDLER.fullmatch(name)]
        links = [name for name in ("href", "src", "action") if is_script_address(self.get(name))]
        return found + links


class Markup(HTMLParser):
    """The tags of a page. What stands in comments is none."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[Tag] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in reversed(attrs)}  # the first one counts
        self.tags.append(Tag(tag, values, self.getpos()[0]))

    def handle_data(self, data: str) -> None:
        last = self.tags[-1] if self.tags else None
        if last and last.name == "script" and self.cdata_elem == "script":
            self.tags[-1] = Tag(last.name, last.attributes, self.getpos()[0], last.text + data)


def is_script_address(address: str) -> bool:
    return address.lower().startswith("javascript:") and not NOTHING.fullmatch(address)
