"""Studies made by the template, for all tests."""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import zlib
from hashlib import sha256
from pathlib import Path

import pytest
from filelock import FileLock
from generated import REPOSITORY, Study, install
from heroku.machine import path_without
from xdist.scheduler import LoadScopeScheduling

from tests.programs import find_chromium, get_missing

# Heroku's double and PostgreSQL; studies: live, new, with local data, old; servers: for each
# recruiter, on each database, several on one.
pytest_plugins = [
    *("heroku.fixtures", "live_study", "new_study", "lab", "old_lab"),
    *("sites", "databases", "dynos", "npm"),
]
# Settings of a developer's machine that must not reach a study under test.
PRIVATE = (
    *("ON_CLOUD", "ON_HEROKU", "DATABASE_URL", "PORT", "PSITURK_", "AWS_", "GIT_", "HEROKU_"),
    "PYTHONDONTWRITEBYTECODE",  # without bytecode, psiTurk takes three times as long to start
    "PYTHONUNBUFFERED",
)

QUESTIONS = json.loads((REPOSITORY / "cookiecutter.json").read_text(encoding="utf-8"))
DEFAULTS = {
    name: answer[0] if isinstance(answer, list) else answer for name, answer in QUESTIONS.items()
}
SLOW = {"browser", "heroku_cli"}  # what a browser or Heroku's command line is needed for
# The files that take longest begin first. Browsers wait and Heroku's command line works, so they
# take turns: at any time there is something to wait for and something to do.
LONGEST = (
    *("test_experiment", "test_deploy", "test_try", "test_up", "test_end_to_end", "test_faults"),
    *("test_example", "test_pushes", "test_recruiters", "test_up_failures", "test_saves"),
    *("test_up_halfway", "test_cookbook", "test_windows", "test_pages", "test_alerts"),
    *("test_pythons", "test_agents", "test_generation", "test_entries", "test_merging"),
    *("test_client", "test_slow_clients", "test_hooks", "test_psiturk_shell", "test_bonuses"),
    "test_down",
)
# A file stays in one process, for what its tests share. Each test of these files makes a study or
# an app of its own, so they are shared out in so many parts.
PARTS = {"test_up.py": 6, "test_up_failures.py": 4, "test_up_halfway.py": 3, "test_hooks.py": 3}


def pytest_addoption(parser: pytest.Parser) -> None:
    told = "leave out what needs a browser, Heroku's command line or much time"
    parser.addoption("--fast", action="store_true", help=told)


def pytest_configure(config: pytest.Config) -> None:
    is_first = not hasattr(config, "workerinput")  # pytest-xdist starts the others
    if is_first and not config.option.collectonly:
        get_missing(config.option.fast)
        keep_temporary_files_in_memory(config)


def keep_temporary_files_in_memory(config: pytest.Config) -> None:
    """Spare a disk the databases, browsers' profiles and copies of the template, where Linux can.

    A tenth of the time: files that are made soon after others were deleted are slow on ext4. What
    pytest keeps stays on the disk, with uv's cache, whose files the studies share.
    """
    memory = Path("/dev/shm")
    if memory.is_dir() and "TMPDIR" not in os.environ and shutil.disk_usage(memory).free > 10e9:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
        folder = tempfile.mkdtemp(prefix="tests-", dir=memory)
        os.chmod(folder, 0o755)  # PostgreSQL runs as somebody else
        os.environ["TMPDIR"], tempfile.tempdir = folder, None
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.option.fast:
        slow = [item for item in items if is_slow(item)]
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]
    order = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.stem, len(order)))


class Parts(LoadScopeScheduling):
    """Gives each process a part of the tests after the other."""

    def _split_scope(self, nodeid: str) -> str:
        """What stays in one process with this test."""
        file, _, test = nodeid.partition("::")
        name = file.rpartition("/")[2]
        if name in PARTS:
            return f"{file} {zlib.crc32(test.encode()) % PARTS[name]}"
        if name == "test_generation.py":
            return f"{file} {test.partition('[')[2]}"  # the answers; each a study of its own
        return file


def pytest_xdist_make_scheduler(config: pytest.Config, log) -> Parts:
    return Parts(config, log)


def is_slow(item: pytest.Item) -> bool:
    return bool(item.get_closest_marker("slow") or SLOW & {*getattr(item, "fixturenames", ())})


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory, registry) -> Path:
    """A home folder of the tests' own: no one's git settings, psiTurk file or replay file.

    Nor anybody's Heroku: there is no login here, its command is off the PATH, and its API
    seems to be at a port that is taken and never answers. Only a test's own machine, of
    tests/heroku, has the command.
    """
    # Run in the background, the tests may ignore Ctrl-C; what they start must not, for some of
    # them press it there.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # without listening
        for name in list(os.environ):
            if name.startswith(PRIVATE):
                patch.delenv(name)
        # uv's cache stays where it is: filling a new one would take minutes.
        patch.setenv("UV_CACHE_DIR", _output("uv", "cache", "dir"))
        # Under `uv run`, these two would point the study's uv at the tests' environment.
        patch.delenv("VIRTUAL_ENV", raising=False)
        patch.delenv("UV_PROJECT_ENVIRONMENT", raising=False)
        patch.delenv("COLUMNS", raising=False)  # of pytest-xdist; commands would wrap their lines
        patch.setenv("HOME", str(home))
        patch.setenv("npm_config_registry", registry.url)
        patch.setenv("HEROKU_HOST", f"http://127.0.0.1:{closed.getsockname()[1]}")
        # pyenv's shims take long to say that they have no other Python.
        path = [folder for folder in os.environ["PATH"].split(os.pathsep) if "/shims" not in folder]
        patch.setenv("PATH", path_without("heroku", os.pathsep.join(path), home / "bin"))
        patch.setenv("STUDY_BROWSER", find_chromium())
        patch.setenv("COOKIECUTTER_CONFIG", str(home / "cookiecutter.yaml"))
        patch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
        patch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
        patch.setenv("PSITURK_GLOBAL_CONFIG_LOCATION", str(home))
        (home / "cookiecutter.yaml").write_text(
            f"cookiecutters_dir: {home}/cookiecutters\nreplay_dir: {home}/replay\n"
        )
        yield home


@pytest.fixture(scope="session")
def shared(tmp_path_factory) -> Path:
    """A folder that the processes of a run share."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session", autouse=True)
def template(home, shared, pytestconfig) -> Path:
    """The template as users get it, a fresh clone: cookiecutter copies the whole folder."""
    clone = shared / "template" / "psiturk-heroku"
    with FileLock(shared / "template.lock"):
        if not clone.exists():
            make_clone(shared / "aside").rename(clone.parent)
    pytestconfig.option.template = str(clone)  # where pytest-cookies looks
    return clone


@pytest.fixture(scope="session")
def bare_template(template, tmp_path_factory) -> Path:
    """The template without what it copies as it is, the machinery: to render quickly."""
    bare = tmp_path_factory.mktemp("bare") / template.name
    return shutil.copytree(template, bare, ignore=shutil.ignore_patterns("machinery", ".git"))


def make_clone(folder: Path) -> Path:
    """Commit this template's files, as they are now, to a repository in the folder."""
    clone = folder / "psiturk-heroku"
    files = _output("git", "-C", str(REPOSITORY), "ls-files", "-coz", "--exclude-standard")
    for name in filter(None, files.split("\0")):
        if (source := REPOSITORY / name).exists():
            target = clone / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    author = ("-c", "user.name=Tests", "-c", "user.email=tests@example.edu")
    for step in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "Template"]):
        subprocess.run(["git", "-C", str(clone), *author, *step], check=True)
    return folder


@pytest.fixture(scope="session")
def baked(template, shared, cookies_session):
    """Make a study with the given answers, once in a run; its folder, which stays as it is.

    Without an app on Heroku, unless the answers say so.
    """

    def bake(**answers: str) -> Path:
        answers = {"heroku_app": "later"} | answers
        answers = {name: text for name, text in answers.items() if DEFAULTS[name] != text}
        digest = sha256(json.dumps(answers, sort_keys=True).encode()).hexdigest()[:16]
        folder = shared / "baked" / digest
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if not (made := [*folder.iterdir()]):
                result = cookies_session.bake(extra_context=answers)
                assert result.exception is None, result.exception
                made = [folder / result.project_path.name]
                result.project_path.rename(made[0])
        return made[0]

    return bake


@pytest.fixture(scope="session")
def index(baked) -> dict[str, str]:
    """Settings with which uv does not ask the package index again what it said a minute ago.

    The first study is made without them. Asking takes longer than all the rest of making one.
    """
    baked(heroku_app="later")
    return {"UV_OFFLINE": "1"}


@pytest.fixture(scope="session")
def new_folder(index, baked, tmp_path_factory):
    """Make a study with the given answers; its folder, with nothing installed."""

    def make(**answers: str) -> Path:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in index.items():
                patch.setenv(name, value)
            made = baked(**answers)
        return shutil.copytree(made, tmp_path_factory.mktemp("study") / made.name, symlinks=True)

    return make


@pytest.fixture(scope="session")
def studies(new_folder, shared):
    """Make a study with the given answers; equal answers give the same installed study."""
    made: dict[tuple, Study] = {}

    def make(**answers: str) -> Study:
        key = tuple(sorted(answers.items()))
        if key not in made:
            study = Study(new_folder(**answers))
            install(study, shared / "bytecode")
            made[key] = study
        return made[key]

    return make


def _output(*command: str) -> str:
    """What a program prints; it must succeed."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
