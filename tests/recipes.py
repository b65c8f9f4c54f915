"""The recipes of the study's cookbook, carried out as a reader would: word by word.

The text of a recipe ends with one of these before each block of code, so that a person and this
module read the same:

    In `FILE`, below      the lines to find, then "write", then what to put under them
    In `FILE`, replace    the lines to find, then "with", then what to put in their place
    At the end of `FILE`, write
    Make `FILE`:
    Run

"Copy `FILE` to `FILE`." and "Put … at `FILE` and `FILE`." need no block.
"""

import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from generated import REPOSITORY, Study

COOKBOOK = REPOSITORY / "{{cookiecutter.project_slug}}" / "docs" / "cookbook.md"
SECTIONS = {"stroop": "In plain JavaScript", "jspsych": "On jsPsych"}
FENCE = re.compile(r"^```\w*\n(.*?)^```$", re.M | re.S)
FILE = re.compile(r"`([^`]+)`")


def read_recipes(text: str) -> dict[str, str]:
    """The text of each recipe by its heading."""
    parts = re.split(r"^## (.+)\n", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def choose_steps(recipe: str, experiment: str) -> str:
    """What somebody with this experiment reads of a recipe."""
    parts = re.split(r"^### (.+)\n", recipe, flags=re.M)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert set(sections) <= set(SECTIONS.values()), sections.keys()
    return parts[0] + sections.get(SECTIONS[experiment], "")


def carry_out(recipe: str, study: Study, sample: Callable[[str], bytes]) -> None:
    """Do what a recipe says, to a study. ``sample`` gives a picture, sound or film for a name."""
    steps = split(recipe)
    for sentence, code in steps:
        do_without_code(sentence, study.path, sample)
        if code is None:
            continue
        if found := re.search(r"In `([^`]+)`, (below|replace)$", sentence):
            word, new = next(steps)
            assert word == {"below": "write", "replace": "with"}[found[2]], word
            new = code + new if found[2] == "below" else new
            change(study.path / found[1], code, new)
        elif found := re.search(r"At the end of `([^`]+)`, write$", sentence):
            with (study.path / found[1]).open("a", encoding="utf-8") as file:
                file.write(code)
        elif found := re.search(r"Make `([^`]+)`:$", sentence):
            make(study.path / found[1], code.encode())
        else:
            assert sentence.endswith("Run"), f"what to do with this? {sentence!r}:\n{code}"
            run(study, code)


def split(recipe: str) -> Iterator[tuple[str, str | None]]:
    """Each block of code with the text before it, and at last the text after all."""
    parts = FENCE.split(recipe)
    for text, code in zip(parts[::2], [*parts[1::2], None], strict=True):
        yield text.strip(), code


def do_without_code(text: str, folder: Path, sample: Callable[[str], bytes]) -> None:
    for paragraph in text.split("\n\n"):
        if found := re.fullmatch(r"Copy `([^`]+)` to `([^`]+)`\.", paragraph):
            make(folder / found[2], (folder / found[1]).read_bytes())
        elif paragraph.startswith("Put "):
            for name in FILE.findall(paragraph):
                make(folder / name, sample(name))


def change(file: Path, old: str, new: str) -> None:
    """Find whole lines, which must be there once, and put others in their place."""
    text = file.read_text("utf-8")
    assert f"\n{text}".count(f"\n{old}") == 1, f"not once in {file}:\n{old}"
    file.write_text(f"\n{text}".replace(f"\n{old}", f"\n{new}")[1:], "utf-8")


def make(file: Path, content: bytes) -> None:
    assert not file.exists(), f"{file} is there already"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def run(study: Study, lines: str) -> None:
    for line in lines.splitlines():
        program, how, *command = shlex.split(line)
        assert (program, how) == ("uv", "run"), line
        done = study.run(*command)
        assert done.returncode == 0, done.stdout + done.stderr


def copy_study(study: Study, folder: Path) -> Study:
    """A study of its own, with the packages of another."""
    ignored = shutil.ignore_patterns(".venv", ".git", "data", "*.db")
    shutil.copytree(study.path, folder, ignore=ignored)
    (folder / ".venv").symlink_to(study.path / ".venv")
    return Study(folder)
