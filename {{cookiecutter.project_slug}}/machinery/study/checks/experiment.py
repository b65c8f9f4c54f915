"""The pages that participants can reach and the scripts that these run, as browsers get them.

What no page, script or route of custom.py names by a fixed text is left alone: a study often
keeps files that nobody uses.
"""

import posixpath
import re
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

from study.checks.javascript import Script
from study.checks.markup import Markup, Tag
from study.checks.templates import Templates
from study.config import Config
from study.server.files import FOLDERS, JINJA, PAGES
from study.server.policy import make_policy

HERE = "http://study.example/"  # stands for the study's own address, whatever that is
PAGE_NAME = re.compile(r"/?([\w./-]+\.html)")
LIBRARY = re.compile(r"[.-]min\.m?js$")
LARGEST_SCRIPT = 100_000  # bytes; larger ones are libraries too


@dataclass(frozen=True)
class Page:
    """A page as participants get it, and its tags."""

    name: str
    html: str
    tags: tuple[Tag, ...]


@dataclass(frozen=True)
class Code:
    """A script and where it begins: its file, its address, and the line before its first one."""

    script: Script
    file: str
    address: str
    page: Page | None = None  # in which it stands
    before: int = 0


class Experiment:
    """The researcher's experiment in a folder."""

    def __init__(self, config: Config) -> None:
        self.folder, self.config = config.folder, config
        self.python = "\n".join(_read(file) for file in sorted(self.folder.glob("*.py")))
        self.templates = Templates(self.folder, config.study, self.python)
        self.policy = make_policy(config.study)
        self.pages: dict[str, Page] = {}
        self.codes: list[Code] = []
        self._scripts: set[tuple[str, bool]] = set()
        named = set(PAGE_NAME.findall(self.python)) & self.templates.names
        for name in [*self.templates.opened, *sorted(named)]:
            self._add_page(name)

    @cached_property
    def is_older(self) -> bool:
        """Whether it was written for psiturk.js, and brought over."""
        addresses = (tag.get("src") for page in self.pages.values() for tag in page.tags)
        return any(address.endswith("/drop-in.js") for address in addresses)

    @cached_property
    def static(self) -> dict[str, Path]:
        """Every file of /static/ by its name there, as it is spelled: hosts tell capitals apart."""
        found = {}
        for folder, place in FOLDERS:
            for file in filter(Path.is_file, (self.folder / folder).rglob("*")):
                found[f"{place}{file.relative_to(self.folder / folder).as_posix()}"] = file
        return found

    def find_static(self, address: str, base: str = HERE) -> str | None:
        """The name in /static/ that an address leads to; None if it leads elsewhere."""
        whole = urljoin(base, address)
        path = posixpath.normpath(unquote(urlsplit(whole).path))
        return path[8:] if whole.startswith(HERE) and path.startswith("/static/") else None

    @cache  # noqa: B019  (an experiment is looked at once)
    def read_script(self, static: str, is_module: bool) -> Script | None:
        """A script of /static/; None if there is none, or if it is a library."""
        file = self.static.get(static)
        if file is None or LIBRARY.search(static) or file.stat().st_size > LARGEST_SCRIPT:
            return None
        return Script(_read(file), is_module)

    def is_own(self, static: str) -> bool:
        """Whether a file of /static/ is the researcher's."""
        return static in self.static and self.static[static].is_relative_to(self.folder / "static")

    def _add_page(self, name: str) -> None:
        if name in self.pages or name not in self.templates.names:
            return
        html = self.templates.render(name)
        page = self.pages[name] = Page(name, html, tuple(Markup(html).tags))
        for tag in page.tags:
            if tag.runs and tag.get("src"):
                self._add_script(self.find_static(tag.get("src")), tag.is_module)
            elif tag.runs and not JINJA.search(tag.text.encode()):
                script = Script(tag.text, tag.is_module)
                self._add_code(Code(script, f"templates/{name}", HERE, page, tag.line - 1))

    def _add_script(self, static: str | None, is_module: bool) -> None:
        if static is None or not self.is_own(static) or (static, is_module) in self._scripts:
            return
        self._scripts.add((static, is_module))
        if script := self.read_script(static, is_module):
            self._add_code(Code(script, f"static/{static}", f"{HERE}static/{static}"))

    def _add_code(self, code: Code) -> None:
        self.codes.append(code)
        for each in code.script.imports:
            self._add_script(self.find_static(each.module, code.address), is_module=True)
        for value in code.script.texts:
            if found := PAGE_NAME.fullmatch(value.text):
                self._add_page(found[1])

    def place(self, code: Code, line: int) -> tuple[str, int]:
        """The file and the line of a line of a script."""
        if code.page is None:
            return code.file, line
        return self.place_in_page(code.page, code.before + line)

    def place_in_page(self, page: Page, line: int, *words: str) -> tuple[str, int]:
        """The file and the line of what a page names, or of a line of it.

        Rendering moves lines, so it is looked up in the page's own file and in those that it
        extends or includes.
        """
        text = page.html.split("\n")[line - 1].strip()
        parts = self.templates.parts(page.name)
        for word in (*words, text):
            for part in parts if word else ():
                lines = self.templates.text(part).split("\n")
                if found := [n for n, each in enumerate(lines, 1) if word in each]:
                    is_same = part == page.name and line in found
                    return f"templates/{part}", line if is_same else found[0]
        return f"templates/{page.name}", 1

    def has_page(self, name: str) -> bool:
        """Whether a task can show a page of that name."""
        rendered = {tag.get("data-page") for page in self.pages.values() for tag in page.tags}
        return name in self.templates.names or name in rendered or (PAGES / name).exists()


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8-sig", errors="replace")
