"""The settings that the server follows, read once from config.txt and the environment."""

import configparser
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from psiturk.psiturk_config import PsiturkConfig

from study.config.settings import cannot_use
from study.errors import StudyError
from study.recruiters import RECRUITERS, Recruiter


@dataclass(frozen=True)
class Options:
    """What the study is and which rules it keeps."""

    title: str
    description: str
    institution: str
    contact: str
    recruiter: Recruiter
    preview_ids: frozenset[str]
    code_version: str
    num_conds: int
    num_counters: int
    cutoff_minutes: int
    condition_targets: tuple[int, ...]  # one for each cell; empty: no limit
    condition_weights: tuple[float, ...]  # one for each cell; empty: all alike
    allow_repeats: bool
    allow_resume: bool
    store_address: bool
    browser_exclude_rule: str
    max_record_bytes: int
    currency: str


def read_options(config: PsiturkConfig) -> Options:
    """The options of the study in the current folder.

    Raises StudyError, naming the setting, if one cannot be understood.
    """
    task, own = "Task Parameters", "Study"
    number, flag = config.getint, config.getboolean
    conditions, orders = _cells(config)
    return Options(
        title=config.get("HIT Configuration", "title"),
        description=config.get("HIT Configuration", "description"),
        institution=_read(config.get, own, "institution"),
        contact=config.get(task, "contact_email_on_error"),
        recruiter=_recruiter(_read(config.get, own, "recruitment")),
        preview_ids=frozenset(_words(config.get(own, "preview_ids", fallback=""))),
        code_version=config.get(task, "experiment_code_version"),
        num_conds=conditions,
        num_counters=orders,
        cutoff_minutes=_read(number, task, "cutoff_time"),
        condition_targets=_per_cell(config, "condition_targets", int, conditions, orders),
        condition_weights=_per_cell(config, "condition_weights", float, conditions, orders),
        allow_repeats=_read(flag, task, "allow_repeats"),
        allow_resume=_read(flag, own, "allow_resume", False),
        store_address=_read(flag, own, "store_address", False),
        browser_exclude_rule=config.get(task, "browser_exclude_rule"),
        max_record_bytes=int(_read(config.getfloat, own, "max_record_mb", 8.0) * 1_000_000),
        currency=config.get(own, "currency", fallback="USD"),
    )


def _read(get: Callable, section: str, name: str, default: object = None):
    try:
        return get(section, name) if default is None else get(section, name, fallback=default)
    except ValueError as error:
        raise cannot_use(section, name, str(error)) from error
    except configparser.Error as error:
        raise StudyError(
            f"config.txt lacks the setting {name} in its part [{section}].",
            f"Write it there, in a line of its own: {name} = …",
        ) from error


def _recruiter(name: str) -> Recruiter:
    if name not in RECRUITERS:
        raise cannot_use("Study", "recruitment", f"{name!r} is none of {', '.join(RECRUITERS)}")
    return RECRUITERS[name]


def _cells(config: PsiturkConfig) -> tuple[int, int]:
    """How many conditions and counterbalance orders (psiTurk's experiment.py)."""
    in_file = Path("conditions.json")  # overrules the settings, if there is one
    if in_file.exists():
        return len(json.loads(in_file.read_text(encoding="utf-8"))), 1
    conditions, orders = (
        _read(config.getint, "Task Parameters", name) for name in ("num_conds", "num_counters")
    )
    for name, number in (("num_conds", conditions), ("num_counters", orders)):
        if number < 1:
            raise cannot_use("Task Parameters", name, "there must be at least 1")
    return conditions, orders


def _per_cell(config: PsiturkConfig, name: str, kind: type, conditions: int, orders: int) -> tuple:
    """One number for each cell, from one for all, for each condition or for each cell."""
    words = _words(config.get("Study", name, fallback=""))
    try:
        numbers = tuple(kind(word) for word in words)
    except ValueError as error:
        raise cannot_use("Study", name, str(error)) from error
    if not all(0 < number < float("inf") for number in numbers):
        raise cannot_use("Study", name, "every number must be above 0")
    if len(numbers) in (0, conditions * orders):
        return numbers
    if len(numbers) == 1:
        return numbers * (conditions * orders)
    if len(numbers) == conditions:
        return tuple(number for number in numbers for _ in range(orders))
    raise cannot_use("Study", name, f"it needs one number, or {conditions}, one for each condition")


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
