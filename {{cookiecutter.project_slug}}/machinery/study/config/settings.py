"""The settings of the study, each with its section, its type and its rule in one place."""

import json
import re
from configparser import RawConfigParser
from dataclasses import dataclass, field, fields
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from study.messages import StudyError, mask_passwords
from study.recruiters import RECRUITERS, Recruiter
from study.signals import SIGNALS

if TYPE_CHECKING:
    from study.config import Config

STUDY, TASK, SERVER, HIT = "Study", "Task Parameters", "Server Parameters", "HIT Configuration"
SECRET = re.compile(r"(^|_)(key|pw|password|secret|token)(_|$)|^alert_url$")
Words = tuple[str, ...]
Day = date | None


@dataclass(frozen=True)
class Setting:
    """One setting as psiTurk sees it, and where it was set."""

    section: str
    name: str
    value: str
    source: str

    @property
    def shown(self) -> str:
        """The value for people to read: secrets, and passwords in addresses, are masked."""
        is_secret = self.value and SECRET.search(self.name)
        return "***" if is_secret else mask_passwords(self.value)

    def error(self, why: str) -> StudyError:
        cause = f"The setting {self.name} cannot be used: {why}."
        return StudyError(cause, f"Correct it: {self.source}.")


def described(section: str, name: str = "", default: str | None = None, least: int = 0) -> Any:
    """Describe a setting.

    ``name`` is its own unless that is the attribute's, ``default`` its value where config.txt lacks
    it, ``least`` the least that a whole number may be.
    """
    return field(metadata={"setting": (section, name, default, least)})


@dataclass(frozen=True)
class StudySettings:
    """The validated settings of the study."""

    title: str = described(HIT)
    description: str = described(HIT)
    institution: str = described(STUDY)
    recruiter: Recruiter = described(STUDY, "recruitment")
    preview_ids: Words = described(STUDY, default="")
    allow_resume: bool = described(STUDY, default="false")
    minutes: int = described(STUDY, default="0")
    minimum_trials: int = described(STUDY, default="0")
    store_address: bool = described(STUDY, default="false")
    # Until when data are kept, and until when who they are of; None: it is not said.
    retention: Day = described(STUDY, default="")
    retention_identifiers: Day = described(STUDY, default="")
    script_sources: Words = described(STUDY, default="")
    media_sources: Words = described(STUDY, default="")
    signals: Words = described(STUDY, default="")
    currency: str = described(STUDY, default="USD")
    max_record_mb: float = described(STUDY, default="64")
    alert_drop_out: int = described(STUDY, default="40")
    code_version: str = described(TASK, "experiment_code_version")
    num_conds: int = described(TASK, least=1)
    num_counters: int = described(TASK, least=1)
    # One number for each cell (condition and counterbalance); empty: no limit, equal weights.
    condition_targets: tuple[int, ...] = described(STUDY, default="")
    condition_weights: tuple[float, ...] = described(STUDY, default="")
    contact: str = described(TASK, "contact_email_on_error")
    browser_exclude_rule: str = described(TASK)
    allow_repeats: bool = described(TASK)
    cutoff_minutes: int = described(TASK, "cutoff_time")
    host: str = described(SERVER)
    port: int = described(SERVER)
    enable_dashboard: bool = described(SERVER)
    do_scheduler: bool = described(SERVER)
    # Used by psiTurk alone, which a wrong value would stop with a traceback.
    loglevel: int = described(SERVER)
    server_timeout: int = described(SERVER)
    approve_requirement: int = described(HIT)
    number_hits_approved: int = described(HIT)
    require_master_workers: bool = described(HIT)
    us_only: bool = described(HIT)

    @property
    def identifiers_until(self) -> Day:
        """The last day on which anything tells who the participants are."""
        return self.retention_identifiers or self.retention

    @property
    def max_record_bytes(self) -> int:
        return int(self.max_record_mb * 1_000_000)


def validate(config: "Config") -> StudySettings:
    """Return the settings of the study. Raises StudyError for one that breaks its rule."""
    values, conditions = {}, config.folder / "conditions.json"
    for attribute in fields(StudySettings):
        section, name, default, least = attribute.metadata["setting"]
        name = name or attribute.name
        missing = Setting(section, name, default, f"config.txt, section [{section}]")
        setting = config.settings.get((section, name), missing)
        try:
            value = parse(attribute.type, setting.value, least)
            if name == "signals":
                require_known(value, SIGNALS)
            if name in ("condition_targets", "condition_weights"):
                value = spread(value, values["num_conds"], values["num_counters"])
            if name == "retention_identifiers" and value and value > (values["retention"] or value):
                raise ValueError(f"{value} is after retention, when all data are deleted")
        except ValueError as error:
            raise setting.error(str(error)) from error
        values[attribute.name] = value
        if name == "num_counters" and conditions.exists():  # as in psiturk/experiment.py
            values |= {"num_conds": count_conditions(conditions), "num_counters": 1}
    return StudySettings(**values)


def count_conditions(path: Path) -> int:
    """Return the number of conditions in conditions.json. Raises StudyError if there are none."""
    problem: object = "it is empty"
    try:
        if number := len(json.loads(path.read_text(encoding="utf-8")).keys()):
            return number
    except (ValueError, AttributeError) as error:
        problem = error
    cause = f"{path.name} must be a JSON object with a key for each condition: {problem}."
    raise StudyError(cause, "Correct it, or delete it: then num_conds in config.txt counts.")


def parse(kind: Any, text: str | None, least: int = 0) -> Any:
    """Return the value of that type. Raises ValueError if there is none."""
    if text is None:
        raise ValueError("it is missing")
    if kind is bool and text.lower() not in RawConfigParser.BOOLEAN_STATES:
        raise ValueError(f"{text!r} is neither true nor false")
    if kind is int and not (text.strip().isdecimal() and int(text) >= least):
        raise ValueError(f"{text!r} is not a whole number{f' above {least - 1}' * (least > 0)}")
    if kind is float and not 0 < float(text) < float("inf"):
        raise ValueError(f"{text!r} is not a number above 0")
    if kind is Recruiter and text not in RECRUITERS:
        raise ValueError(f"{text!r} is none of {', '.join(RECRUITERS)}")
    if kind == Day:
        return read_day(text)
    if kind == Words:
        return tuple(re.findall(r"[^\s,;]+", text))
    if words := get_args(kind):
        return tuple(parse(words[0], word, 1) for word in text.split(",") if word.strip())
    values = {bool: RawConfigParser.BOOLEAN_STATES, Recruiter: RECRUITERS}
    return values[kind][text.lower()] if kind in values else kind(text)


def read_day(text: str) -> Day:
    """Return the day; None for an empty text. Raises ValueError for anything else."""
    try:
        return date.fromisoformat(text.strip()) if text.strip() else None
    except ValueError:
        raise ValueError(f"{text!r} is not a day such as 2027-12-31") from None


def require_known(words: Words, known: Words) -> None:
    """Raise ValueError if one of the words is unknown."""
    for word in words:
        if word not in known:
            raise ValueError(f"{word!r} is none of {', '.join(known)}")


def spread(numbers: tuple, conditions: int, orders: int) -> tuple:
    """Return one number for each cell, given one for all, for each condition or for each cell."""
    cells = conditions * orders
    if len(numbers) not in (0, 1, conditions, cells):
        raise ValueError(f"it needs one number, or {conditions}, one for each condition")
    return tuple(number for number in numbers for _ in range(cells // len(numbers)))
