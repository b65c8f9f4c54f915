"""A push is built, released, served and stopped as on Heroku, seen through real git and HTTP."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from . import refusals
from .app import App
from .build import BuildError, check_files, python_version
from .certificate import Certificate
from .fixtures import open_platform
from .machine import Machine
from .platform import Platform
from .postgres import Cluster
from .toolchain import find_python, uv

# Asks for no password, so that a test of something else does not wait for the CLI.
LOGGED_IN = (
    "-c",
    'credential.helper=!f() { echo username=heroku; echo "password=$HEROKU_API_KEY"; }; f',
)

WEB = """\
import json, os, signal, sys, time
from wsgiref.simple_server import make_server

def app(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        time.sleep(3)
    start_response("200 OK", [("Content-Type", "application/json")])
    seen = {name: str(value) for name, value in environ.items() if name.startswith("HTTP_")}
    return [json.dumps({"environment": dict(os.environ), "headers": seen}).encode()]

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    make_server(sys.argv[1], int(os.environ["PORT"]), app).serve_forever()
"""
PROCFILE = "release: python -c \"print('tables are there')\"\nweb: python web.py 0.0.0.0\n"


@pytest.fixture(scope="session")
def locked_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest study that Heroku builds, with its lock."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "tiny"\nversion = "1"\nrequires-python = ">=3.11"\n'
        'dependencies = ["gunicorn==23.0.0"]\n\n[tool.uv]\npackage = false\n'
    )
    version = next(v for v in ("3.13", "3.12", "3.11") if find_python(v))
    (folder / ".python-version").write_text(f"{version}\n")
    (folder / "Procfile").write_text(PROCFILE)
    (folder / "web.py").write_text(WEB)
    subprocess.run(
        [uv(), "lock", "--quiet", "--python", find_python(version)], cwd=folder, check=True
    )
    return folder


@pytest.fixture
def study(tmp_path: Path, locked_study: Path, machine: Machine) -> Path:
    """That study as a git repository of the machine under test."""
    return _repository(locked_study, tmp_path / "study", machine)


def _repository(source: Path, folder: Path, machine: Machine) -> Path:
    shutil.copytree(source, folder)
    machine.git("init", "--quiet", cwd=folder)
    _commit(machine, folder)
    return folder


def _commit(machine: Machine, study: Path) -> None:
    machine.git("add", "--all", cwd=study)
    machine.git("commit", "--quiet", "--allow-empty", "-m", "A change", cwd=study)


def _push(
    machine: Machine, study: Path, app: App, branch: str = "main"
) -> subprocess.CompletedProcess[str]:
    return machine.git(*LOGGED_IN, "push", app.git_url, f"HEAD:refs/heads/{branch}", cwd=study)


def _serve(machine: Machine, study: Path, app: App, procfile: str) -> None:
    """Push the study with another Procfile."""
    (study / "Procfile").write_text(procfile)
    _commit(machine, study)
    pushed = _push(machine, study, app)
    assert pushed.returncode == 0, pushed.stderr


def _get(platform: Platform, app: App, path: str = "/") -> tuple[int, str]:
    """A page of the app by its Host header: the router as a plain local server."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{platform.port}{path}", headers={"Host": app.host}
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def _logged(app: App, text: str) -> bool:
    return any(text in line for line in app.log_lines)


def _until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


class TestPushing:
    def test_a_push_builds_and_serves(
        self, platform: Platform, machine: Machine, study: Path
    ) -> None:
        machine.heroku("create", "my-study", cwd=study)
        app = platform.apps["my-study"]
        app.set_config({"GREETING": "hello"}, platform.account)
        # The real way in: the CLI's credential helper, https://git.heroku.com, the remote.
        pushed = machine.git("push", "heroku", "main", cwd=study)
        assert pushed.returncode == 0, pushed.stderr
        assert "deployed to Heroku" in pushed.stderr
        app.wait_until_up()
        page = machine.open(app.web_url)
        seen = json.loads(page.stdout)
        environment, headers = seen["environment"], seen["headers"]
        assert environment["GREETING"] == "hello"
        assert environment["WEB_CONCURRENCY"] == "2" and "HEROKU_API_KEY" not in environment
        assert headers["HTTP_X_FORWARDED_PROTO"] == "https"
        assert headers["HTTP_HOST"] == app.host
        assert "tables are there" in machine.heroku("releases:output", "-a", "my-study").stdout
        assert app.formation["web"].quantity == 1
        assert platform.gaps == []

    def test_a_push_without_lock_is_refused(
        self, platform: Platform, machine: Machine, study: Path
    ) -> None:
        (study / "uv.lock").unlink()
        _commit(machine, study)
        app = platform.create_app("my-study")
        pushed = _push(machine, study, app)
        assert pushed.returncode == 1 and "remote rejected" in pushed.stderr
        assert "Couldn't find any supported Python package manager" in pushed.stderr
        assert app.formation == {}

    def test_a_lock_out_of_step_is_refused(
        self, platform: Platform, machine: Machine, study: Path
    ) -> None:
        project = study / "pyproject.toml"
        project.write_text(project.read_text().replace("23.0.0", "22.0.0"))
        _commit(machine, study)
        pushed = _push(machine, study, platform.create_app("my-study"))
        assert pushed.returncode == 1 and "Unable to install dependencies using uv" in pushed.stderr

    def test_only_main_is_built(self, platform: Platform, machine: Machine, study: Path) -> None:
        app = platform.create_app("my-study")
        assert _push(machine, study, app, branch="pilot").returncode == 0
        assert app.formation == {}

    @pytest.mark.parametrize("whose", ["nobody", "stranger"])
    def test_a_push_needs_a_key_and_an_app_of_ones_own(
        self, platform: Platform, machine: Machine, study: Path, whose: str
    ) -> None:
        if whose == "nobody":
            app = platform.create_app("my-study")
            platform.sign_out()
        else:
            app = platform.create_app("my-study", by=platform.stranger)
        assert _push(machine, study, app).returncode == 128
        assert app.formation == {}


class TestBuildpack:
    @pytest.mark.parametrize(
        ("name", "content", "reason"),
        [
            ("requirements.txt", "", "Multiple Python package manager"),
            ("poetry.lock", "", "Multiple Python package manager"),
            ("Pipfile", "", "No 'Pipfile.lock'"),
            ("runtime.txt", "python-3.13", "runtime.txt"),
            (".venv/pyvenv.cfg", "", "virtual environment"),
        ],
    )
    def test_a_file_too_many_is_refused(
        self, tmp_path: Path, locked_study: Path, name: str, content: str, reason: str
    ) -> None:
        folder = shutil.copytree(locked_study, tmp_path / "study")
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)
        with pytest.raises(BuildError, match=reason):
            check_files(folder)

    @pytest.mark.parametrize(
        "content",
        ["", ">=3.13", "python-3.13", "3.13\n3.12", "3.9", "3.99", "\ufeff3.13", '"3.13"'],
    )
    def test_a_bad_python_version_is_refused(self, tmp_path: Path, content: str) -> None:
        (tmp_path / ".python-version").write_text(content, encoding="utf-8")
        with pytest.raises(BuildError):
            python_version(tmp_path)

    @pytest.mark.parametrize("content", ["3.13", "# the newest\n 3.13 \n", "3.12.4\n"])
    def test_a_good_python_version_is_read(self, tmp_path: Path, content: str) -> None:
        (tmp_path / ".python-version").write_text(content)
        assert python_version(tmp_path).startswith("3.1")


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory,
    cluster: Cluster,
    certificate: Certificate,
    heroku_cli: str,
    locked_study: Path,
) -> Iterator[tuple[Platform, Machine, Path, App]]:
    folder = tmp_path_factory.mktemp("running")
    with open_platform(folder / "heroku", cluster, certificate) as platform:
        machine = Machine(folder / "machine", platform, certificate, heroku_cli)
        study = _repository(locked_study, folder / "study", machine)
        app = platform.create_app("my-study")
        assert _push(machine, study, app).returncode == 0
        yield platform, machine, study, app


class TestARunningStudy:
    """One app, pushed once; each test leaves it as it was or pushes its own Procfile."""

    def test_a_config_change_restarts_it(self, running: tuple) -> None:
        platform, _, _, app = running
        app.set_config({"ROUND": "2"}, platform.account)
        app.wait_until_up()
        assert json.loads(_get(platform, app)[1])["environment"]["ROUND"] == "2"

    def test_the_release_phase_can_refuse(self, running: tuple) -> None:
        platform, machine, study, app = running
        before = app.current
        _serve(
            machine, study, app, "release: echo no such table; exit 3\nweb: python web.py 0.0.0.0\n"
        )
        assert app.releases[-1].status == "failed"
        assert "no such table" in app.releases[-1].output
        assert app.current is before and _get(platform, app)[0] == 200
        listed = json.loads(machine.heroku("releases", "-a", "my-study", "--json").stdout)
        assert listed[0]["status"] == "failed" and not listed[0]["current"]

    def test_a_study_bound_to_localhost_does_not_boot(self, running: tuple) -> None:
        platform, machine, study, app = running
        platform.boot_seconds = 1
        _serve(machine, study, app, "web: python web.py 127.0.0.1\n")
        _until(lambda: app.dynos.running[-1].state == "crashed")
        assert _get(platform, app)[0] == 503
        assert _logged(app, "Error R10 (Boot timeout)")
        _until(lambda: _logged(app, "code=H10"))
        platform.boot_seconds = 60

    def test_a_slow_answer_is_given_up(self, running: tuple) -> None:
        platform, machine, study, app = running
        _serve(machine, study, app, PROCFILE)
        app.wait_until_up()
        platform.response_seconds = 0.5
        assert _get(platform, app, "/slow")[0] == 503
        _until(lambda: _logged(app, "code=H12"))
        platform.response_seconds = 30

    def test_a_study_that_will_not_stop_is_killed(self, running: tuple) -> None:
        platform, machine, study, app = running
        _serve(machine, study, app, "web: trap '' TERM; python web.py 0.0.0.0; sleep 60\n")
        app.wait_until_up()
        stubborn = app.dynos.running[-1]
        platform.exit_seconds = 0.5
        _serve(machine, study, app, PROCFILE)
        assert stubborn.ended.wait(5)
        assert _logged(app, "Error R12 (Exit timeout)")
        platform.exit_seconds = 30
        app.wait_until_up()

    def test_maintenance_shows_a_page_and_leaves_the_dynos(self, running: tuple) -> None:
        platform, machine, _, app = running
        machine.heroku("maintenance:on", "-a", "my-study")
        status, page = _get(platform, app)
        assert status == 503 and "Maintenance" in page
        app.maintenance = False
        assert _get(platform, app)[0] == 200

    def test_scaling_to_nothing_stops_it(self, running: tuple) -> None:
        platform, machine, _, app = running
        dyno = app.dynos.running[-1]
        said = machine.heroku("ps:scale", "web=0", "-a", "my-study")
        assert "done, now running web at 0:Basic" in said.stderr
        assert dyno.ended.wait(5) and _get(platform, app)[0] == 503
        _until(lambda: _logged(app, "code=H14"))
        app.scale([{"type": "web", "quantity": 1}])
        app.wait_until_up()

    def test_more_than_one_dyno_needs_a_standard_size(self, running: tuple) -> None:
        platform, _, _, app = running
        with pytest.raises(refusals.Refusal, match="Cannot run more than 1 Basic"):
            app.scale([{"type": "web", "quantity": 2}])
        app.scale([{"type": "web", "quantity": 2, "size": "standard-1x"}])
        app.wait_until_up()
        names = {json.loads(_get(platform, app)[1])["environment"]["DYNO"] for _ in range(40)}
        assert names == {"web.1", "web.2"}

    def test_the_log_can_be_read(self, running: tuple) -> None:
        _, machine, _, app = running
        assert "heroku[router]: at=info" in machine.heroku("logs", "-a", "my-study").stdout
