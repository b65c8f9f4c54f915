"""Pages and scripts of an old study: what our server and client need of them."""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

# psiTurk's own script, however a page names it; in its place stands our client for plain scripts.
PSITURK_JS = re.compile(
    r"""<script\b[^>]*?\bsrc\s*=\s*(?:"[^">]*|'[^'>]*|[^"'\s>]*)\bpsiturk(?:\.min)?\.js\b[^>]*>\s*</script\s*>""",
    re.IGNORECASE,
)
DROP_IN = """\
<script src="{{ static('js/drop-in.js') }}" data-unique-id="{{ uniqueId }}" \
data-ad-server-loc="{{ adServerLoc }}" data-mode="{{ mode }}" \
data-test-run="{{ 'true' if mode in study.test_modes else 'false' }}" \
data-resumed="{{ resumed }}"></script>"""
# What loads something from an address, in a tag or in a style sheet.
LOADING_TAG = re.compile(
    r"""<(script|link|img|audio|video|source|track|iframe|frame|embed|object|input|form)\b[^>]*?"""
    r"""\b(?:src|href|data|action|poster)\s*=\s*["']?((?:https?:)?//[^"'\s>]+)""",
    re.IGNORECASE,
)
LOADING_STYLE = re.compile(
    r"""(@import\s*(?:url\(\s*)?|url\(\s*)["']?((?:https?:)?//[^"'\s)]+)""", re.IGNORECASE
)
INLINE_SCRIPT = re.compile(
    r"""<script\b(?![^>]*\bsrc\s*=)(?![^>]*\btype\s*=\s*["']?(?!text/javascript|module|application/javascript))"""
    r"""[^>]*>\s*\S|<[a-z][^>]*\son[a-z]+\s*=\s*["']|\bhref\s*=\s*["']?\s*javascript:""",
    re.IGNORECASE,
)
INLINE_BODY = re.compile(r"(?is)<script\b(?![^>]*\bsrc\s*=)[^>]*>(.*?)</script")
HANDLER = re.compile(r"""<[a-z][^<>]*\son[a-z]+\s*=""", re.IGNORECASE)  # written by a script
EVAL = re.compile(
    r"""\beval\s*\(|\bnew\s+Function\s*\(|["']eval["']\s*\]|\bset(?:Timeout|Interval)\s*\(\s*["']"""
)
# Addresses in the lab's own scripts from which something may be fetched or shown.
IN_SCRIPT = re.compile(
    r"""["'`]((?:https?:)?//[\w.-]+\.[a-z]{2,}(?::\d+)?(?:/[^"'`\s<>]*)?)["'`]"""
)
LIBRARY = re.compile(
    r"jquery|underscore|backbone|bootstrap|\bd3\b|d3\.|lodash|jspsych|\.min\.js|-min\.js"
)
# Named in scripts, but nothing is loaded from them: name spaces, licences, pages to go to.
NEVER_LOADED = re.compile(
    r"(^|\.)(w3\.org|mturk\.com|prolific\.(co|com|ac)|sona-systems\.com|github\.com|opensource\.org"
    r"|creativecommons\.org|wikipedia\.org|psiturk\.org|qualtrics\.com|mozilla\.org|adobe\.com)$"
)
WORKER = re.compile(r"workerId=\{\{\s*workerid\s*\}\}(?P<mode>(&amp;|&)mode=)?")
THE_WORKER = (
    "workerId={{ workerid }}"  # what psiTurk looks for (insert_mode in psiturk/experiment.py)
)


@dataclass
class Needs:
    """What all pages and scripts together need of the Content-Security-Policy, with the reason."""

    scripts: dict[str, str] = field(default_factory=dict)  # for script_sources
    media: dict[str, str] = field(default_factory=dict)  # for media_sources

    def add_address(self, address: str, where: str, is_script: bool) -> None:
        host = re.match(r"(?:https?:)?//([\w.-]+(?::\d+)?)", address)
        if not host:
            return
        source = f"https://{host[1].lower()}"
        (self.scripts if is_script else self.media).setdefault(source, where)
        if source == "https://fonts.googleapis.com":  # its style sheets name fonts there
            self.scripts.setdefault("https://fonts.gstatic.com", where)

    def read(self, text: str, name: str) -> None:
        """Look through a page, a style sheet or a script."""
        for tag, address in LOADING_TAG.findall(text):
            self.add_address(address, name, tag.lower() in ("script", "link"))
        for start, address in LOADING_STYLE.findall(text):
            self.add_address(
                address, name, start.lower().startswith("@import") or "font" in address
            )
        is_page = name.endswith((".html", ".htm"))
        if (INLINE_SCRIPT if is_page else HANDLER).search(text):
            self.scripts.setdefault("'unsafe-inline'", name)
        if EVAL.search(text) and (is_page or name.endswith(".js")):
            self.scripts.setdefault("'unsafe-eval'", name)
        scripts = "\n".join(INLINE_BODY.findall(text)) if is_page else text
        if (is_page or name.endswith(".js")) and not LIBRARY.search(name.lower()):
            for address in IN_SCRIPT.findall(scripts):
                host = address.partition("//")[2].partition("/")[0].partition(":")[0]
                if not NEVER_LOADED.search(host.lower()):
                    self.add_address(address, name, bool(re.search(r"\.(m?js|css)(\?|$)", address)))


def use_https(text: str) -> tuple[str, list[str]]:
    """Load by https what is loaded by http, which a page on https may not; list the hosts."""
    hosts: list[str] = []

    def change(match: re.Match) -> str:
        whole, address = match[0], match[2]
        rest = re.sub("^(http:)?//", "", address, flags=re.IGNORECASE)
        host = rest.partition("/")[0].lower()
        if rest == address or host.startswith(("localhost", "127.")):
            return whole
        hosts.append(host)
        return whole.replace(address, f"https://{rest}")

    text = LOADING_STYLE.sub(change, LOADING_TAG.sub(change, text))
    return text, [f"{host} by https" for host in dict.fromkeys(hosts)]


def convert(text: str, name: str, shown: set[str]) -> tuple[str, list[str]]:
    """Return a page, script or style sheet as this study needs it, and what was changed.

    ``shown`` are pages of the experiment that have names of this study's own pages.
    """
    changes: list[str] = []
    if name.endswith((".html", ".htm")):
        text, changes = convert_page(text, name)
    elif name.endswith(".css"):
        text, changes = use_https(text)
    for page in sorted(shown):
        text, number = re.subn(rf"(?<=[\"'`/]){re.escape(page)}(?=[\"'`])", f"lab-{page}", text)
        if number:
            changes.append(f"{page} is lab-{page}, since this study has a {page} of its own")
    return text, changes


def convert_page(text: str, name: str) -> tuple[str, list[str]]:
    """Return a page with our client, https and the mode, and what was changed."""
    text, changes = use_https(text)
    text, number = PSITURK_JS.subn(lambda _: DROP_IN, text, count=1)
    if number:
        text = PSITURK_JS.sub("", text)
        changes.append("drop-in.js in the place of psiturk.js, so that what is recorded is kept")
    if name in ("templates/ad.html", "templates/consent.html"):
        text, more = pass_the_mode_on(text)
        changes += more
    return text, changes


def pass_the_mode_on(text: str) -> tuple[str, list[str]]:
    """Let every link of the ad or consent page carry the mode, which psiTurk adds to the last."""
    matches = list(WORKER.finditer(text))
    if not matches:
        return f"{text}\n{{# psiTurk looks for this: {THE_WORKER} #}}\n", [
            "a note with the place that psiTurk looks for"
        ]
    last = matches[-1]

    def write(match: re.Match) -> str:
        if match["mode"] or match.start() == last.start():
            return THE_WORKER + (match["mode"] or "")
        return f"{THE_WORKER}&mode={{{{ mode }}}}"

    changed = WORKER.sub(write, text)
    return changed, ["each link carries the mode"] if changed != text else []


def find_pages(text: str) -> Iterator[str]:
    """Yield the names of the pages that a script or a page names."""
    yield from re.findall(r"""["'`]/?([\w./-]+\.html?)["'`]""", text)


def find_loaded(texts: dict[str, str]) -> set[str]:
    """Return the pages, and the files of static/ that they name or that those name in turn."""
    loaded = {name for name in texts if name.startswith("templates/")}
    waiting = [texts[name] for name in loaded]
    while waiting:
        text = waiting.pop()
        new = {n for n in texts.keys() - loaded if posixpath.basename(n) in text}
        loaded |= new
        waiting += [texts[name] for name in new]
    return loaded


def find_static_files(text: str) -> Iterator[tuple[int, str]]:
    """Yield the scripts and style sheets of this server that a page names, with their lines."""
    for number, line in enumerate(text.splitlines(), 1):
        for path in re.findall(r"""["'(]/?(static/[\w./-]+\.(?:js|css))["')?]""", line):
            if not path.endswith("/psiturk.js"):
                yield number, posixpath.normpath(path)


def find_lines(text: str, pattern: str) -> list[int]:
    """Return the numbers of the lines on which a pattern is found."""
    return [n for n, line in enumerate(text.splitlines(), 1) if re.search(pattern, line)]
