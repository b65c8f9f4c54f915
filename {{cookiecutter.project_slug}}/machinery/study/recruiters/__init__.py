"""Where participants come from: what all recruiters share, and a module for each of them.

The package imports all of its modules, and defining a subclass of ``Recruiter`` registers it. No
other module knows a recruiter's name. Standard library only, as study/heroku says.
"""

import importlib
import pkgutil
import re
import secrets
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from hmac import compare_digest
from urllib.parse import urlencode

from study import signing
from study.statuses import TEST_MODES

# psiTurk's key of a record is workerId:assignmentId in 128 characters (psiturk/models.py), so an
# id cannot contain a colon. MTurk's ids have 30 characters, Prolific's 24.
ID = re.compile(r"[A-Za-z0-9._@+=~-]{1,120}")
LONGEST_KEY = 128
MODE_IN_LINK = re.compile(r"[a-z][a-z-]{0,19}(\.[a-z2-7]{16})?")  # with its signature
TEST_ID = "debug"  # what ids of test runs begin with, and no others (psiturk/experiment.py)
CODE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # without those that are easily confused


class BadLink(ValueError):
    """A link without usable ids. The text says what is wrong and does not quote them."""


class UnsignedLink(BadLink):
    """A link whose ids and mode are not this study's word."""


@dataclass(frozen=True)
class Ids:
    """psiTurk's ids of one participation.

    Raises BadLink if psiTurk's table cannot hold their key, or if a test run and a participant
    could have the same ones.
    """

    worker: str
    assignment: str
    hit: str
    mode: str

    def __post_init__(self) -> None:
        if len(self.uniqueid) > LONGEST_KEY:
            raise BadLink("workerId and assignmentId are malformed: too long")
        for each in (self.worker, self.assignment):
            if each.startswith(TEST_ID) != (self.mode in TEST_MODES):
                raise BadLink("workerId and assignmentId are malformed: not of this mode")

    @property
    def uniqueid(self) -> str:
        """The key of the participant's record."""
        return f"{self.worker}:{self.assignment}"

    def query(self, key: str) -> str:
        """Return the query in which psiTurk's pages pass the ids on, signed with that key."""
        ids = {"hitId": self.hit, "assignmentId": self.assignment, "workerId": self.worker}
        return urlencode(ids | {"mode": sign_mode(key, *vars(self).values())})


def sign_mode(key: str, worker: str, assignment: str, hit: str, mode: str) -> str:
    """Return the mode as links carry it: with a signature, after a dot, of all four."""
    return f"{mode}.{signing.link_signature(key, worker, assignment, hit, mode)}"


def read_ids(args: Mapping[str, str], key: str, unsigned: Collection[str] = ()) -> Ids:
    """Read the ids from the query of psiTurk's own pages (/pub, /consent, /exp).

    ``unsigned`` are the modes that need no signature. Raises BadLink.
    """
    ids = [require_id(args, name) for name in ("workerId", "assignmentId", "hitId")]
    written = require_id(args, "mode", MODE_IN_LINK)
    mode = written.partition(".")[0]
    if written not in unsigned and not compare_digest(written, sign_mode(key, *ids, mode)):
        raise UnsignedLink("the mode is not signed")
    return Ids(*ids, mode)


def require_id(args: Mapping[str, str], name: str, form: re.Pattern = ID) -> str:
    """Return the id of that name. Raises BadLink if it is missing, too long or malformed."""
    value = args.get(name, "")
    if not form.fullmatch(value):
        raise BadLink(f"{name} is {'malformed' if value else 'missing'}")
    return value


@dataclass(frozen=True)
class Bonus:
    """What one participant gets for one participation."""

    uniqueid: str
    worker: str
    assignment: str
    hit: str
    amount: Decimal
    exported: datetime | None  # UTC: when it was last written to a file


Files = dict[str, list[list[str]]]  # lines of bonuses, by the end of the file's name
MONEY = {"amount": "amount", "currency": "currency"}


class Recruiter:
    """A source of participants. The defaults suit one that takes a completion code.

    Texts for the researcher may contain {label}, {entry}, {app} and {code_var}.
    """

    name = ""  # the value of `recruitment` in config.txt
    label = ""  # its name in sentences
    modes: Mapping[str, str] = {}  # psiTurk's modes of its participants, with their meaning
    makes_hits = False  # psiTurk's shell recruits: it writes the link and pays the bonuses
    frame_origin = ""  # a page of the recruiter's that shows the ad in a frame

    # How participants say who they are, as in "tell us …", when they ask about their data.
    person_id = "your participant number"
    placeholders: Mapping[str, str] = {}  # parameters of its link, with what it replaces
    form = "For {label}. As the study's address:\n  {entry}"
    id_columns: tuple[str, ...] = ()  # of its exports, in lower case
    exclude_note = ""  # why `study exclude` does not recognise its participants

    codes: Mapping[str, str] = {}  # the config var that holds the code for each ending
    code_is_shown = True  # so that participants can type it in
    code_question = (
        "{label}'s completion code for this study. It is in {label}'s form, where completion codes "
        "are set up. (Enter alone: one is made here)"
    )
    code_note = (
        "A completion code was made, and {label}'s form must have the same one. To see it: "
        "heroku config:get {code_var} --app {app}\n"
        "To take {label}'s instead: heroku config:set {code_var}=… --app {app}"
    )
    secret_pattern = ""  # finds a code in a file, apart from the name of its config var
    withdraw = ""  # how participants give their place back, as in "please …"
    withdraw_note = ""
    messages = ""  # how they write without an address of their own, as in "write to us …"
    home = ""  # where

    # Its file's columns: fields of Bonus, the currency and, of anonymous people, the code.
    bonus_columns: Mapping[str, str] = {"worker": "worker"} | MONEY
    bonus_unit = "worker"  # the field of Bonus whose values get one line each
    to_pay = "To pay: each line of the file is a person, by the id that {label} knows."

    def __init_subclass__(cls) -> None:
        cls.modes = vars(cls).get("modes") or {cls.name: f"sent by {cls.label}"}
        RECRUITERS[cls.name] = cls()

    def __str__(self) -> str:
        return self.label

    @property
    def is_anonymous(self) -> bool:
        """Whether its link names nobody, so that each browser keeps ids of its own."""
        return not (self.placeholders or self.makes_hits)

    @property
    def unsigned_modes(self) -> Collection[str]:
        """The modes in links that this study cannot sign, because psiTurk's shell writes them."""
        return self.modes if self.makes_hits else ()

    @property
    def entry(self) -> str:
        """The path for the recruiter's form, unencoded: it looks for exactly this text."""
        query = "&".join(f"{name}={value}" for name, value in self.placeholders.items())
        return f"/start?{query}" if query else "/start"

    def read(self, args: Mapping[str, str]) -> Ids | None:
        """Read the ids from the query of /start. Raises BadLink.

        Returns None if a placeholder was not replaced: somebody only looks at the study.
        """
        if any(args.get(name) == value for name, value in self.placeholders.items()):
            return None
        sent = [require_id(args, name) for name in self.placeholders]
        return Ids(*self.to_psiturk(*sent), next(iter(self.modes)))

    def to_psiturk(self, worker: str, *others: str) -> tuple[str, str, str]:
        """Return (worker, assignment, hit) for the ids in the link."""
        return worker, worker, self.name

    def has_wrong_mode(self, args: Mapping[str, str]) -> bool:
        """Whether the mode in psiTurk's link contradicts where the participant comes from."""
        return False

    def way_back(self, code: str, worker: str) -> str:
        """Return the address that takes a participant back; empty if the code is all they need."""
        return ""

    def describe(self, text: str, **facts: str) -> str:
        return text.format(label=self.label, code_var=self.code_var, **facts)

    @property
    def code_var(self) -> str:
        """The config var of the code that `study up` asks for; empty if there is none."""
        return self.codes.get("completed", "")

    def read_code(self, typed: str) -> str:
        """Return the code in what was typed. Raises ValueError, whose text does not quote it."""
        if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", typed):
            raise ValueError("A completion code has letters, digits and dashes, and nothing else.")
        return typed

    def needed_codes(self) -> dict[str, str]:
        """Return the config var to set if nobody is asked, with a new code (50 bits) each time."""
        code = "".join(secrets.choice(CODE_LETTERS) for _ in range(10))
        return {self.code_var: code} if self.code_var else {}

    def ask_for_code(self, present: Mapping[str, str], ask: Callable[[str], str]) -> dict[str, str]:
        """Ask until a usable code or nothing is typed; returns the config var to set, if any."""
        if not self.code_var or present.get(self.code_var):
            return {}
        prompt = self.describe(self.code_question)
        while True:
            try:
                typed = ask(f"{prompt}\n{self.code_var}: ").strip()
                return {self.code_var: self.read_code(typed)} if typed else {}
            except EOFError:
                return {}
            except ValueError as problem:
                prompt = str(problem)

    def check(self, setting: Callable[[str, str], str], address: str) -> Iterator[tuple[str, str]]:
        """Yield findings: a colour (green, yellow or red) and a sentence.

        ``setting`` returns the value of a section's setting. ``address`` is empty without an app.
        """
        text = f"{self.label}, which gets the address {address}{self.entry}"
        yield "green", text if address else self.label

    def bonus_files(self, bonuses: list[Bonus], currency: str, again: bool, key: str) -> Files:
        """Return what to write. ``again`` adds the date of an earlier export.

        ``key`` is the study's secret key if the recruiter is anonymous.
        """
        columns = self.bonus_columns | ({"written before": "exported"} if again else {})
        lines = [list(columns)]
        for group in group_by(self.bonus_unit, bonuses).values():
            codes = [signing.participant_code(key, each.uniqueid) for each in group if key]
            dates = [f"{each.exported:%Y-%m-%d}" for each in group if each.exported]
            cells = vars(group[-1]) | {"amount": add_up(group), "currency": currency}
            cells |= {"code": " ".join(codes), "exported": max(dates, default="")}
            lines.append([cells[name] for name in columns.values()])
        return {".csv": lines}


def group_by(field: str, bonuses: Iterable[Bonus]) -> dict[str, list[Bonus]]:
    """Group bonuses by one of their fields."""
    groups = defaultdict(list)
    for bonus in bonuses:
        groups[getattr(bonus, field)].append(bonus)
    return groups


def add_up(bonuses: Iterable[Bonus]) -> str:
    """Return the sum in the form that recruiters take, for example 1.50."""
    return f"{sum((bonus.amount for bonus in bonuses), Decimal(0)):.2f}"


RECRUITERS: dict[str, Recruiter] = {}
for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")


def find_recruiter(name: str) -> Recruiter:
    """Return the recruiter of that name, or one without any codes, placeholders or modes."""
    return RECRUITERS.get(name) or Recruiter()


def recruiter_of(mode: str) -> Recruiter:
    """Return the recruiter whose participants have that mode; for test runs, one without codes."""
    return next((each for each in RECRUITERS.values() if mode in each.modes), Recruiter())


def make_test_ids(mode: str = "debug") -> Ids:
    """Return the ids of a new test run."""
    return Ids(*(f"{TEST_ID}{secrets.token_hex(5)}" for _ in range(3)), mode)


def debug_link(key: str) -> str:
    """Return the path by which a researcher takes part as a new participant, without being counted.

    Only who has the study's key can make one.
    """
    return f"/pub?{make_test_ids().query(key)}"


def describe_links(address: str, recruitment: str, app: str, key: str) -> str:
    """Describe the study's links, ready to be copied, as `study deploy` prints them."""
    lines = ["To try it, apart from the data of participants:", f"  {address}{debug_link(key)}"]
    if recruiter := RECRUITERS.get(recruitment):
        entry = f"{address}{recruiter.entry}"
        lines.append(recruiter.describe(recruiter.form, entry=entry, app=app))
    return "\n".join(lines)
