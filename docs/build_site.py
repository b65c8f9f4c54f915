"""Build the documentation's site from docs/, the other Markdown files and a study's docs/.

uv run python docs/build_site.py [FOLDER]     by default into site/

The pages lie as in the repository, so that their links hold; the folder in braces gives way to a
study that is made for the site. Needs no network.
"""

import re
import shutil
import sys
import tempfile
from pathlib import Path

from cookiecutter.main import cookiecutter
from draw_modules import BEGIN, END, read_parts
from sphinx.cmd.build import build_main

DOCS = Path(__file__).parent
REPOSITORY = DOCS.parent
TEMPLATE = "%7B%7Bcookiecutter.project_slug%7D%7D"
GITHUB = "https://github.com/lab/psiturk-heroku/blob/main"
STUDY = "study"
ANSWERS = {"project_slug": STUDY, "heroku_app_name": "your-app", "heroku_app": "later"}
PAGES = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
# The order of the menu; a page that is missing here is an error of the build.
MENU = {
    "": ["docs/making", "docs/gallery"],
    "A study": [
        *(
            "A study's life <study/README>",
            "study/docs/trying",
            "study/docs/changing",
            "study/docs/cookbook",
        ),
        *("study/docs/reference", "study/docs/online", "study/docs/hosts"),
    ],
    "Recruiting": [
        *("study/docs/recruiting", "study/docs/recruiting/prolific"),
        *("study/docs/recruiting/sona", "study/docs/recruiting/link"),
        *("study/docs/recruiting/mturk", "study/docs/watching", "study/docs/alerts"),
    ],
    "Data": [
        *("study/docs/data", "study/docs/report", "study/docs/quality", "study/docs/sharing"),
        "study/docs/erasure",
    ],
    "Help": ["study/docs/trouble", "study/docs/updating", "docs/adopting"],
    "The template": [
        *("docs/architecture", "docs/benchmarks", "CONTRIBUTING", "SECURITY", "CHANGELOG"),
    ],
}


def lay_out(source: Path) -> None:
    """Write the site's pages and pictures into a folder."""
    render_study(source)
    shutil.copytree(DOCS, source / "docs", ignore=shutil.ignore_patterns("*.py", "site"))
    shutil.copytree(DOCS / "site", source, dirs_exist_ok=True)
    for name in PAGES:
        shutil.copy(REPOSITORY / name, source)
    home = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    (source / "index.md").write_text(f"{home}\n{menu()}", encoding="utf-8")
    architecture = source / "docs" / "architecture.md"
    architecture.write_text(tabulate_modules(architecture.read_text("utf-8")), encoding="utf-8")
    for page in source.rglob("*.md"):
        text = page.read_text(encoding="utf-8").replace(TEMPLATE, STUDY)
        page.write_text(link_elsewhere(text, page, source), encoding="utf-8")


def render_study(source: Path) -> None:
    """Make a study and leave of it what the site shows."""
    with tempfile.TemporaryDirectory() as folder:
        # Without hooks: they lock packages, which needs the network.
        options = {"no_input": True, "accept_hooks": False, "output_dir": folder}
        made = Path(cookiecutter(str(REPOSITORY), extra_context=ANSWERS, **options))
        shutil.copytree(made / "docs", source / STUDY / "docs")
        shutil.copy(made / "README.md", source / STUDY)


def menu() -> str:
    """The home page's tables of contents, which make the menu."""
    parts = []
    for caption, pages in MENU.items():
        head = ["```{toctree}", ":hidden:", *([f":caption: {caption}"] if caption else [])]
        parts.append("\n".join([*head, "", *pages, "```"]))
    return "\n\n".join(parts) + "\n"


def tabulate_modules(text: str) -> str:
    """Replace the graph of the modules, which only GitHub draws, by a table that says the same."""
    head, _, rest = text.partition(BEGIN)
    modules, arrows = read_parts()
    lines = ["| part | its modules | imports |", "| --- | --- | --- |"]
    for part, names in modules.items():
        imported = ", ".join(sorted(arrows[part] & modules.keys())) or "–"
        lines.append(f"| `{part}/` | {', '.join(names)} | {imported} |")
    return "\n".join([head, *lines, "", rest.partition(END)[2]])


def link_elsewhere(text: str, page: Path, source: Path) -> str:
    """Let links to files that are no pages of the site lead to the repository.

    Pictures stay as they are: one that is missing is an error of the build.
    """

    def lead(match: re.Match) -> str:
        words, address = match.groups()
        target = address.partition("#")[0]
        if "://" in target or not target or (page.parent / target).exists():
            return match[0]
        path = (page.parent / target).resolve().relative_to(source.resolve()).as_posix()
        if path == "README.md":
            return f"{words}](/index.md)"
        return f"{words}]({GITHUB}/{re.sub(f'^{STUDY}/', f'{TEMPLATE}/', path)})"

    return re.sub(r"(?<!\!)(\[[^\]]*)\]\(([^)\s]+)\)", lead, text)


def build(target: Path) -> int:
    """Build the site; returns 0 if it has no broken link and no other warning."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "source")
        lay_out(source)
        options = ["-q", "-E", "--fail-on-warning", "--keep-going", "-d", f"{folder}/doctrees"]
        return build_main([*options, str(source), str(target)])


if __name__ == "__main__":
    sys.exit(build(Path(sys.argv[1] if sys.argv[1:] else REPOSITORY / "site")))
