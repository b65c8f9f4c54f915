"""Static files that pages, style sheets and scripts name and that do not exist."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from study.checks.experiment import HERE, Code, Experiment, Page
from study.checks.finding import Finding, suggest
from study.checks.javascript import name_of
from study.checks.markup import LOADS, Tag

FILE = re.compile(r"/?static/[^\s?#{}$<>*]+\.[A-Za-z0-9]{2,5}")
URL = re.compile(r"""url\(\s*["']?([^"')\s]+)["']?\s*\)|@import\s+["']([^"']+)["']""")
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
PRELOADS = ("preload", "preloadImages")
# Keys of a jsPsych trial that hold the file of a stimulus.
STIMULUS_KEYS = ("stimulus", "images", "audio", "video")


def find_missing_files(experiment: Experiment) -> Iterator[Finding]:
    for page in experiment.pages.values():
        for tag in page.tags:
            yield from check_tag(experiment, page, tag)
    for code in experiment.codes:
        yield from check_script(experiment, code)
    links = [t for page in experiment.pages.values() for t in page.tags if t.name == "link"]
    for name in {experiment.find_static(tag.get("href")) for tag in links if tag.get("href")}:
        if name and name.endswith(".css") and experiment.is_own(name):
            yield from check_style(experiment, name)


def check_tag(experiment: Experiment, page: Page, tag: Tag) -> Iterator[Finding]:
    """Check what a tag loads or links to."""
    attribute = LOADS.get(tag.name, ("", "href"))[1]
    address = tag.get(attribute)
    if not address or "{" in address:
        return
    static = experiment.find_static(address)
    colour = "red" if is_needed(experiment, tag) else "yellow"
    words = (address, address.partition("static/")[2])
    if static is not None and static not in experiment.static:
        place = experiment.place_in_page(page, tag.line, *words)
        yield make_finding(experiment, place, static, colour)
    elif static is None and tag.name in LOADS and tag.name != "link":
        yield from check_place(experiment, page, tag, address)


def is_needed(experiment: Experiment, tag: Tag) -> bool:
    """Whether participants miss what a tag loads.

    Older studies often name files that they never had, and run without them.
    """
    if tag.name == "link" and "stylesheet" not in tag.get("rel").lower().split():
        return False
    return not experiment.is_older


def check_place(experiment: Experiment, page: Page, tag: Tag, address: str) -> Iterator[Finding]:
    """Find a file of static/ that a page names without saying so."""
    parts = urlsplit(address)
    name = parts.path.lstrip("/")
    if not parts.scheme and not parts.netloc and name in experiment.static:
        place = experiment.place_in_page(page, tag.line, address)
        what = f"nothing is served at {address}; the file is static/{name}"
        yield Finding(*place, what, f"Write /static/{name}")


def check_script(experiment: Experiment, code: Code) -> Iterator[Finding]:
    """Check the files that a script names as a whole, by their address in /static/."""
    script = code.script
    loaded = set(script.arguments(dict.fromkeys(PRELOADS, 0)))
    for node, around, above in script.nodes:
        if node.type not in ("Literal", "TemplateLiteral") or is_part(above):
            continue
        for value in script.values(node, around):
            static = experiment.find_static(value.text) if FILE.fullmatch(value.text) else None
            if static is not None and static not in experiment.static:
                is_loaded = value in loaded or is_stimulus(above)
                is_loaded &= not experiment.is_older
                place = experiment.place(code, value.line)
                yield make_finding(experiment, place, static, "red" if is_loaded else "yellow")


def is_part(above: tuple) -> bool:
    """Whether a text is only a piece of an address, or is compared with one, or is imported."""
    parent = above[-1]
    if parent.type == "CallExpression":
        return False
    kinds = ("BinaryExpression", "MemberExpression", "ImportDeclaration", "ImportExpression")
    return parent.type in (*kinds, "ExportNamedDeclaration", "ExportAllDeclaration")


def is_stimulus(above: tuple) -> bool:
    """Whether a text is a file that a trial, an image or a sound shows for certain."""
    lists = [node for node in above if node.type != "ArrayExpression"]
    parent = lists[-1]
    if parent.type == "Property":
        return parent.key.type in ("Identifier", "Literal") and name_of(parent.key) in STIMULUS_KEYS
    if parent.type == "AssignmentExpression" and parent.left.type == "MemberExpression":
        return getattr(parent.left.property, "name", "") == "src"
    return parent.type == "NewExpression" and getattr(parent.callee, "name", "") == "Audio"


def check_style(experiment: Experiment, name: str) -> Iterator[Finding]:
    """Check what a style sheet loads. A page is shown without it as well."""
    text = experiment.static[name].read_text(encoding="utf-8", errors="replace")
    text = COMMENT.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    for match in URL.finditer(text):
        static = experiment.find_static(match[1] or match[2], f"{HERE}static/{name}")
        if static is not None and static not in experiment.static:
            place = f"static/{name}", text.count("\n", 0, match.start()) + 1
            yield make_finding(experiment, place, static, "yellow")


def make_finding(
    experiment: Experiment, place: tuple[str, int], static: str, colour: str
) -> Finding:
    own = filter(experiment.is_own, experiment.static)
    remedy = suggest(static, own, "Put it there, or take this out.")
    return Finding(*place, f"there is no file static/{static}", remedy, colour)
