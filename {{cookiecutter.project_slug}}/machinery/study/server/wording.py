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
# What browsers say of a script from elsewhere, and the types of what a script may throw instead.
NO_ERRORS = ("Script error.", "string", "object", "number", "undefined", "boolean")
# Names of errors that browsers raise, with messages of their own.
BROWSERS_OWN = re.compile(
    r"(Type|Reference|Syntax|Range|URI|Internal|NotAllowed|NotFound|NotSupported|InvalidState"
    r"|InvalidCharacter|HierarchyRequest|Network|Abort|Timeout|Security|Encoding|Data(Clone)?"
    r"|QuotaExceeded)Error"
)
WORD = re.compile(r"[\w$]+")
BROWSERS_WORDS = frozenset(
    WORD.findall("""
    a abort aborted access accessed after allowed already an and apply argument arguments array as
    assignment at attempt await be been before being bound by call called can cannot class column
    complete const construct constructor convert create data declaration declared defined delete
    denied destructure document does dynamically element end error evaluating executed execute
    exceeded expected expression export failed failure fetch fetched find for found from function
    get got has identifier import imported in index initialization initialized input insecure
    instance instanceof interact into invalid is it iterable iterator json left length line load
    loading many match maximum method missing module more must name named network no non not null
    number object of on only operation operator or out parameter parse permission play position
    properties property provide provided quota range read reading redeclaration redefine reference
    regular request requested resolve response rest return script set size specified specifier
    stack statement string supported symbol syntax t target template terminated than that the
    this to token too type undefined unexpected unterminated unexpectedly user valid value values
    variable was with
    """)
)
# Several words that a browser quotes.
PHRASE = re.compile(r"""(?<!\w)(["'`“‘«])[^"'`”’»]*\s[^"'`”’»]*(["'`”’»])""")
# A literal with which a script makes an error; between its fixed parts stands ${…}.
RAISED = re.compile(r"""(?:Error|super)\(\s*(["'`])((?:\\.|(?!\1).)+)\1""", re.DOTALL)
PUT_IN = re.compile(r"\$\{(?:[^{}]|\{[^{}]*\})*\}")
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
        name, _, text = message.removeprefix("Uncaught ").partition(": ")
        is_browsers = BROWSERS_OWN.fullmatch(name)
        if not is_browsers and name not in self._words:
            return message if message in NO_ERRORS else GAP
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
        pattern = "(.*?)".join(map(re.escape, parts)) + "(.*)"
        if not (found := re.fullmatch(pattern, text, re.DOTALL)):
            return ""
        gaps = map(self._keep_files, found.groups())
        return "".join(part + gap for part, gap in zip(parts, gaps, strict=True))

    def _keep_files(self, gap: str) -> str:
        names = [name for name in FILE_NAME.findall(gap) if name in self._files]
        return ", ".join(names[:3]) or GAP * bool(gap)

    def _keep_word(self, found: re.Match) -> str:
        word = found[0]
        is_short_number = word.isdecimal() and len(word) < 4
        is_known = word in self._words or word.lower() in BROWSERS_WORDS
        return word if is_short_number or is_known else GAP


def _unescape(found: re.Match) -> str:
    return {"n": "\n", "t": "\t"}.get(found[1], found[1])
