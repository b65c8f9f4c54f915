"""Which value each psiTurk setting has, and where that value comes from.

psiTurk merges two to five files and the environment (psiturk_config.py, load_config) and
does not say which of them won. This follows the same order for any environment, so it also
tells what a server elsewhere will see; a test of the template holds it to psiTurk's parser.
"""

import configparser
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psiturk
from dotenv import dotenv_values, find_dotenv

from study.config import settings

# Older and newer words for one setting: section, the word that wins, the word it replaces.
SYNONYMS = (
    ("Server Parameters", "errorlog", "logfile"),
    *(
        ("HIT Configuration", name, f"{name}_{mode}")
        for name in ("require_quals", "block_quals", "advanced_quals_path")
        for mode in ("live", "sandbox")
    ),
    ("Database Parameters", "assignments_table_name", "table_name"),
)
SECRET = re.compile(r"(^|_)(key|pw|password|secret|token)(_|$)")


@dataclass(frozen=True)
class Setting:
    """One setting as psiTurk sees it, and where it was set."""

    section: str
    name: str
    value: str
    source: str

    @property
    def is_secret(self) -> bool:
        """Whether the value must not be shown."""
        return bool(SECRET.search(self.name))

    @property
    def shown(self) -> str:
        """The value, for people to read: secrets and passwords in addresses are masked."""
        if self.is_secret and self.value:
            return "***"
        if "://" not in self.value:
            return self.value
        # A command that shows no address, as `study data`, need not wait for this.
        from sqlalchemy.engine import make_url
        from sqlalchemy.exc import ArgumentError

        try:
            return make_url(self.value).render_as_string(hide_password=True)
        except (ArgumentError, ValueError):
            return "***" if "@" in self.value else self.value


class Effective(dict[tuple[str, str], Setting]):
    """All settings by section and name."""

    def value(self, section: str, name: str) -> str:
        """One value; empty if there is no such setting."""
        setting = self.get((section, name))
        return setting.value if setting else ""


def effective(
    environment: Mapping[str, str],
    source: Callable[[str], str],
    folder: Path,
    home: Path,
) -> Effective:
    """What psiTurk makes of the study in ``folder`` under this environment.

    ``source`` tells where a variable of that name comes from, ``home`` is where psiTurk's
    global file is looked for unless the environment names another place. Raises
    configparser.Error, ValueError or OSError where psiTurk itself would stop.
    """
    parser, sources = configparser.ConfigParser(), {}
    for path, name in _files(environment, folder, home):
        # psiTurk's own files are not worth a number.
        lines = settings.lines_of(path) if path.name in ("config.txt", ".psiturkconfig") else {}
        alone = configparser.RawConfigParser(default_section="")  # so that [DEFAULT] is like others
        alone.read(path)
        parser.read(path)
        for section in alone.sections():
            for option in alone[section]:
                line = lines.get((section, option))
                sources[section, option] = f"{name} line {line}" if line else name

    def source_of(section: str, option: str) -> str:
        return sources.get((section, option)) or sources[parser.default_section, option]

    given = settings.readable(environment)
    for section, preferred, other in SYNONYMS:
        variable = f"PSITURK_{preferred.upper()}"
        if variable in given:
            value, origin = given[variable], source(variable)
        elif value := parser.get(section, preferred, fallback=None):
            origin = source_of(section, preferred)
        else:
            continue
        parser.set(section, other, value)
        sources[section, other] = f"{origin}, as {preferred}"
    for section in parser.sections():
        for option in parser[section]:
            variable = f"PSITURK_{option.upper()}"
            if value := given.get(variable):
                bare = option.upper() in settings.UNPREFIXED and variable not in environment
                parser.set(section, option, value)
                sources[section, option] = source(option.upper() if bare else variable)
    return Effective(
        ((section, option), Setting(section, option, value, source_of(section, option)))
        for section in parser.sections()
        for option, value in parser.items(section)
    )


def here(folder: Path) -> Effective:
    """The settings on this machine. Ask before anything has called ``settings.load``, which
    adds to the environment."""
    in_file = dotenv_values(find_dotenv(usecwd=True))
    environment = {name: value for name, value in in_file.items() if value is not None}

    def source(name: str) -> str:
        return f"{'environment variable' if name in os.environ else '.env,'} {name}"

    return effective(environment | dict(os.environ), source, folder, Path.home())


def on_heroku(config: Mapping[str, str], folder: Path) -> Effective:
    """The settings that this study's server sees on Heroku, with these config vars."""

    def source(name: str) -> str:
        return f"Heroku config var {name}" if name in config else "given by Heroku"

    return effective({"PORT": "(any)", **config}, source, folder, folder)  # a dyno's home


def _files(environment: Mapping[str, str], folder: Path, home: Path) -> list[tuple[Path, str]]:
    """psiTurk's files in its order, the strongest last, with the name to show for each."""
    defaults = Path(psiturk.__file__).parent / "default_configs"
    files = [
        (defaults / "global_config_defaults.txt", "psiTurk's default"),
        (defaults / "local_config_defaults.txt", "psiTurk's default"),
    ]
    if settings.is_on_cloud(environment):
        files.append((defaults / "cloud_config_defaults.txt", "cloud default"))
    place = Path(environment.get("PSITURK_GLOBAL_CONFIG_LOCATION", home))
    files.append((place / ".psiturkconfig", "global file"))
    return [*files, (folder / "config.txt", "config.txt")]
