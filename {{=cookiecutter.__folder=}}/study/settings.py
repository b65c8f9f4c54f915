"""The study's settings, read by psiTurk's own parser.

psiTurk loads its configuration in several places, each from the files and the
environment anew (psiturk_config.py), so a setting can only be corrected in the
environment, before psiTurk is imported. ``prepare_environment`` does that.
"""

import configparser
import os
from collections.abc import Mapping

from dotenv import find_dotenv, load_dotenv
from psiturk.psiturk_config import PsiturkConfig
from psiturk.psiturk_exceptions import EphemeralContainerDBError

from study.errors import StudyError

# Names that psiTurk also reads without its prefix (psiturk_config.py, load_config).
UNPREFIXED = ("PORT", "DATABASE_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
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

    Raises StudyError where psiTurk would refuse them or cannot read them.
    """
    prepare_environment()
    config = PsiturkConfig()
    try:
        config.load_config()
    except EphemeralContainerDBError as error:
        raise StudyError(
            "ON_CLOUD is set, but the database is a file or on localhost. "
            "A cloud server loses its files at every restart, and the data with them.",
            "Attach a Postgres database to the app, which sets DATABASE_URL.",
        ) from error
    except (OSError, ValueError, configparser.Error) as error:
        raise StudyError(
            f"The settings cannot be read: {error}",
            "Correct config.txt, .env or the environment.",
        ) from error
    return config


def _is_readable(value: str) -> bool:
    try:
        configparser.BasicInterpolation().before_set(None, "", "", value)
    except ValueError:
        return False
    return True
