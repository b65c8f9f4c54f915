"""A first visit to the study in Chromium: what it transfers, and when its pages show."""

from dataclasses import dataclass, field

from playwright.sync_api import Page

# When the experiment's first page is on the screen, in milliseconds since the address was
# opened. The browser runs this before any script of the page.
WATCH = """
requestAnimationFrame(function look() {
  if (document.querySelector(".instructionsnav"))
    requestAnimationFrame(() => { window.shown = performance.now(); });
  else requestAnimationFrame(look);
});
"""
PAINTED = """
() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime
"""


@dataclass(frozen=True)
class Line:
    """A connection to the internet."""

    name: str
    round_trip: int  # ms
    down: int  # kbit/s
    up: int  # kbit/s


SLOW_4G = Line("slow 4G (Lighthouse)", 150, 1_600, 750)


@dataclass
class Step:
    """One page: its name, the bytes that came (with headers), the requests, when it showed."""

    name: str
    transferred: dict[str, int] = field(default_factory=dict)
    shown: float = 0  # ms

    @property
    def size(self) -> int:
        return sum(self.transferred.values())


def visit(page: Page, link: str, line: Line | None = None, reading: float = 2) -> list[Step]:
    """Go from the invitation to the experiment's first page, in a browser with an empty cache.

    ``reading``: seconds on the consent page.
    """
    steps: list[Step] = []
    addresses: dict[str, str] = {}
    wire = page.context.new_cdp_session(page)
    wire.send("Network.enable")
    wire.on(
        "Network.requestWillBeSent",
        lambda event: addresses.update({event["requestId"]: event["request"]["url"]}),
    )

    def note(event: dict) -> None:
        address = addresses.get(event["requestId"], "?")
        there = steps[-1].transferred
        there[address] = there.get(address, 0) + int(event["encodedDataLength"])

    wire.on("Network.loadingFinished", note)
    if line:
        throttle(wire, line)
    page.add_init_script(WATCH)

    steps.append(Step("invitation"))
    page.goto(link)
    steps[-1].shown = painted(page)
    steps.append(Step("consent"))
    page.click("#begin")
    page.wait_for_url("**/consent?*")
    steps[-1].shown = painted(page)
    page.wait_for_timeout(reading * 1000)
    steps.append(Step("experiment"))
    page.click("#agree")
    page.wait_for_url("**/exp?*")
    page.wait_for_function("() => window.shown")
    steps[-1].shown = page.evaluate("window.shown")
    page.wait_for_load_state("networkidle")
    return steps


def painted(page: Page) -> float:
    """When the page first showed anything, in ms since its address was opened."""
    page.wait_for_function(PAINTED)
    return page.evaluate(PAINTED)


def throttle(wire, line: Line) -> None:
    """Make every request as slow as on this line. Opening a connection stays free."""
    wire.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": line.round_trip,
            "downloadThroughput": line.down * 1000 / 8,
            "uploadThroughput": line.up * 1000 / 8,
        },
    )
