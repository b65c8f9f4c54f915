"""What every page must be: accessible, readable on a small screen, and worth a look."""

import os
from pathlib import Path

from npm import package
from playwright.sync_api import Page

AXE = "axe-core@4.14.1"
SMALL = {"width": 360, "height": 740}
# Set this variable to a folder to get a picture of every page.
PICTURES = os.environ.get("PICTURES")


def inspect(page: Page, name: str) -> None:
    """Fail if axe finds something serious, or if a screen of 360 px has to be scrolled sideways."""
    problems = serious_problems(page)
    assert not problems, f"{name}: {problems}"
    size = page.viewport_size
    take_picture(page, f"{name}-wide")
    page.set_viewport_size(SMALL)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= SMALL["width"], f"{name} is {width} px wide on a screen of 360 px"
    take_picture(page, f"{name}-small")
    page.set_viewport_size(size)


def serious_problems(page: Page) -> list[str]:
    """axe's serious and critical findings, a line each."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate((package(AXE) / "axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate("() => axe.run()")["violations"]
    return [
        f"{problem['id']} ({problem['help']}): {problem['nodes'][0]['html'][:200]}"
        for problem in found
        if problem["impact"] in ("serious", "critical")
    ]


def take_picture(page: Page, name: str) -> None:
    """Keep a picture, if pictures are wanted."""
    if PICTURES:
        Path(PICTURES).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(PICTURES, f"{name}.png"), full_page=True)
