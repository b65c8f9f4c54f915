"""`study preview`: what it refuses, and in which words. That it works, browser tests show."""

import os
import socket

import pytest
from server import free_port


@pytest.fixture(scope="module")
def study(studies):
    return studies(project_slug="previewed")


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
        assert f"{name} is set in this terminal" in refused.stderr
        assert f"unset {name}" in refused.stderr


def test_a_database_on_another_machine_is_refused_without_showing_its_password(preview):
    for name in ("DATABASE_URL", "PSITURK_DATABASE_URL"):
        refused = preview(**{name: "postgres://u:se%40cret@db.example.edu/d"})
        assert refused.returncode == 1
        assert f"(from the variable {name})" in refused.stderr
        assert "postgres://u:***@db.example.edu/d" in refused.stderr


def test_both_are_refused_when_they_stand_in_the_env_file(preview, study):
    for line, words in {
        "ON_CLOUD=1": f"ON_CLOUD is set in {study.path}/.env",
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


def test_a_mistake_in_custom_py_is_shown(preview, study):
    custom = study.path / "custom.py"
    original = custom.read_text(encoding="utf-8")
    custom.write_text("import nosuchmodule\n" + original, encoding="utf-8")
    shown = preview("--port", str(free_port()))
    custom.write_text(original, encoding="utf-8")
    assert shown.returncode == 1
    assert "No module named 'nosuchmodule'" in shown.stderr
    assert "The server did not start." in shown.stderr


def test_unreadable_settings_are_explained(preview, study):
    config = study.path / "config.txt"
    original = config.read_text(encoding="utf-8")
    config.write_text(original + "recruitment = twice\n", encoding="utf-8")
    shown = preview()
    config.write_text(original, encoding="utf-8")
    assert shown.returncode == 1
    assert "The settings cannot be read" in shown.stderr
    assert "Traceback" not in shown.stderr
