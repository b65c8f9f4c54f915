"""The one reader of settings: their values and sources, on this machine or on an app.

psiTurk merges two to five files and the environment (`psiturk/psiturk_config.py`) in each of
its modules and does not say which of them won. ``read`` follows the same order, and a test
compares it with psiTurk's own parser. It needs only the standard library, because
`study up` runs before anything is installed; psiTurk's defaults and .env are missing then.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from configparser import ConfigParser, Error, InterpolationError
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

from study.config.settings import HIT, SERVER, Setting, StudySettings, validate
from study.messages import StudyError

# Names that psiTurk also reads without its prefix.
UNPREFIXED = ("PORT", "DATABASE_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
QUALIFICATIONS = ("require_quals", "block_quals", "advanced_quals_path")
# Newer and older names of one setting: section, the name that wins, the name that it replaces.
SYNONYMS = [
    (SERVER, "errorlog", "logfile"),
    *((HIT, name, f"{name}_{mode}") for name in QUALIFICATIONS for mode in ("live", "sandbox")),
    ("Database Parameters", "assignments_table_name", "table_name"),
]
# Config vars of the server, with their defaults: how large its database may become (0: there is
# no limit; `study up` sets it), and how many people a process takes in a minute.
NUMBERS = {"DATABASE_LIMIT_MB": "0", "ARRIVALS_PER_MINUTE": "1000"}
# Where a host, or whoever builds a container, names the commit that it runs.
COMMIT_VARIABLES = ("STUDY_COMMIT", "SOURCE_VERSION", "GIT_REV")
CLOUD = ("ON_CLOUD", "ON_HEROKU")  # by which psiTurk knows a host, whatever their values
ALERTS = "ALERT_URL"  # a config var: the secret address of a chat
PILOT = "STUDY_PILOT"  # a config var: if it is set, every page says that this is a pilot
DEFAULT = "psiTurk's default"
# The defaults that `study up` needs before psiTurk, which has the same, is installed.
KEYS = "[AWS Access]\naws_access_key_id =\naws_secret_access_key =\n"


@dataclass(frozen=True)
class Config:
    """All settings of the study in ``folder``, and the variables as psiTurk can read them.

    ``origin`` returns where a variable was set.
    """

    folder: Path
    environment: Mapping[str, str]
    origin: Callable[[str], str]
    settings: Mapping[tuple[str, str], Setting]

    def value(self, section: str, name: str) -> str:
        """Return a value; empty if there is no such setting."""
        return self.settings[section, name].value if (section, name) in self.settings else ""

    def source(self, section: str, name: str) -> str:
        """Return where a value was set. Raises KeyError if there is no such setting."""
        return self.settings[section, name].source

    @property
    def alert_url(self) -> str:
        """Where alerts go; empty if nowhere. A study older than that setting has the variable."""
        return self.environment.get(ALERTS) or self.value("Study", ALERTS.lower())

    @cached_property
    def study(self) -> StudySettings:
        """The validated settings of the study. Raises StudyError if one cannot be used."""
        return validate(self)


def read(folder: Path, app_config: Mapping[str, str] | None = None) -> Config:
    """Read the settings that hold on this machine or, given its config vars, on an app.

    Raises StudyError, with file and line, where psiTurk could not read them.
    """
    here = dict(os.environ)
    if app_config is None:
        variables, home = _read_env_file() | here, Path.home()
    else:
        variables, home = {"PORT": "0"} | dict(app_config), folder  # the home of a dyno

    def origin(variable: str) -> str:
        name = variable if variable in variables else variable.removeprefix("PSITURK_")
        if app_config is not None:
            return f"Heroku config var {name}" if name in app_config else "given by Heroku"
        return f"environment variable {name}" if name in here else f"{name} in .env"

    environment, layers = _escape(variables), _Layers()
    layers.add_text(DEFAULT, KEYS)
    for label, path in _find_files(environment, home, folder):
        try:
            layers.add_text(label, path.read_text(encoding="utf-8"))
        except OSError:
            pass  # psiTurk, too, ignores a file that it cannot open
        except UnicodeDecodeError as error:
            raise StudyError(f"{label} is not text in UTF-8.", "Save it as UTF-8.") from error
    try:
        layers.add_environment(environment, origin)
        keys = [(part, name) for part in layers.sections() for name in layers.options(part)]
        settings = {key: Setting(*key, layers.get(*key), layers.source(*key)) for key in keys}
    except InterpolationError as error:
        key = error.section, error.option
        wrong = Setting(*key, "", layers.source(*key))
        raise wrong.error("a percent sign must be written %%") from error
    return Config(folder, environment, origin, settings)


def read_number(name: str, environment: Mapping[str, str] = os.environ) -> int:
    """Return the value of one of NUMBERS. Raises StudyError if it is no number."""
    value = environment.get(name) or NUMBERS[name]
    if not value.isdecimal():
        raise StudyError(f"{name} must be a whole number and is not.", f"Set {name} again.")
    return int(value)


def load() -> Config:
    """Read and validate the settings of the study in the current folder.

    Prepares the environment for psiTurk, whose modules read it when they are imported. Raises
    StudyError for any setting with which the server would not start.
    """
    config = read(Path.cwd())
    os.environ.update(config.environment)
    url = config.value("Database Parameters", "database_url")
    if is_on_cloud(config.environment) and ("localhost" in url or "sqlite" in url):
        raise StudyError(
            "ON_CLOUD is set, but the database is a file or on localhost. "
            "A cloud server loses its files at every restart, and the data with them.",
            "Set DATABASE_URL to the address of a Postgres database. On Heroku: uv run study up. "
            "If Postgres runs on this very server, write 127.0.0.1 in place of localhost.",
        )
    _ = config.study, *map(read_number, NUMBERS)  # raise StudyError
    return config


def value_in(text: str, section: str, name: str) -> str | None:
    """Return what a text of config.txt itself sets, such as the committed one's."""
    layers = _Layers()
    layers.add_text("config.txt", text)
    return layers.get(section, name, raw=True, fallback=None)


def recognise_host() -> None:
    """Set ON_CLOUD, psiTurk's word for a host, where one hands out a port and a Postgres.

    So any host that runs a Procfile runs the study. Servers of this machine get PSITURK_PORT.
    """
    is_postgres = os.environ.get("DATABASE_URL", "").startswith("postgres")
    if is_postgres and os.environ.get("PORT") and "PSITURK_PORT" not in os.environ:
        os.environ.setdefault("ON_CLOUD", "1")


def is_database_named() -> bool:
    """Return whether DATABASE_URL says where the data are, so that no host need be asked."""
    return bool(os.environ.get("DATABASE_URL"))


def is_on_cloud(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether psiTurk takes this for a host."""
    return any(name in environment for name in CLOUD)


def name_server() -> str:
    """Return which of a study's servers this is: Heroku's name for it, such as web.1."""
    return os.environ.get("DYNO") or "server"


def is_pilot(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether every page says that the study is a pilot."""
    return bool(environment.get(PILOT))


def find_commit_variable(commit: re.Pattern[str]) -> str:
    """Return the first of COMMIT_VARIABLES that holds a commit; empty if none does."""
    values = (os.environ.get(name, "") for name in COMMIT_VARIABLES)
    return next(filter(commit.fullmatch, values), "")


class _Layers(ConfigParser):
    """psiTurk's files and the environment, each overriding those before it."""

    def __init__(self) -> None:
        super().__init__()
        self._sources: dict[tuple[str, str], str] = {}

    def add_text(self, label: str, text: str) -> None:
        """Add the text of a file. Raises StudyError, which quotes no line: it may be secret."""
        try:
            self.read_string(text)
        except Error as error:
            line = getattr(error, "lineno", None) or error.errors[0][0]
            cause = "a line must be a [section], name = value below one, or a # note"
            if "Duplicate" in type(error).__name__:
                name = getattr(error, "option", "This section")
                cause = f"{name} is there twice in [{error.section}]"
            raise StudyError(f"{label}, line {line}: {cause}.", "Correct that line.") from error
        section = ""
        for number, line in enumerate(text.splitlines(), start=1):
            if header := re.match(r"\[(.+)\]", line):
                section = header[1]
            elif option := re.match(r"\s*([^#;\s=:][^=:]*?)\s*[=:]", line):
                source = label if label.startswith("psiTurk") else f"{label}, line {number}"
                self._sources[section, option[1].lower()] = source

    def add_environment(self, environment: Mapping[str, str], origin: Callable) -> None:
        """Let newer names replace older ones, and variables the files."""
        for section, newer, older in SYNONYMS:
            variable = f"PSITURK_{newer.upper()}"
            if variable in environment and self.has_section(section):
                value, source = environment[variable], origin(variable)
            elif value := self.get(section, newer, fallback=""):
                source = self.source(section, newer)
            else:
                continue
            try:
                self.set(section, older, value)
            except ValueError as error:  # a percent sign is left after the references
                raise InterpolationError(newer, section, str(error)) from error
            self._sources[section, older] = f"{source}, as {newer}"
        for section in self.sections():
            for name in self.options(section):
                variable = f"PSITURK_{name.upper()}"
                if value := environment.get(variable):
                    self.set(section, name, value)
                    self._sources[section, name] = origin(variable)

    def source(self, section: str, name: str) -> str:
        in_default = self._sources.get((self.default_section, name), DEFAULT)
        return self._sources.get((section, name), in_default)


def _read_env_file() -> dict[str, str]:
    """Return the variables in .env of the current folder or the nearest above that has one."""
    try:
        from dotenv import dotenv_values, find_dotenv
    except ImportError:  # nothing is installed yet
        return {}
    variables = dotenv_values(find_dotenv(usecwd=True))
    return {name: value for name, value in variables.items() if value is not None}


def _find_files(environment: Mapping[str, str], home: Path, folder: Path) -> Iterator[tuple]:
    """Yield psiTurk's files in its order, the strongest last, each with the name to show."""
    if psiturk := find_spec("psiturk"):
        defaults = Path(psiturk.origin).parent / "default_configs"
        yield DEFAULT, defaults / "global_config_defaults.txt"
        yield DEFAULT, defaults / "local_config_defaults.txt"
        if is_on_cloud(environment):
            yield "psiTurk's cloud default", defaults / "cloud_config_defaults.txt"
    home = Path(environment.get("PSITURK_GLOBAL_CONFIG_LOCATION", home))
    yield ".psiturkconfig", home / ".psiturkconfig"
    yield "config.txt", folder / "config.txt"


def _escape(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables with values that psiTurk can read. Repeated, it changes nothing.

    - A percent sign begins a reference in psiTurk's parser, and a single one (as in a
      percent-encoded password) stops it with a ValueError: it is doubled.
    - psiTurk chooses the column type for data by looking for ``postgres://``
      (`psiturk/models.py`): other spellings of a PostgreSQL address become this one.
    """
    changed = dict(environment)
    for name in UNPREFIXED:
        if environment.get(name):
            changed.setdefault(f"PSITURK_{name}", environment[name].replace("%", "%%"))
    for name, value in changed.items():
        if name.startswith("PSITURK_") and "%" in re.sub(r"%%|%\([^)]+\)s", "", value):
            changed[name] = value.replace("%", "%%")
    if url := changed.get("PSITURK_DATABASE_URL"):
        spelling = r"^postgresql(\+psycopg2?)?://"
        changed["PSITURK_DATABASE_URL"] = re.sub(spelling, "postgres://", url)
    return changed
