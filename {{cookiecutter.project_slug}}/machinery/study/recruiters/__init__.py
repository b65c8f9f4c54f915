"""Who sends participants: what each recruiter puts into its link, and where people go at the end.

A recruiter is a description, nothing more. To add one, describe it in RECRUITERS and add
its name to the comment on ``recruitment`` in config.txt.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

# psiTurk's key of a record is workerId:assignmentId in 128 characters (models.py), so no
# colon may stand in an id. MTurk's ids have 30 characters, Prolific's 24.
ID = re.compile(r"[A-Za-z0-9._@+=~-]{1,120}")
LONGEST_KEY = 128
MODE = re.compile(r"[a-z][a-z-]{0,19}")
# A recruiter's placeholder that was not replaced: somebody looks at the study from the
# recruiter's own pages, or opened the address as it stands in the form.
PLACEHOLDER = re.compile(r"\{\{?%?\w+%?\}?\}|%\w+%")
TEST_MODES = ("debug", "preview")  # modes that are no participation


@dataclass(frozen=True)
class Ids:
    """psiTurk's names of one participation."""

    worker: str
    assignment: str
    hit: str
    mode: str

    @property
    def uniqueid(self) -> str:
        """The key of the participant's record (psiTurk's models.py)."""
        return f"{self.worker}:{self.assignment}"

    @property
    def is_test_run(self) -> bool:
        """Whether this is a preview or a debug run, and no participant."""
        return self.mode in TEST_MODES

    @property
    def query(self) -> str:
        """The query by which psiTurk's pages hand the ids on."""
        names = ("hitId", "assignmentId", "workerId", "mode")
        values = (self.hit, self.assignment, self.worker, self.mode)
        return urlencode(dict(zip(names, values, strict=True)))


class BadLink(ValueError):
    """A link without ids that can be used; the text says what is wrong, without the ids."""


def read_ids(args: Mapping[str, str]) -> Ids:
    """The ids in the query of psiTurk's own pages (/pub, /consent, /exp). Raises BadLink."""
    names = ("workerId", "assignmentId", "hitId")
    worker, assignment, hit = (checked(args, name) for name in names)
    mode = args.get("mode", "")
    if not MODE.fullmatch(mode):
        raise BadLink("mode is missing or malformed")
    return fitting(Ids(worker, assignment, hit, mode))


def fitting(ids: Ids) -> Ids:
    """The same ids. Raises BadLink if psiTurk's table cannot hold their key."""
    if len(ids.uniqueid) > LONGEST_KEY:
        raise BadLink("workerId and assignmentId are malformed: too long")
    return ids


def checked(args: Mapping[str, str], name: str) -> str:
    """The id of that name. Raises BadLink if it is missing, too long or has odd characters."""
    value = args.get(name, "")
    if not value:
        raise BadLink(f"{name} is missing")
    if not ID.fullmatch(value):
        raise BadLink(f"{name} is malformed")
    return value


@dataclass(frozen=True)
class Recruiter:
    """One source of participants.

    ``placeholders``: the parameters that it sends to /start, with what to paste for each
    into its form. ``as_ids`` turns their values (worker, assignment, hit).
    ``codes``: for each way to end, the config var that holds the recruiter's code or address.
    ``way_back`` makes the address to which such a code, for a worker id, sends people.
    """

    name: str
    label: str
    modes: tuple[str, ...]  # of psiTurk, for its participants
    placeholders: Mapping[str, str] = field(default_factory=dict)
    as_ids: Callable[[Mapping[str, str]], tuple[str, str, str]] | None = None
    codes: Mapping[str, str] = field(default_factory=dict)
    way_back: Callable[[str, str], str] = lambda code, worker: ""
    code_is_shown: bool = False  # may people type the code in by hand?

    @property
    def entry(self) -> str:
        """What to paste behind the study's address; empty if the recruiter makes its own links."""
        if self.name == "mturk":
            return ""
        # Placeholders stand as they are: a recruiter looks for exactly this text.
        query = "&".join(f"{name}={value}" for name, value in self.placeholders.items())
        return f"/start?{query}" if query else "/start"

    def read(self, args: Mapping[str, str]) -> Ids:
        """Who comes through /start. Raises BadLink, or PreviewLink for the recruiter's staff."""
        if any(PLACEHOLDER.fullmatch(args.get(name, "")) for name in self.placeholders):
            raise PreviewLink
        values = {name: checked(args, name) for name in self.placeholders}
        return fitting(Ids(*self.as_ids(values), self.modes[0]))


class PreviewLink(Exception):
    """The recruiter's placeholders came unfilled: somebody only looks at the study."""


def prolific_address(code: str, worker: str) -> str:
    """Where Prolific takes people back (its help page "How do I get completed submissions")."""
    return f"https://app.prolific.com/submissions/complete?{urlencode({'cc': code})}"


def sona_address(address: str, worker: str) -> str:
    """SONA's completion URL for one person: it grants the credit to that survey code."""
    parts = urlsplit(address)
    query = dict(parse_qsl(parts.query)) | {"survey_code": worker}
    return urlunsplit(parts._replace(query=urlencode(query)))


PROLIFIC = Recruiter(
    name="prolific",
    label="Prolific",
    modes=("prolific",),
    placeholders={
        "PROLIFIC_PID": "{{%PROLIFIC_PID%}}",
        "STUDY_ID": "{{%STUDY_ID%}}",
        "SESSION_ID": "{{%SESSION_ID%}}",
    },
    as_ids=lambda sent: (sent["PROLIFIC_PID"], sent["SESSION_ID"], sent["STUDY_ID"]),
    codes={
        "completed": "COMPLETION_CODE",
        "screened-out": "SCREENED_OUT_CODE",
        "declined": "DECLINED_CODE",
        "left-early": "LEFT_EARLY_CODE",
    },
    way_back=prolific_address,
    code_is_shown=True,
)
SONA = Recruiter(
    name="sona",
    label="SONA",
    modes=("sona",),
    placeholders={"survey_code": "%SURVEY_CODE%"},
    # SONA makes one code for each sign-up, so it stands for the person and for the visit.
    as_ids=lambda sent: (sent["survey_code"], sent["survey_code"], "sona"),
    codes={"completed": "SONA_COMPLETION_URL"},
    way_back=sona_address,
)
LINK = Recruiter(name="link", label="a link", modes=("link",))
MTURK = Recruiter(name="mturk", label="MTurk", modes=("live", "sandbox"))
RECRUITERS = {each.name: each for each in (PROLIFIC, SONA, LINK, MTURK)}
