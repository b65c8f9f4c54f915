"""Draw which part of the machinery imports which, as the Mermaid graph of architecture.md.

uv run python docs/draw_modules.py            write the picture into docs/architecture.md
uv run python docs/draw_modules.py --check    exit with 1 if it is not in step with the code
"""

import ast
import sys
from pathlib import Path

DOCS = Path(__file__).parent
STUDY = DOCS.parent / "{{cookiecutter.project_slug}}" / "machinery" / "study"
PAGE = DOCS / "architecture.md"
BEGIN, END = "<!-- modules -->\n", "<!-- end of modules -->\n"


def part_of(file: Path) -> str:
    """The package that a module belongs to; the modules at the top are each a part."""
    inside = file.relative_to(STUDY)
    return inside.parts[0].removesuffix(".py")


def imports(file: Path) -> set[str]:
    """The parts of the machinery that a module imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "study":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("study."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            names = (alias.name for alias in node.names)
            found |= {name.split(".")[1] for name in names if name.startswith("study.")}
    return found


def read_parts() -> tuple[dict[str, list[str]], dict[str, set[str]]]:
    """The modules of each package, and the parts that each part imports."""
    modules: dict[str, list[str]] = {}
    arrows: dict[str, set[str]] = {}
    for file in sorted(STUDY.rglob("*.py")):
        part = part_of(file)
        name = file.relative_to(STUDY / part).with_suffix("") if file.parent != STUDY else None
        if name and not name.name.startswith("__"):
            modules.setdefault(part, []).append(name.as_posix())
        arrows.setdefault(part, set()).update(imports(file) - {part})
    return modules, arrows


def draw() -> str:
    """The graph: packages as boxes with their modules, and what the other modules are used by."""
    modules, arrows = read_parts()
    lines = ["```mermaid", "graph TD"]
    for part, names in modules.items():
        lines.append(f'  {part}["<b>{part}/</b><br>{"<br>".join(names)}"]')
    for part in modules:
        lines += [f"  {part} --> {other}" for other in sorted(arrows[part] & modules.keys())]
    return "\n".join([*lines, "```", ""])


def main() -> None:
    """Write the picture, or check it."""
    text = PAGE.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    drawn = f"{head}{BEGIN}\n{draw()}\n{END}{tail}"
    if "--check" in sys.argv:
        sys.exit(drawn != text)
    PAGE.write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    main()
