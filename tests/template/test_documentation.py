"""What README and docs/, of the template and of a study, say is there: commands, paths, links.

The site is built of them, as it is published, without a warning.
"""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from generated import REPOSITORY, Study
from live_study import NAME

TEMPLATE = "{{cookiecutter.project_slug}}"
OWN = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
# Reads a list of command lines and prints, for each, what click says against it.
PARSE = """
import contextlib, io, json, shlex, sys
import click
from study.__main__ import cli

def parse(words):
    command, name, parent = cli, "study", None
    while True:
        rest = list(words) if isinstance(command, click.Group) else words
        context = command.make_context(name, rest, parent=parent, resilient_parsing=False)
        if not isinstance(command, click.Group) or not words:
            return
        name, command, words = command.resolve_command(context, words)
        parent = context

def complain(line):
    try:
        parse(shlex.split(line, comments=True))
    except click.exceptions.NoArgsIsHelpError:
        return ""
    except click.UsageError as error:
        return error.format_message()
    return ""

def options(command):
    for one in getattr(command, "commands", {}).values():
        yield from options(one)
    for option in command.params:
        yield from option.opts + option.secondary_opts

context = click.Context(cli)
known = {"--help"}
for name in cli.list_commands(context):
    known.update(options(cli.get_command(context, name)))
lines = json.load(sys.stdin)
print(json.dumps([[complain(line) for line in lines], sorted(known)]))
"""
COMMAND = re.compile(r"uv run (?:--group parquet )?study\b((?: [^`\n|;()]*)?)")
PATH = re.compile(r"(?<![\w./:-])(?:\.\./)*([\w-][\w./-]*|\.[a-z][\w./-]*)(?![\w/]|-\w)")
SUFFIX = re.compile(r"\w\.(?:md|py|m?js|html|css|toml|txt|cff|ya?ml|json|R|sql|jpg|png|webp)$")
# What commands write, by the beginning, and files of older studies, of packages and of the reader.
LATER = ("data/", "static/images/", "images/", "lists/", "dist/", "css/")
LATER += (
    "ADOPTED.md",
    "CHANGES.md",
    "LICENSE.md",
    "README.txt",
    "codebook.md",
    "contact-sheet.html",
)
LATER += (
    "dataset_description.json",
    "everything.json",
    "excluded.txt",
    "scalingo.json",
    "settings.md",
)
LATER += ("herokuapp.py", "requirements.txt", "runtime.txt", "utils.js", "part.html", "backup.sql")
LATER += ("psiturk-heroku/",)
IGNORED = {".venv", ".git", "__pycache__", "node_modules"}


@pytest.fixture(scope="module")
def study(studies) -> Study:
    return studies(heroku_app="later", heroku_app_name=NAME)


@pytest.fixture(scope="module")
def pages(study) -> dict[Path, str]:
    """All Markdown that people read, by its file; a study's as its researcher has it."""
    files = [REPOSITORY / name for name in OWN]
    files += REPOSITORY.glob("docs/*.md")
    files += [study.path / "README.md", *study.path.glob("docs/**/*.md")]
    return {file: file.read_text(encoding="utf-8") for file in files}


def code_of(text: str) -> list[str]:
    """What stands in backticks, of blocks each line."""
    text = re.sub(r"``(?!`) ?(.+?) ?``", "", text)
    blocks = re.findall(r"^( *)```\w*\n(.*?)^\1```", text, re.DOTALL | re.MULTILINE)
    text = re.sub(r"^( *)```.*?^\1```", "", text, flags=re.DOTALL | re.MULTILINE)
    lines = [line.strip() for _, block in blocks for line in block.splitlines()]
    return lines + [code.replace("\n", " ") for code in re.findall(r"`([^`]+)`", text)]


def test_every_command_can_be_typed_as_it_stands(study, pages):
    said = {}
    for file, text in pages.items():
        for code in code_of(text):
            code = re.sub(r"^(?:\$ )?study ", "uv run study ", code)
            for found in filter(None, COMMAND.findall(code)):
                line = re.sub(r" …|(?<=docker)\|\S+", "", found.strip())
                said.setdefault(line, file)
    assert len(said) > 40
    complaints, known = ask_click(study, list(said))
    wrong = [
        f"{file.name}: study {line}: {complaint}"
        for (line, file), complaint in zip(said.items(), complaints, strict=True)
        if complaint and not re.search("does not exist|Missing argument|requires an arg", complaint)
    ]
    assert wrong == []
    alone = {
        code.split()[0]: file
        for file, text in pages.items()
        if study.path in file.parents
        for code in code_of(text)
        if code.startswith("--")
    }
    assert alone and [option for option in alone if option not in known] == []


def ask_click(study: Study, lines: list[str]) -> tuple[list[str], list[str]]:
    """What click has against each command line, and all options that commands have."""
    done = study.run("python", "-c", PARSE, input=json.dumps(lines))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_command_is_listed_in_the_order_of_a_studys_life(study):
    listed = study.run("study", "--help").stdout.partition("Commands:\n")[2]
    page = (REPOSITORY / "docs" / "making.md").read_text(encoding="utf-8")
    rows = page.partition("## Every command")[2]
    assert re.findall(r"^\| `(\w+)", rows, re.MULTILINE) == re.findall(r"(?m)^  (\w+) ", listed)


def test_every_path_is_there(study, pages):
    there = list_ends(study.path), list_ends(REPOSITORY)
    missing = [
        f"{file.name}: {path}"
        for file, text in pages.items()
        # The one names what was there once; tests/browser/test_cookbook.py follows the other.
        if file.name not in ("CHANGELOG.md", "cookbook.md")
        for code in code_of(text)
        for path in PATH.findall(code)
        if SUFFIX.search(path) and not path.startswith(LATER)
        if path not in there[study.path not in file.parents]
    ]
    assert missing == []


def list_ends(folder: Path) -> set[str]:
    """The paths of all files, from the folder on and from each folder on the way to the file."""
    ends = set()
    for file in folder.rglob("*"):
        parts = file.relative_to(folder).parts
        if not IGNORED.intersection(parts):
            ends |= {"/".join(parts[start:]) for start in range(len(parts))}
    return ends


def test_every_program_of_the_workshop_is_there(pages):
    said = "\n".join(text for file, text in pages.items() if REPOSITORY in file.parents)
    modules = {name for name in re.findall(r"python -m (tests[\w.]+)", said)}
    assert modules
    for name in modules:
        assert Path(REPOSITORY, *name.split(".")).with_suffix(".py").exists(), name


def test_every_link_leads_somewhere(pages):
    broken = []
    for file, text in pages.items():
        prose = re.sub(r"^( *)```.*?^\1```", "", text, flags=re.DOTALL | re.MULTILINE)
        for address in re.findall(r"\]\(([^)\s]+)\)", prose):
            if re.match(r"\w+:", address):
                continue
            path, _, anchor = unquote(address).partition("#")
            target = file.parent / path if path else file
            if not target.exists() or (anchor and anchor not in anchors_of(target)):
                broken.append(f"{file.name}: {address}")
    assert broken == []


def anchors_of(page: Path) -> set[str]:
    """The headings of a page as GitHub makes addresses of them."""
    text = re.sub(r"(?ms)^```.*?^```", "", page.read_text(encoding="utf-8"))
    headings = re.findall(r"(?m)^#+ (.+)$", text)
    words = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in words}


def test_both_readmes_are_short(study):
    for readme in (REPOSITORY / "README.md", study.path / "README.md"):
        assert len(readme.read_text(encoding="utf-8").splitlines()) <= 150


def test_the_film_is_small():
    assert (REPOSITORY / "docs" / "images" / "film.webp").stat().st_size < 2e6


class Loaded(HTMLParser):
    """What a page makes a browser load."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        loads = [values.get(name) for name in ("src", "srcset", "poster", "data", "background")]
        loads += [values.get("href")] if tag == "link" else []
        self.found += [address for address in loads if address]


def test_the_site_is_built_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path):
    build = [sys.executable, "docs/build_site.py", tmp_path]
    done = subprocess.run(build, cwd=REPOSITORY, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(list(tmp_path.rglob("*.html"))) > 30
    for page in tmp_path.rglob("*.html"):
        elsewhere = [each for each in Loaded(page).found if re.match(r"(\w+:)?//", each)]
        assert elsewhere == [], page
    for script in (*tmp_path.rglob("*.css"), *tmp_path.rglob("*.js")):
        text = script.read_text(encoding="utf-8")
        assert not re.search(r"(?:url\(|import |fetch\()\s*[\"']?(?:https?:)?//", text), script
