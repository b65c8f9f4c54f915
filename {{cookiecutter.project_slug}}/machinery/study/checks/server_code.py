"""custom.py: whether it can be imported, and whether it lets the machinery start.

It is imported as the server does it, in a process of its own, since it may do anything.
"""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from study.checks.finding import Finding
from study.config import CLOUD, Config

FILE = "custom.py"
SECONDS = 60
IMPORT = "from study.server.__main__ import try_custom; try_custom()"
# What it says: a StudyError.
CAUSE = re.compile(
    r"(?:(?P<file>\S+), line (?P<line>\d+): |\Acustom\.py: )(?P<what>.*)\n(?P<remedy>.*)"
)
# psiTurk's modules that import custom.py themselves.
IMPORTERS = ("psiturk.experiment", "psiturk.experiment_server")
# What would lead custom.py to the data of the app, when it is only tried.
ONLINE = ("DATABASE_URL", "PSITURK_DATABASE_URL", *CLOUD)


def start_import(config: Config) -> subprocess.Popen:
    """Import custom.py in a process of its own, with the settings of this machine or the app."""
    variables = {n: v for n, v in config.environment.items() if n not in ONLINE}
    others = {name: value for name, value in os.environ.items() if name not in ONLINE}
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
    text = {"encoding": "utf-8", "errors": "replace"}
    command = [sys.executable, "-c", IMPORT]
    return subprocess.Popen(command, cwd=config.folder, env=others | variables, **pipes, **text)


def find_import_errors(process: subprocess.Popen) -> Iterator[Finding]:
    """Wait for the import; yield the line of the researcher's that failed, and why."""
    try:
        _, said = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        what = f"importing it took more than {SECONDS} seconds"
        yield Finding(FILE, 0, what, "What takes long belongs into a route.")
        return
    if process.returncode and (found := CAUSE.search(said)):
        place = found["file"] or FILE, int(found["line"] or 0)
        yield Finding(*place, found["what"].rstrip("."), found["remedy"])
    elif process.returncode:
        last = said.strip().rpartition("\n")[2]
        yield Finding(FILE, 0, f"it cannot be imported: {last}", "Correct it.")


def find_lost_start(folder: Path) -> Iterator[Finding]:
    """Yield what would let psiTurk run without the machinery."""
    try:
        tree = ast.parse((folder / FILE).read_text(encoding="utf-8-sig"))
    except (OSError, SyntaxError, ValueError):
        return  # which the import tells
    if line := find_replaced_start(tree):
        what = "this init_app takes the place of the machinery's, which never starts"
        remedy = "In it, call the machinery's: from study.server import init_app as start"
        yield Finding(FILE, line, what, f"{remedy}, then start(app).")
    yield from find_circle(tree)


def find_circle(tree: ast.Module) -> Iterator[Finding]:
    """Yield an import, at the top, of the modules of psiTurk that themselves import custom.py."""
    for node in tree.body:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        if set(names) & set(IMPORTERS):
            what = "psiTurk's application cannot be imported here, since it imports this file"
            remedy = "Import it inside the function that needs it, or use flask.current_app."
            yield Finding(FILE, node.lineno, what, remedy)


def find_replaced_start(tree: ast.Module) -> int:
    """The line of an init_app of the researcher's own that calls no other; 0 without one."""
    own = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "init_app"]
    nodes = list(ast.walk(tree))
    imported = {
        alias.asname or alias.name
        for node in nodes
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("study")
        for alias in node.names
        if alias.name in ("init_app", "server")
    }
    used = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    used |= {n.attr for n in nodes if isinstance(n, ast.Attribute)}
    return own[-1].lineno if own and not (imported | {"init_app"}) & used else 0
