"""Two programs read Jinja here: cookiecutter when a study is made, psiTurk when it runs.

A page that cookiecutter rendered by mistake would look right in the repository and lose every
variable of psiTurk's in the study.
"""

import json
import re
from pathlib import Path

import pytest
from cookiecutter.generate import is_copy_only_path
from generated import REPOSITORY

QUESTIONS = json.loads((REPOSITORY / "cookiecutter.json").read_text(encoding="utf-8"))
TEMPLATE = next(REPOSITORY.glob("{{*}}"))
JINJA = re.compile(rb"\{\{|\{%|\{#")


def is_copied(path: Path) -> bool:
    """Whether cookiecutter copies this file, or a folder that holds it, without rendering it."""
    parts = [path, *path.parents[:-1]]
    return any(is_copy_only_path(str(part), {"cookiecutter": QUESTIONS}) for part in parts)


def pages() -> list[Path]:
    """The files of templates/ and machinery/ that contain Jinja."""
    files = [file for name in ("templates", "machinery") for file in (TEMPLATE / name).rglob("*")]
    found = [file for file in files if file.is_file() and "__pycache__" not in file.parts]
    return [file.relative_to(TEMPLATE) for file in found if JINJA.search(file.read_bytes())]


@pytest.fixture(scope="module", params=QUESTIONS["experiment"])
def study(request, new_folder) -> Path:
    return Path(new_folder(experiment=request.param, heroku_app="later"))


def test_every_page_with_psiturks_jinja_is_copied_as_it_is(study):
    psiturks = pages()
    assert {"templates/exp.html", "machinery/study/pages/error.html"} <= set(map(str, psiturks))
    for page in psiturks:
        assert is_copied(page), f"name {page} in _copy_without_render of cookiecutter.json"
        assert (study / page).read_bytes() == (TEMPLATE / page).read_bytes(), page


def test_every_pattern_names_something_in_the_template():
    for pattern in QUESTIONS["_copy_without_render"]:
        assert list(TEMPLATE.glob(pattern)), pattern


def test_only_the_machinery_is_copied_as_a_folder():
    """Generated over an existing study, such a folder is replaced with all that is in it."""
    folders = [path.relative_to(TEMPLATE) for path in TEMPLATE.rglob("*") if path.is_dir()]
    assert [str(folder) for folder in folders if is_copied(folder)][:1] == ["machinery"]
    assert all(folder.parts[0] == "machinery" for folder in folders if is_copied(folder))


def test_only_the_task_has_a_file_for_each_experiment():
    """A pattern that matches a conditional name would make cookiecutter crash."""
    conditional = [path for path in TEMPLATE.rglob("*{*") if ".venv" not in path.parts]
    assert sorted(path.relative_to(TEMPLATE).as_posix() for path in conditional) == [
        f"static/js/{{{{'task.js' if cookiecutter.experiment == '{experiment}'}}}}"
        for experiment in sorted(QUESTIONS["experiment"])
    ]
    assert not any(is_copied(path.relative_to(TEMPLATE)) for path in conditional)
