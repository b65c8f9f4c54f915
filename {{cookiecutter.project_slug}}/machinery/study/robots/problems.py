"""What goes wrong in a robot's page, with the file and line in the study."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

# A place in a stack trace, as Chromium writes it.
PLACE = re.compile(r"(https?://[^\s()]+?):(\d+)(?::\d+)?\)?$", re.M)
PAGES = {"/pub": "ad.html", "/ad": "ad.html", "/consent": "consent.html", "/exp": "exp.html"}
CLIENT = Path(__file__).parent.parent / "client"


@dataclass
class Problems:
    """The errors of one robot's pages, each once and in their order. ``folder`` is the study's."""

    folder: Path
    found: dict[str, None] = field(default_factory=dict)

    def add(self, text: str, place: str = "") -> None:
        self.found[f"{place}: {text}" if place else text] = None

    def add_exception(self, event: dict) -> None:
        """Add what no script caught (Runtime.exceptionThrown of the DevTools protocol)."""
        details = event["exceptionDetails"]
        thrown = details.get("exception", {})
        text = thrown.get("description") or str(thrown.get("value", details["text"]))
        frames = details.get("stackTrace", {}).get("callFrames", [])
        places = [(f["url"], f["lineNumber"] + 1) for f in frames] or read_places(text)
        places += [(details.get("url", ""), details["lineNumber"] + 1)]
        self.add(text.partition("\n")[0], choose_place(self.folder, places))

    def add_console(self, event: dict) -> None:
        """Add an error that a script wrote to the console (Runtime.consoleAPICalled)."""
        if event["type"] not in ("error", "assert"):
            return
        texts = [str(each.get("description", each.get("value", ""))) for each in event["args"]]
        text = " ".join(texts)
        frames = event.get("stackTrace", {}).get("callFrames", [])
        places = read_places(text) or [(f["url"], f["lineNumber"] + 1) for f in frames]
        self.add(text.partition("\n")[0], choose_place(self.folder, places))

    def add_entry(self, event: dict) -> None:
        """Add an error of the browser itself, such as a file that is missing (Log.entryAdded)."""
        entry = event["entry"]
        url, text = entry.get("url", ""), entry["text"]
        if entry["level"] != "error" or url.endswith("/favicon.ico"):
            return
        if entry["source"] == "network":
            name = urlsplit(url).path.lstrip("/")
            self.add(f"{name}: {text}", find_mention(self.folder, name))
        else:
            self.add(text, locate(self.folder, url, entry.get("lineNumber", -1) + 1))


def read_places(stack: str) -> list[tuple[str, int]]:
    """Return the addresses and lines in a stack trace."""
    return [(url, int(line)) for url, line in PLACE.findall(stack)]


def choose_place(folder: Path, places: list[tuple[str, int]]) -> str:
    """Return the first place in a file of the researcher's, or else the first in any."""
    named = [place for url, line in places if (place := locate(folder, url, line))]
    return next((p for p in named if not p.startswith("machinery")), named[0] if named else "")


def locate(folder: Path, url: str, line: int) -> str:
    """Return the file of an address with its line, as ``static/js/task.js, line 12``."""
    path = urlsplit(url).path
    if path in PAGES:
        return f"templates/{PAGES[path]}"  # rendered, so its lines are others
    file = path.lstrip("/")
    if file.startswith("static/"):
        script = CLIENT / Path(file).name
        if not (folder / file).exists() and script.exists():
            file = f"machinery/study/client/{script.name}"
    elif (folder / "templates" / file).is_file():
        file = f"templates/{file}"
    else:
        return ""
    return f"{file}, line {line}" if line > 0 else file


def find_mention(folder: Path, name: str) -> str:
    """Return the place in the study's scripts and pages that names a file."""
    wanted = name.removeprefix("static/")
    for file in list_sources(folder):
        for number, line in enumerate(file.read_text("utf-8", "replace").splitlines(), 1):
            if wanted and wanted in line:
                return f"{file.relative_to(folder).as_posix()}, line {number}"
    return ""


def list_sources(folder: Path) -> Iterator[Path]:
    for where, pattern in (("static", "*.js"), ("templates", "*.html"), ("static", "*.css")):
        yield from sorted((folder / where).rglob(pattern))
