"""The borders between the parts of the machinery, as docs/architecture.md states them."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from generated import REPOSITORY

from docs.draw_modules import STUDY, imports

# Which any part may import.
TOOLS = {"messages", "signing", "statuses", "excluded"}
MAY_IMPORT = {
    "config": {"recruiters"},
    "recruiters": set(),
    "database": {"config", "recruiters"},
    "alerts": {"config", "database", "overview"},
    "server": {"config", "recruiters", "database", "libraries", "alerts"},
    "heroku": {"config", "recruiters", "libraries"},
    "libraries": set(),
    "export": {"config", "recruiters", "database"},
    "overview": {"config", "database"},
    "watch": {"config", "database", "heroku", "overview"},
    "bonuses": {"config", "recruiters", "database"},
    "robots": {"recruiters", "database", "export"},
    "adopt": {"config", "recruiters", "heroku"},
    "checks": {"config", "libraries", "recruiters", "server"},
}
BEFORE_INSTALLATION = ("config", "recruiters", "heroku", "libraries", "messages.py", "statuses.py")


def modules(*parts: str) -> list[Path]:
    files = [STUDY / part for part in parts]
    return [file for each in files for file in ([each] if each.is_file() else each.rglob("*.py"))]


def imported_at_the_top(file: Path) -> set[str]:
    """The packages that a module imports when it is imported itself."""
    found = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_a_part_imports_only_what_it_may_know(part):
    for file in modules(part):
        assert imports(file) - {part} - TOOLS <= MAY_IMPORT[part], file.relative_to(STUDY)


def test_what_the_hook_runs_needs_nothing_but_the_standard_library():
    for file in modules(*BEFORE_INSTALLATION):
        strange = imported_at_the_top(file) - sys.stdlib_module_names - {"study"}
        assert not strange, file.relative_to(STUDY)


def test_flask_is_imported_by_servers_alone():
    for file in modules("."):
        if file.is_relative_to(STUDY / "server") or file == STUDY / "watch" / "server.py":
            continue
        assert "flask" not in file.read_text(encoding="utf-8").partition("import flask")[1], file
        assert "from flask" not in file.read_text(encoding="utf-8"), file.relative_to(STUDY)


def test_a_recruiters_name_stands_in_its_own_module_alone():
    names = ("prolific", "sona", "mturk")
    for file in modules("."):
        if file.is_relative_to(STUDY / "recruiters"):
            continue
        constants = [
            node.value
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]
        assert not set(constants) & set(names), file.relative_to(STUDY)


def test_the_picture_of_the_modules_is_in_step():
    check = [sys.executable, "docs/draw_modules.py", "--check"]
    assert subprocess.run(check, cwd=REPOSITORY).returncode == 0, "run docs/draw_modules.py"
