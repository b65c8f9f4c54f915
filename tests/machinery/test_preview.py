"""`study preview`: what it refuses, and in which words. That it works, browser tests show."""

import os
import re
import signal
import socket

import pytest
from participant import Participant
from server import Server, free_port, wait_for


@pytest.fixture(scope="module")
def study(studies):
    return studies(project_slug="previewed")


@pytest.fixture
def running(study, tmp_path):
    """A running `study preview`."""
    port = free_port()
    database = f"sqlite:///{tmp_path}/participants.db"
    settings = {"PSITURK_PORT": str(port), "PSITURK_DATABASE_URL": database}
    command = (study.python, "-m", "study", "preview", "--no-browser")
    with Server(study.path, *command, port=port, **settings) as server:
        yield server.wait()


def press_ctrl_c(server: Server) -> str:
    """Stop a preview as people do; gives all that it has printed."""
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(20) == 0
    return server.output


@pytest.fixture
def preview(study):
    """Run `study preview` with extra settings in the environment; it is expected to refuse."""

    def run(*options: str, **environment: str):
        command = ("study", "preview", "--no-browser", *options)
        return study.run(*command, env=os.environ | environment, timeout=60)

    return run


def test_settings_for_the_cloud_are_refused(preview):
    for name in ("ON_CLOUD", "ON_HEROKU"):
        refused = preview(**{name: "0"})  # psiTurk asks only whether it exists
        assert refused.returncode == 1
        assert f"environment variable {name} is set" in refused.stderr
        assert f"unset {name}" in refused.stderr


def test_a_database_on_another_machine_is_refused_without_showing_its_password(preview):
    for name in ("DATABASE_URL", "PSITURK_DATABASE_URL"):
        refused = preview(**{name: "postgres://u:se%40cret@db.example.edu/d"})
        assert refused.returncode == 1
        assert f"(environment variable {name})" in refused.stderr
        assert "postgres://u:***@db.example.edu/d" in refused.stderr


def test_both_are_refused_when_they_stand_in_the_env_file(preview, study):
    for line, words in {
        "ON_CLOUD=1": "ON_CLOUD in .env is set",
        "DATABASE_URL=postgresql://u:secret@db.example.edu/d": "DATABASE_URL",
    }.items():
        (study.path / ".env").write_text(line)
        refused = preview()
        (study.path / ".env").unlink()
        assert refused.returncode == 1
        assert words in refused.stderr
        assert "secret" not in refused.stderr


def test_a_busy_port_is_named_with_a_way_out(preview):
    with socket.create_server(("localhost", 0)) as busy:
        port = busy.getsockname()[1]
        refused = preview("--port", str(port))
    assert refused.returncode == 1
    assert f"Port {port} on localhost is busy" in refused.stderr
    assert f"uv run study preview --port {port + 1}" in refused.stderr


# What is changed in a file of the study, and what it is to say about that.
MISTAKES = [
    ("config.txt", "num_conds = 2", "num_conds = two", "'two' is not a whole number"),
    ("config.txt", "title = Stroop", "title = 100% Stroop", "a percent sign must be written %%"),
    ("config.txt", "allow_resume = true", "allow_resume = maybe", "'maybe' is neither true nor"),
    ("config.txt", "recruitment = prolific", "recruitment = profilic", "'profilic' is none of"),
    ("config.txt", "currency = USD", "currency USD", "a line must be a [section], name = value"),
    ("config.txt", "store_address = false", "allow_resume = true", "is there twice in [Study]"),
    ("custom.py", "from flask", "import nosuchmodule\nfrom flask", "uv add nosuchmodule"),
    ("custom.py", "custom_code = B", "custom_code == B", "NameError: name 'custom_code'"),
    ("custom.py", "__all__ =", "__all__ = (", "SyntaxError: '(' was never closed"),
]


@pytest.fixture
def with_mistake(study):
    """Make a mistake in a file of the study; gives the words that are to name its line."""
    originals = {}

    def make(file: str, right: str, wrong: str) -> str:
        path = study.path / file
        original = originals[path] = path.read_text(encoding="utf-8")
        path.write_text(original.replace(right, wrong, 1), encoding="utf-8")
        return f"{file}, line {original[: original.index(right)].count(chr(10)) + 1}"

    yield make
    for path, original in originals.items():
        path.write_text(original, encoding="utf-8")


def assert_tells(run, place: str, told: str) -> None:
    said = run.stdout + run.stderr
    assert run.returncode == 1
    assert told in said and place in said
    assert "Traceback" not in said
    assert len(said.splitlines()) <= 8, said


@pytest.mark.parametrize(("file", "right", "wrong", "told"), MISTAKES)
def test_a_preview_tells_a_mistake_with_its_line(preview, with_mistake, file, right, wrong, told):
    place = with_mistake(file, right, wrong)
    assert_tells(preview("--port", str(free_port())), place, told)


@pytest.mark.parametrize(("file", "right", "wrong", "told"), MISTAKES[5:7])
def test_tests_and_release_tell_it_too(study, with_mistake, file, right, wrong, told):
    place = with_mistake(file, right, wrong)
    assert_tells(study.run("pytest", "-q"), place, told)
    release = {"ON_CLOUD": "1", "DATABASE_URL": "postgres://u:p@db.invalid/d"}
    released = study.run("python", "-m", "study.server", "release", env=os.environ | release)
    assert_tells(released, place, told)


def test_a_mistake_in_the_study_s_own_init_app_is_told_without_gunicorns_words(preview, study):
    path = study.path / "custom.py"
    original = path.read_text(encoding="utf-8")
    mistake = "\n\ndef init_app(app):\n    app.nonsense()\n"
    path.write_text(original + mistake, encoding="utf-8")
    shown = preview("--port", str(free_port()))
    path.write_text(original, encoding="utf-8")
    assert shown.returncode == 1
    line = len((original + mistake).splitlines())
    assert f"custom.py, line {line}: AttributeError: 'Flask' object has no" in shown.stderr
    assert "Traceback" not in shown.stderr


def test_the_terminal_tells_what_participants_do(running):
    visitor = Participant(running.address, mode="debug")
    visitor.open("/exp")
    visitor.start()
    row = {"uniqueid": visitor.uniqueid, "current_trial": 0, "dateTime": 1, "trialdata": {}}
    visitor.save({"data": [row] * 3, "questiondata": {"age": "30"}})
    visitor.save([])
    visitor.complete()
    wait_for(lambda: "reached the end" in running.output)
    shown = press_ctrl_c(running)
    lines = [line[10:] for line in shown.splitlines() if " participant 1 " in line]
    assert re.fullmatch("participant 1 arrived: condition [01], counterbalance 0", lines[0])
    assert lines[1:] == [
        "participant 1 began the task",
        "participant 1 saved: 3 lines of data, 1 answer",
        "participant 1 could not save (status 400)",
        "participant 1 reached the end",
    ]
    assert f"The study:  http://localhost:{running.port} " in shown
    assert shown.endswith("\nStopped.\n") and "Traceback" not in shown


def test_a_preview_outlives_a_mistake_and_restarts_when_it_is_mended(running, study):
    config, custom, env = (study.path / name for name in ("config.txt", "custom.py", ".env"))
    right = {config: config.read_text("utf-8"), custom: custom.read_text("utf-8")}
    line = right[config][: right[config].index("title =")].count("\n") + 1

    def wait_to_read(*words: str) -> None:
        wait_for(lambda: all(word in running.output for word in words))

    def ask(path: str) -> str:
        return Participant(running.address).browser.get(path).text

    try:
        config.write_text(right[config].replace("title =", "title = 100% fun ", 1), "utf-8")
        wait_to_read("MISTAKE  The setting title", "percent sign", f"config.txt, line {line}.")
        assert "Stroop Task" in ask("/")
        env.write_text("ON_CLOUD=1")
        config.write_text(right[config].replace("Stroop", "New"), "utf-8")
        wait_to_read("MISTAKE  psiTurk would use its settings for the cloud: ON_CLOUD in .env")
        env.unlink()
        wait_to_read(".env changed: the server has started again.")
        assert "New Task" in ask("/")
        mistake = "\n\ndef init_app(app):\n    app.nonsense()\n"
        custom.write_text(right[custom] + mistake, "utf-8")
        last = len((right[custom] + mistake).splitlines())
        wait_to_read(f"MISTAKE  custom.py, line {last}: AttributeError: 'Flask' object has no")
        route = '\n\n@custom_code.route("/hello")\ndef hello():\n    return "Hello"\n'
        custom.write_text(right[custom] + route, "utf-8")
        wait_to_read("custom.py changed: the server has started again.")
        assert ask("/hello") == "Hello"
    finally:
        env.unlink(missing_ok=True)
        for path, text in right.items():
            path.write_text(text, "utf-8")
    assert "Traceback" not in press_ctrl_c(running)
