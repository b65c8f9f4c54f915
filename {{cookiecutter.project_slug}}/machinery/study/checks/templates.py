"""Pages as the server sends them: rendered with values such as a participant's.

A page that custom.py renders is only parsed: its values are custom.py's own.
"""

import re
import traceback
from collections.abc import Iterator
from contextlib import suppress
from functools import cache, cached_property
from pathlib import Path

from jinja2 import (
    Environment,
    FileSystemLoader,
    TemplateAssertionError,
    TemplateError,
    TemplateSyntaxError,
    meta,
    nodes,
)

from study.checks.finding import Finding, suggest
from study.config import StudySettings
from study.libraries import read_libraries
from study.messages import StudyError
from study.recruiters import Ids
from study.server import describe_study
from study.server.files import JINJA, PAGES, ROUTED

ID = "debug0123456789"
# The names that psiTurk or the server gives to a page, with values of a participant's.
VISIT = {"mode": "debug", "hitid": ID, "assignmentid": ID, "workerid": ID}
ENDING = {
    "ending": {"kind": "completed", "address": "", "code": ""},
    "ids": Ids(ID, ID, ID, "debug"),
    "allow_repeats": False,
    "query": "",
}
TASK = {"uniqueId": f"{ID}:{ID}", "condition": 0, "counterbalance": 0, "adServerLoc": "/complete"}
TASK |= {"mode": "debug", "contact_address": "", "codeversion": "1.0", "resumed": "false"}
GIVEN = {
    "ad.html": VISIT | {"has_begun": False, "query": ""},
    "consent.html": VISIT,
    "exp.html": TASK,
    "complete.html": ENDING,
    "ending.html": ENDING,
    "error.html": {"errornum": 500, "work": None},
    "finish.html": {"uniqueid": ID},
    "thanks-mturksubmit.html": VISIT | {"submit_address": "", "submission_token": ""},
}
FLASKS = ("url_for", "get_flashed_messages", "config", "request", "session", "g")
# What custom.py says if it gives pages more names, filters or tests.
EXTENDS_JINJA = re.compile(r"jinja|context_processor|template_(filter|global|test)")
STATIC = re.compile(r"""\{\{\s*static\((["'])([^"'{}]+)\1\)\s*\}\}""")
REFERENCES = (nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport)
REMEDY = "Correct it there."


class Anything:
    """In the place of what only a request has."""

    def __getattr__(self, name: str) -> "Anything":
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *args: object, **options: object) -> "Anything":
        return self

    def __getitem__(self, key: object) -> "Anything":
        return self

    def __iter__(self) -> Iterator:
        return iter(())

    def __str__(self) -> str:
        return ""


def list_library_addresses(folder: Path) -> list[str]:
    """Return the addresses of the files that pyproject.toml's libraries have."""
    with suppress(StudyError):  # which `study check` tells in another line
        found = read_libraries(folder)
        return [f"/static/{path}" for each in found for path in each.static_files]
    return []


class Templates:
    """The pages of a study, in its folder; ``python`` is the text of its own Python files."""

    def __init__(self, folder: Path, settings: StudySettings, python: str) -> None:
        self.folder, self.python = folder / "templates", python
        self._study = describe_study(settings)
        self._recruiter = settings.recruiter
        loader = FileSystemLoader([self.folder, PAGES])
        self._environment = Environment(loader=loader, autoescape=True)
        self._environment.globals |= {name: Anything() for name in FLASKS} | {
            "study": self._study,
            "static": lambda path: f"/static/{path}",
            "modules": lambda path: [f"/static/{path}"],
            "pages": lambda path: [],
            "libraries": lambda: list_library_addresses(folder),
            "debug_link": lambda: "/ad",
        }

    @cached_property
    def names(self) -> set[str]:
        """The pages in templates/, as they are spelled: hosts tell capitals apart."""
        files = filter(Path.is_file, self.folder.rglob("*"))
        return {file.relative_to(self.folder).as_posix() for file in files}

    @cached_property
    def opened(self) -> list[str]:
        """The pages that routes of the server show."""
        shown = [*ROUTED, *(page.name for page in PAGES.glob("*.html"))]
        return [name for name in shown if name in self.names]

    def text(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8-sig", errors="replace")

    def is_rendered(self, name: str) -> bool:
        """Whether the server renders it, rather than sending it as it is."""
        return name in self.opened or bool(JINJA.search(self.text(name).encode()))

    def is_customs(self, name: str) -> bool:
        """Whether custom.py may render it, with values of its own."""
        return name in self.python

    def render(self, name: str) -> str:
        """Return a page as participants get it, or its text if it cannot be rendered here."""
        if self.is_rendered(name) and not self.is_customs(name):
            with suppress(Exception):  # which `find_mistakes` tells
                return self._environment.get_template(name).render(self._given(name))
        return STATIC.sub(r"/static/\2", self.text(name))

    def _given(self, name: str) -> dict:
        """The names that a page has, also as a part of those that routes show."""
        given = {"recruiter": self._recruiter}
        for each in {name, *self.opened}:
            given |= GIVEN.get(each, {}) if name in self.parts(each) else {}
        return given

    @cache  # noqa: B019  (these objects live for one look at a study)
    def parts(self, name: str) -> list[str]:
        """The page, and the pages of templates/ that it extends or includes."""
        found, waiting = [], [name]
        while waiting:
            each = waiting.pop(0)
            if each in self.names and each not in found:
                found.append(each)
                waiting += [other for _, other in self._references(each)]
        return found

    def _parse(self, name: str) -> nodes.Template | None:
        try:
            return self._environment.parse(self.text(name), name)
        except TemplateError:
            return None

    def _references(self, name: str) -> Iterator[tuple[nodes.Node, str]]:
        """The other pages that a page names, where it needs them."""
        tree = self._parse(name) if self.is_rendered(name) else None
        for node in tree.find_all(REFERENCES) if tree else ():
            needs = not getattr(node, "ignore_missing", False)
            if needs and isinstance(node.template, nodes.Const):
                yield node, node.template.value

    def find_mistakes(self, name: str) -> Iterator[Finding]:
        """Yield what Jinja cannot parse, include or render, and names without a value."""
        if not self.is_rendered(name):
            return
        missing = list(self._find_missing_parts(name))
        broken = [] if missing else list(self._find_errors(name))
        yield from (*missing, *broken)
        if not missing and not broken and not EXTENDS_JINJA.search(self.python):
            yield from self._find_typing_errors(name)
            yield from self._find_undefined_names(name)

    def _find_errors(self, name: str) -> Iterator[Finding]:
        """What Jinja says when it reads the page and, unless it is custom.py's, renders it."""
        try:
            page = self._environment.get_template(name)
            if not self.is_customs(name):
                page.render(self._given(name))
        except TemplateSyntaxError as error:
            is_filter = isinstance(error, TemplateAssertionError)  # perhaps one of custom.py's
            if not (is_filter and EXTENDS_JINJA.search(self.python)):
                what = f"the page cannot be read: {str(error.message).rstrip('.')}"
                yield Finding(f"templates/{error.name or name}", error.lineno, what, REMEDY)
        except TemplateError as error:
            what = f"the page cannot be shown: {error.message}"
            yield Finding(*self._place(error, name), what, REMEDY)
        except Exception:  # perhaps of the values given here, not of the page
            pass

    def _find_missing_parts(self, name: str) -> Iterator[Finding]:
        existing = self.names | {page.name for page in PAGES.glob("*.html")}
        for part in self.parts(name):
            for node, other in self._references(part):
                if other not in existing:
                    remedy = suggest(other, existing, f"Make templates/{other}, or correct it.")
                    what = f"there is no page {other}"
                    yield Finding(f"templates/{part}", node.lineno, what, remedy)

    def _find_typing_errors(self, name: str) -> Iterator[Finding]:
        """Parts of ``study`` that it does not have."""
        for part in self.parts(name):
            tree = self._parse(part)
            for node in tree.find_all(nodes.Getattr) if tree else ():
                if getattr(node.node, "name", "") == "study" and node.attr not in self._study:
                    remedy = suggest(node.attr, self._study, "Take it out.")
                    what = f"study.{node.attr} does not exist, so the page shows nothing there"
                    yield Finding(f"templates/{part}", node.lineno, what, remedy)

    def _find_undefined_names(self, name: str) -> Iterator[Finding]:
        """Names that nothing gives a value, unless the page asks whether they have one."""
        tree = self._parse(name)
        if self.is_customs(name):
            return
        known = {*self._environment.globals, *self._given(name)}
        asked = [node.node for node in tree.find_all((nodes.Test, nodes.Filter))]
        known |= {getattr(node, "name", "") for node in asked}
        undefined = meta.find_undeclared_variables(tree) - known
        for node in tree.find_all(nodes.Name):
            if node.name in undefined:
                undefined.discard(node.name)
                remedy = suggest(node.name, known, "Take it out, or correct it.")
                what = f"nothing gives {node.name} a value, so the page shows nothing there"
                yield Finding(f"templates/{name}", node.lineno, what, remedy, "yellow")

    def _place(self, error: TemplateError, name: str) -> tuple[str, int]:
        """The file and line of a page's that failed; Jinja puts them into the traceback."""
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            file = Path(frame.filename)
            if file.is_relative_to(self.folder):
                return f"templates/{file.relative_to(self.folder).as_posix()}", frame.lineno
        return f"templates/{name}", 1
