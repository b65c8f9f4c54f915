"""What is kept of the message of an error in a participant's browser: words that nobody typed.

A message may quote an answer or an id. Of what the study's scripts say, only what stands in them is
kept; of what browsers say, only words of theirs and those that stand in a script.
"""

import re
from collections.abc import Iterable

from study.messages import printable

LONGEST = 200  # characters
GAP = "…"
SEVERAL_GAPS = re.compile(rf"{GAP}(\W{{0,2}}{GAP})+")
FROM_ELSEWHERE = "Script error."  # is all that browsers say of a script of another host
# Of what was thrown and is no Error.
TYPES = ("string", "number", "bigint", "boolean", "object", "function", "symbol", "undefined")
# Names of errors that browsers raise, with messages of their own.
BROWSERS_OWN = re.compile(
    r"(Type|Reference|Syntax|Range|URI|Internal|NotAllowed|NotFound|NotSupported|InvalidState"
    r"|InvalidCharacter|HierarchyRequest|Network|Abort|Timeout|Security|Encoding|Data(Clone)?"
    r"|QuotaExceeded)Error"
)
WORD = re.compile(r"[\w$]+")
BROWSERS_WORDS = frozenset(
    WORD.findall("""
    a abort aborted access accessed after allowed already ambiguous an and apply argument arguments
    array as assignment at attempt attribute attributes await bare be because been before being big
    bigint blocked body bound break by call called can cannot chain chaining character characters
    child class column comment complete const construct constructor continue conversion convert
    count create cross data date declaration declared default defined delete denied derived
    destructure document does duplicate during dynamic dynamically either element end eof error
    evaluating exceeded execute executed expected export expression failed failure fetch fetched
    field file find for format found frame from function get got has identifier illegal implicit
    import imported in index indirect initialization initialized input insecure insert instance
    instanceof integer interact interrupted into invalid is it iterable iterated iterator json label
    left length line literal load loading look looking many match maximum media method mime missing
    mix mode module more must name named names neither network new newline no node non not null
    nullish number object octal of on only operation operator optional or origin out parameter
    parameters parse pause permission play policy position precision private properties property
    provide provided quota radix range re read reading redeclaration redefine reference references
    regular relative removed removes request requested resolve response rest return returning script
    set size source specified specifier stack start statement strict string super support supported
    supports symbol syntax t target template terminated than that the there this time to token too
    type types undefined unexpected unexpectedly unsupported unterminated up user valid value values
    variable was while with yield zone
    """)
)
# The address of a file, up to its path in the study.
ADDRESS = re.compile(r"https?://[^/\s]+/(?:(static/)[0-9a-f]{12}/)?")
# Several words that a browser quotes.
PHRASE = re.compile(r"""(?<!\w)(["'`“‘«])[^"'`”’»]*\s[^"'`”’»]*(["'`”’»])""")
# A literal with which a script makes an error; between its fixed parts stands ${…}.
RAISED = re.compile(r"""(?:Error|super)\(\s*(["'`])((?:\\.|(?!\1).)+)\1""", re.DOTALL)
PUT_IN = re.compile(r"\$\{(?:[^{}]|\{[^{}]*\})*\}")
# What a browser says before a number that is none of a participant's.
PLACE = re.compile(r"\b(line|column|position) $")
FILE_NAME = re.compile(r"[\w./-]+\.[a-z][a-z0-9]{1,4}\b")


class Wording:
    """Knows the texts of the scripts and pages that participants get."""

    def __init__(self, texts: Iterable[str]):
        texts = list(texts)
        self._words = {word for text in texts for word in WORD.findall(text)}
        self._files = {name for text in texts for name in FILE_NAME.findall(text)}
        raised = [found[2] for text in texts for found in RAISED.finditer(text)]
        parted = [PUT_IN.split(re.sub(r"\\(.)", _unescape, each)) for each in raised]
        self._raised = [parts for parts in parted if any(map(str.strip, parts))]

    def clean(self, message: str) -> str:
        """Return an error's ``Name: text`` with gaps for what may be a participant's."""
        if message == FROM_ELSEWHERE:
            return message
        if message in TYPES:
            return f"Something was thrown that is no Error, but a {message}"
        message = ADDRESS.sub(r"\1", message.removeprefix("Uncaught "))
        name, _, text = message.partition(": ")
        is_browsers = BROWSERS_OWN.fullmatch(name)
        if not is_browsers and name not in self._words:
            return GAP
        kept = self._quote(text)
        if not kept and is_browsers:
            kept = WORD.sub(self._keep_word, PHRASE.sub(rf"\1{GAP}\2", text))
        kept = SEVERAL_GAPS.sub(GAP, " ".join(kept.split()))
        return printable(f"{name}: {kept or GAP}"[:LONGEST])

    def _quote(self, text: str) -> str:
        """Return a text as a script has it, with gaps for what it put in; empty if none has it."""
        likely = (parts for parts in self._raised if text.startswith(parts[0]))
        return max((self._fill(text, parts) for parts in likely), key=len, default="")

    def _fill(self, text: str, parts: list[str]) -> str:
        """Return the text with gaps between its parts, or nothing if it has not all of them.

        A regular expression could take hours for a text that somebody made for that.
        """
        kept, rest = parts[0], text[len(parts[0]) :]
        for part in parts[1:]:
            gap, found, rest = rest.partition(part) if part else ("", True, rest)
            if not found:
                return ""
            kept += self._keep_files(gap) + part
        return kept + self._keep_files(rest)

    def _keep_files(self, gap: str) -> str:
        names = [name for name in FILE_NAME.findall(gap) if name in self._files]
        return ", ".join(names[:3]) or GAP * bool(gap)

    def _keep_word(self, found: re.Match) -> str:
        word = found[0]
        if word.isdecimal():
            return word if PLACE.search(found.string, 0, found.start()) else GAP
        return word if word in self._words or word.lower() in BROWSERS_WORDS else GAP


def _unescape(found: re.Match) -> str:
    return {"n": "\n", "t": "\t"}.get(found[1], found[1])
