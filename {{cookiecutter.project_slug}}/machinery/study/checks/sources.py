"""What the Content-Security-Policy refuses: other servers, inline scripts and handlers."""

from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

from study.checks.experiment import HERE, Code, Experiment, Page
from study.checks.finding import Finding
from study.checks.markup import LOADS, Tag

INLINE = "'unsafe-inline'"
IN_A_FILE = "Move it into a file of static/js/ and name that in <script src>"
MEDIA = ("img-src", "media-src", "frame-src", "object-src")


def find_refused_sources(experiment: Experiment) -> Iterator[Finding]:
    """Yield what browsers will not load or run on the reached pages."""
    # With a hash or a nonce, it depends on the script.
    inline = (INLINE, "'sha", "'nonce")
    is_strict = not any(each.startswith(inline) for each in experiment.policy["script-src"])
    for page in experiment.pages.values():
        for tag in page.tags:
            yield from check_address(experiment, page, tag)
            if is_strict:
                yield from check_inline(experiment, page, tag)
    for code in experiment.codes:
        yield from check_imports(experiment, code)


def check_address(experiment: Experiment, page: Page, tag: Tag) -> Iterator[Finding]:
    """Check that a tag may load from another server what it names there."""
    directive, attribute = LOADS.get(tag.name, ("", ""))
    address = tag.get(attribute)
    is_loaded = tag.name != "link" or "stylesheet" in tag.get("rel").lower().split()
    if not directive or not is_loaded or "{" in address or (tag.name == "script" and not tag.runs):
        return
    if not allows(experiment.policy[directive], address):
        place = experiment.place_in_page(page, tag.line, address)
        colour = "red" if tag.name == "script" else "yellow"
        yield refuse(place, address, "media" if directive in MEDIA else "script", colour)


def check_imports(experiment: Experiment, code: Code) -> Iterator[Finding]:
    """Check that a script may import modules of other servers."""
    for each in code.script.imports:
        is_away = "//" in each.module
        if is_away and not allows(experiment.policy["script-src"], each.module):
            yield refuse(experiment.place(code, each.line), each.module, "script", "red")


def refuse(place: tuple[str, int], address: str, kind: str, colour: str) -> Finding:
    server = "{0.scheme}://{0.netloc}".format(urlsplit(urljoin(HERE, address)))
    what = f"browsers will refuse to load {address}"
    remedy = f"Keep the file in static/, or write {server} into {kind}_sources in config.txt."
    return Finding(*place, what, remedy, colour)


def check_inline(experiment: Experiment, page: Page, tag: Tag) -> Iterator[Finding]:
    """Check that nothing of a page is JavaScript by itself."""
    if tag.runs and not tag.get("src") and tag.text.strip():
        first = tag.text.strip().split("\n")[0]
        place = experiment.place_in_page(page, tag.line, first)
        what = "browsers will refuse to run this script, since it stands in the page"
        yield Finding(*place, what, f"{IN_A_FILE}, or write {INLINE} into script_sources.")
    for handler in tag.handlers:
        code = tag.get(handler).split("\n")[0]
        place = experiment.place_in_page(page, tag.line, f'{handler}="{code}', code)
        what = f"browsers will refuse to run the JavaScript in {handler}"
        event = handler[2:] if handler.startswith("on") else "click"
        remedy = f'Give the element an id and call addEventListener("{event}", …) in a script'
        yield Finding(*place, what, f"{remedy}, or write {INLINE} into script_sources.")


def allows(sources: list[str], address: str) -> bool:
    """Whether a directive's sources allow an address (w3.org/TR/CSP3, "match url to source")."""
    url = urlsplit(urljoin(HERE, address))
    own = url.netloc == urlsplit(HERE).netloc or url.scheme in ("about", "javascript")
    return own or any(matches(source, url) for source in sources)


def matches(source: str, url) -> bool:
    """Whether one source does. A page may come by http here and by https on the host."""
    if source.endswith(":"):
        return source[:-1].lower() == url.scheme
    if source == "*":
        return url.scheme in ("http", "https")
    if source.startswith("'"):
        return False
    scheme, _, rest = source.rpartition("://")
    asked = urlsplit(f"//{rest}")
    host, wanted = asked.hostname or "", url.hostname or ""
    is_host = wanted.endswith(host[1:]) if host.startswith("*.") else wanted == host
    ends = asked.path.endswith("/") or not asked.path
    is_path = url.path.startswith(asked.path) if ends else url.path == asked.path
    is_scheme = scheme in ("", url.scheme) or (scheme, url.scheme) == ("http", "https")
    default = {"http": 80, "https": 443}.get(url.scheme)
    is_port = rest.partition("/")[0].endswith(":*") or (asked_port(asked) or default) == (
        url.port or default
    )
    return is_host and is_path and is_scheme and is_port


def asked_port(source) -> int | None:
    try:
        return source.port
    except ValueError:
        return None
