"""What participants of a real study should not meet: passages to fill in, and no contact."""

import re
from collections.abc import Iterator
from pathlib import Path

from study.checks.finding import Finding
from study.config import Config

MARK = re.compile(r'<mark class="todo" data-todo="([^"]*)"')
EXAMPLE = re.compile(r"youremail@gmail\.com|.*@example\.\w+", re.IGNORECASE)


def find_gaps(folder: Path) -> Iterator[Finding]:
    """Yield the marked passages that only the researcher can fill in."""
    for page in sorted((folder / "templates").rglob("*.html")):
        name = page.relative_to(folder).as_posix()
        for line, text in enumerate(page.read_text("utf-8", "replace").split("\n"), 1):
            for todo in MARK.findall(text):
                what = f"{todo or 'a passage'} is still to be filled in"
                yield Finding(name, line, what, "Replace the whole <mark> by your words.")


def find_missing_contact(config: Config) -> Iterator[Finding]:
    """Yield an address that reaches nobody."""
    key = "Task Parameters", "contact_email_on_error"
    email = config.value(*key)
    if not email or EXAMPLE.fullmatch(email):
        file, _, line = config.source(*key).partition(", line ")
        what = f"participants write to {email or 'nobody'}"
        what += ", an example" if email else ""
        remedy = "Set contact_email_on_error in config.txt to your address."
        yield Finding(file, int(line or 0), what, remedy)
