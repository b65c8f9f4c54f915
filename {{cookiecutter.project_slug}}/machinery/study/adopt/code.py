"""custom.py of an old study and the modules beside it: for Python 3, psiTurk 3 and our server."""

import ast
import re
import sys
from dataclasses import dataclass, field
from importlib.metadata import packages_distributions

from study.adopt.old_study import NOTHING, OldStudy
from study.messages import StudyError

# Python 2's names that a file can hold although it is read without an error.
OLD_NAMES = {
    "has_key": r"\.has_key\s*\(",
    "imports": r"(?m)^\s*(import|from)\s+(c?StringIO|ConfigParser|Queue|cPickle|urlparse)\b",
    "urllib": r"\burllib2\b|\burllib\.(urlencode|quote|unquote|urlopen)\b",
    "dict": r"\.iter(items|keys|values)\s*\(",
    "unicode": r"\bunicode\s*\(",
    "basestring": r"\bbasestring\b",
    "xrange": r"\bxrange\s*\(",
    "long": r"\blong\s*\(",
}
# Those and what stops Python 3 from reading a file.
SYNTAX = ("print", "except", "raise", "exec", "ne", "repr", "numliterals", "tuple_params")
STATUSES = ("NOT_ACCEPTED", "ALLOCATED", "STARTED", "COMPLETED", "SUBMITTED", "CREDITED",
            "QUITEARLY", "BONUSED")  # fmt: skip
_ERRORS = "psiturk.experiment_errors"
# What psiTurk 3, Flask 3 and their packages have elsewhere: where it was, and where it is.
# psiturk.experiment imports custom.py, so custom.py cannot import from it.
MOVED = {
    **{(m, n): ("markupsafe", n) for m in ("flask", "jinja2") for n in ("Markup", "escape")},
    **{("psiturk.experiment", n): ("psiturk.psiturk_statuses", n) for n in STATUSES},
    ("psiturk.experiment", "app"): ("flask", "current_app"),
    (_ERRORS, "InvalidUsage"): (_ERRORS, "InvalidUsageError"),
    ("werkzeug", "secure_filename"): ("werkzeug.utils", "secure_filename"),
}  # fmt: skip
WIRING = """

# The study's machinery, which psiTurk brings in through this function.
from study.server import init_app
"""
WIRING_AROUND = """

# The study's machinery comes first, then what this file does itself.
from study.server import init_app as _init_machinery

_init_own = init_app


def init_app(app):
    _init_machinery(app)
    _init_own(app)
"""


@dataclass
class Code:
    """What custom.py and its modules become, and what they need."""

    texts: dict[str, str] = field(default_factory=dict)  # by their names
    notes: dict[str, list[str]] = field(default_factory=dict)
    packages: dict[str, str] = field(default_factory=dict)  # with the line that needs each
    problems: list[str] = field(default_factory=list)
    settings: set[tuple[str, str]] = field(default_factory=set)  # that it reads from config.txt
    needs_login: bool = False


def convert_code(old: OldStudy) -> Code:
    """Convert custom.py and its modules. Raises StudyError for one that cannot be read."""
    code, waiting = Code(), ["custom.py"]
    while waiting:
        name = waiting.pop()
        if name in code.texts:
            continue
        source = old.custom if name == "custom.py" else name
        text, code.notes[name] = convert(old.read_text(source), name, old)
        code.texts[name] = text
        tree = ast.parse(text)
        code.settings |= find_settings(tree)
        for module, line in find_imports(tree):
            beside = find_beside(old, module)
            waiting += beside
            top = module.partition(".")[0]
            if module == "psiturk.experiment":
                code.problems.append(
                    f"{name}, line {line}: psiturk.experiment imports custom.py, so custom.py "
                    "cannot import from it. Import inside the functions that need it"
                )
            elif not beside and not is_local(old, top) and not is_installed(top):
                code.packages.setdefault(top, f"{name}, line {line}")
    code.needs_login = any("PsiTurkAuthorization(" in text for text in code.texts.values())
    custom = code.texts["custom.py"]
    own = any(
        isinstance(n, ast.FunctionDef) and n.name == "init_app" for n in ast.parse(custom).body
    )
    if "study.server" not in custom:
        code.texts["custom.py"] = custom.rstrip() + (WIRING_AROUND if own else WIRING)
        code.notes["custom.py"].append("init_app of the machinery")
    return code


def convert(text: str, name: str, old: OldStudy) -> tuple[str, list[str]]:
    """Return a module as Python 3 reads it, and what was changed. Raises StudyError."""
    notes, text = [], text.replace("\r\n", "\n")
    if not text.endswith("\n"):
        text += "\n"
    if is_tabbed(text):
        text, notes = text.expandtabs(8), ["tabs became spaces"]
    wanted = [fix for fix, pattern in OLD_NAMES.items() if re.search(pattern, text)]
    if not is_python_3(text):
        wanted = list(dict.fromkeys([*SYNTAX, *wanted]))
    if wanted:
        changed = modernise(text, wanted, name)
        if changed != text:
            text = changed
            notes.append(f"Python 2 became Python 3 ({', '.join(wanted)})")
    try:
        ast.parse(text)
    except (SyntaxError, ValueError) as error:
        line = f", line {error.lineno}" if getattr(error, "lineno", None) else ""
        raise StudyError(
            f"{name}{line} cannot be read as Python: {getattr(error, 'msg', error)}.",
            f"Correct it in a copy of the old study, and adopt that. {NOTHING}",
        ) from error
    text, unused = drop_imports(text, old)
    notes += [f"the import of {name}, which nothing uses, is gone" for name in unused]
    text, moved = move_imports(text)
    return text, notes + [f"{name} comes from {module}" for name, module in moved]


def drop_imports(text: str, old: OldStudy) -> tuple[str, list[str]]:
    """Drop imports that a study lacks and the file never uses; list their names."""
    tree, lines, dropped = ast.parse(text), text.splitlines(keepends=True), []
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for node in reversed(tree.body):
        if not isinstance(node, ast.Import) or len(node.names) > 1:
            continue
        name = node.names[0].name
        top = name.partition(".")[0]
        bound = node.names[0].asname or top
        if bound not in used and not is_local(old, top) and not is_installed(top):
            del lines[node.lineno - 1 : node.end_lineno]
            dropped.append(name)
    return "".join(lines), dropped


def move_imports(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Import what has moved from where it is, under the name that the file uses; list what."""
    lines, moved = text.splitlines(keepends=True), []
    for node in reversed(list(ast.walk(ast.parse(text)))):
        if not isinstance(node, ast.ImportFrom) or node.level:
            continue
        new = {alias: MOVED[node.module, alias.name] for alias in node.names
               if (node.module, alias.name) in MOVED}  # fmt: skip
        if not new:
            continue
        rest = ast.ImportFrom(node.module, [a for a in node.names if a not in new], 0)
        parts = [ast.unparse(rest)] if rest.names else []
        for alias, (module, name) in new.items():
            used = alias.asname or alias.name
            parts.append(f"from {module} import {name}" + (f" as {used}" if used != name else ""))
            moved.append((alias.name, module))
        indent = " " * node.col_offset
        lines[node.lineno - 1 : node.end_lineno] = [f"{indent}{part}\n" for part in parts]
    return "".join(lines), moved[::-1]


def is_tabbed(text: str) -> bool:
    """Whether lines begin with tabs and others with spaces, which Python 3 refuses."""
    starts = {line[0] for line in text.splitlines() if line[:1] in (" ", "\t")}
    mixed = any(re.match(r" +\t|\t+ ", line) for line in text.splitlines())
    return len(starts) > 1 or mixed


def is_python_3(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return True


def modernise(text: str, fixes: list[str], name: str) -> str:
    """Let fissix, the successor of lib2to3, rewrite Python 2. Raises StudyError if it cannot."""
    from fissix.pgen2.parse import ParseError
    from fissix.pgen2.tokenize import TokenError
    from fissix.refactor import RefactoringTool

    tool = RefactoringTool([f"fissix.fixes.fix_{fix}" for fix in fixes])
    try:
        return str(tool.refactor_string(text, name))
    except (ParseError, TokenError, IndentationError) as error:
        raise StudyError(
            f"{name} cannot be read as Python 2 or 3: {error}.",
            f"Correct it in a copy of the old study, and adopt that. {NOTHING}",
        ) from error


def find_imports(tree: ast.AST) -> list[tuple[str, int]]:
    """Return the modules that a file imports, wherever in it, with their lines."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = f"{node.module}." if node.module else ""
            found += [(node.module, node.lineno)] if node.module else []
            found += [(f"{base}{alias.name}", node.lineno) for alias in node.names]
    return found


def find_beside(old: OldStudy, module: str) -> list[str]:
    """Return the files of a module that lies beside custom.py; for a package, all of them."""
    path = module.replace(".", "/")
    top = module.partition(".")[0]
    files = [name for name in (f"{path}.py",) if name in old.files]
    if f"{top}/__init__.py" in old.files:
        files += [n for n in old.files if n.startswith(f"{top}/") and n.endswith(".py")]
    return files


def is_local(old: OldStudy, top: str) -> bool:
    """Whether a module or package lies beside custom.py."""
    return any(name == f"{top}.py" or name.startswith(f"{top}/") for name in old.files)


def is_installed(top: str) -> bool:
    """Whether a study has the module without adding a package."""
    return top in sys.stdlib_module_names or top in packages_distributions() or top == "custom"


def find_settings(tree: ast.AST) -> set[tuple[str, str]]:
    """Return section and name of each setting that a file reads from config.txt by itself."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            values = [a.value for a in node.args[:2] if isinstance(a, ast.Constant)]
            is_read = node.func.attr in ("get", "getint", "getfloat", "getboolean", "has_option")
            if is_read and len(values) == 2 and all(isinstance(v, str) for v in values):
                found.add((values[0], values[1].lower()))
    return found


def find_distribution(package: str, requirements: str) -> str:
    """Return what to install for an imported package, as the old requirements name it."""
    known = {"sklearn": "scikit-learn", "PIL": "pillow", "cv2": "opencv-python-headless",
             "yaml": "pyyaml", "dateutil": "python-dateutil", "bs4": "beautifulsoup4"}  # fmt: skip
    for line in requirements.splitlines():
        name = re.match(r"[\w.-]+", line.strip())
        if name and name[0].lower().replace("-", "_") == package.lower():
            return name[0]
    return known.get(package, package)
