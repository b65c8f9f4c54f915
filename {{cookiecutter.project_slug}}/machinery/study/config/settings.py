"""The study's settings, read by psiTurk's own parser.

psiTurk loads its configuration in pluralize places, each from the files and the
environment anew (psiturk_config.py), so a setting can only be corrected in the
environment, before psiTurk is imported. ``prepare_environment`` does that.
"""

import configparser
import os
import re
from collections.abc import Mapping
from pathlib import Path

from dotenv import find_dotenv, load_dotenv
from psiturk.psiturk_config import PsiturkConfig
from psiturk.psiturk_exceptions import EphemeralContainerDBError

from study.errors import StudyError

# Names that psiTurk also reads without its prefix (psiturk_config.py, load_config).
UNPREFIXED = ("PORT", "DATABASE_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
# Settings that psiTurk reads as a whole number, or as yes or no.
NUMBERS = {
    "approve_requirement", "cutoff_time", "loglevel", "num_conds", "num_counters",
    "number_hits_approved", "port", "server_timeout",
}  # fmt: skip
SWITCHES = {
    "allow_repeats", "do_scheduler", "enable_dashboard", "require_master_workers", "us_only",
}  # fmt: skip
# Spellings of a PostgreSQL address that psiTurk or SQLAlchemy would not understand.
POSTGRES_SPELLINGS = ("postgresql://", "postgresql+psycopg://", "postgresql+psycopg2://")


def prepare_environment() -> None:
    """Make the settings in the environment and in .env readable for psiTurk.

    Running it again changes nothing.
    """
    load_dotenv(find_dotenv(usecwd=True))
    os.environ.update(readable(os.environ))


def readable(environment: Mapping[str, str]) -> dict[str, str]:
    """The same environment, as psiTurk can read it.

    - A percent sign starts a reference in psiTurk's parser, and a bare one (as in a
      percent-encoded password) stops the start with a ValueError: it is doubled.
    - psiTurk picks the column type for data by looking for ``postgres://``
      (models.py); other spellings of a PostgreSQL address are changed to that one.
    """
    changed = dict(environment)
    for name in UNPREFIXED:
        if value := environment.get(name):
            changed.setdefault(f"PSITURK_{name}", value.replace("%", "%%"))
    for name, value in list(changed.items()):
        if name.startswith("PSITURK_") and not _is_readable(value):
            changed[name] = value.replace("%", "%%")
    url = changed.get("PSITURK_DATABASE_URL", "")
    for spelling in POSTGRES_SPELLINGS:
        if url.startswith(spelling):
            changed["PSITURK_DATABASE_URL"] = "postgres://" + url.removeprefix(spelling)
    return changed


def is_on_cloud(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether psiTurk takes this for a host: it looks for the names, whatever their values."""
    return "ON_CLOUD" in environment or "ON_HEROKU" in environment


def load() -> PsiturkConfig:
    """The effective settings of the study in the current folder.

    Raises StudyError where psiTurk would refuse them or cannot read them; it names the file
    and the line.
    """
    prepare_environment()
    config = PsiturkConfig()
    try:
        config.load_config()
    except EphemeralContainerDBError as error:
        raise StudyError(
            "ON_CLOUD is set, but the database is a file or on localhost. "
            "A cloud server loses its files at every restart, and the data with them.",
            "Give it a Postgres database, by DATABASE_URL. On Heroku: uv run study up",
        ) from error
    except (OSError, ValueError, configparser.Error) as error:
        raise unreadable(error) from error
    for section in config.sections():
        for name in config.options(section):
            check(config, section, name)
    return config


def unreadable(error: Exception) -> StudyError:
    """What to tell about a file of settings that cannot be parsed.

    It quotes no line of it: the one at fault may hold a secret.
    """
    file = getattr(error, "source", None) or getattr(error, "filename", None) or "config.txt"
    file = Path(str(file)).name
    line = getattr(error, "lineno", None)
    section, name = getattr(error, "section", ""), getattr(error, "option", "")
    remedy = "A setting is `name = value`, in one line; a note begins with #."
    if isinstance(error, configparser.DuplicateOptionError):
        cause, remedy = f"{name} is there twice in [{section}]", "Take one of the two out."
    elif isinstance(error, configparser.DuplicateSectionError):
        cause, remedy = f"[{section}] begins twice", "Put its settings together under one of them."
    elif isinstance(error, configparser.MissingSectionHeaderError):
        cause = "this stands before the first part, such as [Study]"
    elif isinstance(error, configparser.ParsingError):
        cause, line = "this is no setting, no note and no [part]", error.errors[0][0]
    elif isinstance(error, UnicodeDecodeError):
        cause, remedy = "the file is not text in UTF-8", "Save it again, with the encoding UTF-8."
    else:
        cause, remedy = f"it cannot be read ({type(error).__name__})", "Correct or restore it."
    return StudyError(f"{file}{f', line {line}' if line else ''}: {cause}.", remedy)


def check(config: PsiturkConfig, section: str, name: str) -> None:
    """Raise StudyError if a setting cannot be used by psiTurk."""
    try:
        value = config.get(section, name)
    except configparser.InterpolationError as error:
        raise cannot_use(section, name, "a percent sign is written %% there") from error
    if name in NUMBERS and not value.strip().isdecimal():
        raise cannot_use(section, name, f"{value!r} is not a whole number")
    if name in SWITCHES and value.lower() not in config.BOOLEAN_STATES:
        raise cannot_use(section, name, f"{value!r} is neither true nor false")


def cannot_use(section: str, name: str, why: str) -> StudyError:
    """What to tell about a setting that is there and cannot be used."""
    variable = f"PSITURK_{name.upper()}"
    line = lines_of(Path("config.txt")).get((section, name))
    place = "config.txt" if line is None else f"config.txt, line {line}"
    if os.environ.get(variable):
        place = f"the variable {variable}, in the terminal, in .env or among the config vars"
    return StudyError(f"The setting {name} cannot be used: {why}.", f"Correct it: {place}.")


def lines_of(path: Path) -> dict[tuple[str, str], int]:
    """The line on which a file sets each option, by section and name."""
    found, section = {}, ""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    for number, line in enumerate(lines, start=1):
        if header := re.match(r"\[(.+)\]", line):
            section = header[1]
        elif option := re.match(r"([^#;\s=:][^=:]*?)\s*[=:]", line):
            found[section, option[1].lower()] = number
    return found


def _is_readable(value: str) -> bool:
    try:
        configparser.BasicInterpolation().before_set(None, "", "", value)
    except ValueError:
        return False
    return True
