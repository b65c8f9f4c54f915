"""What the template leaves behind: every choice of every question gives a sound study.

For any two choices that can meet, the files are rendered and read. A whole study, with its
repository, its lock and its own tests, is made for each choice.
"""

import ast
import itertools
import json
import re
import subprocess
import tomllib
from configparser import ConfigParser
from pathlib import Path

import html5lib
import pytest
import yaml
from cookiecutter.main import cookiecutter
from generated import REPOSITORY, Study

QUESTIONS = json.loads((REPOSITORY / "cookiecutter.json").read_text(encoding="utf-8"))
CHOICES = {
    name: options
    for name, options in QUESTIONS.items()
    if isinstance(options, list) and not name.startswith("_")
} | {"num_conditions": ["1", "2", "7"]}


def pairwise(choices: dict[str, list[str]]) -> list[dict[str, str]]:
    """A short list of answers in which any two choices of two questions meet at least once."""
    names = list(choices)
    missing = {
        ((a, x), (b, y))
        for a, b in itertools.combinations(names, 2)
        for x, y in itertools.product(choices[a], choices[b])
    }

    def pairs(row):
        return set(itertools.combinations(zip(names, row, strict=True), 2))

    rows = []
    while missing:
        best = max(itertools.product(*choices.values()), key=lambda row: len(missing & pairs(row)))
        missing -= pairs(best)
        rows.append(dict(zip(names, best, strict=True)))
    return rows


def each_once(choices: dict[str, list[str]]) -> list[dict[str, str]]:
    """The shortest list of answers that has every choice."""
    longest = max(map(len, choices.values()))
    return [{name: some[n % len(some)] for name, some in choices.items()} for n in range(longest)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for name, choose in (("pair", pairwise), ("answers", each_once)):
        if name in metafunc.fixturenames:
            rows = choose(CHOICES)
            ids = ["-".join(row.values()) for row in rows]
            metafunc.parametrize(name, rows, ids=ids, scope="module")


@pytest.fixture(scope="module")
def rendered(pair, bare_template, tmp_path_factory) -> Path:
    """The rendered files of a study in which any two choices meet, without a repository."""
    folder = tmp_path_factory.mktemp("rendered")
    options = {"no_input": True, "accept_hooks": False, "output_dir": folder}
    return Path(cookiecutter(str(bare_template), extra_context=pair, **options))


@pytest.fixture(scope="module")
def study(answers, studies) -> Study:
    """A study as the template leaves it; together they have every choice of every question."""
    return studies(**answers)


def text_files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file() and file.suffix != ".ico"]


def test_no_template_syntax_is_left(rendered):
    left = re.compile(r"\{\{ ?cookiecutter|cookiecutter\.(?!json)")
    for file in text_files(rendered):
        assert not left.search(file.read_text("utf-8")), file
        assert "{" not in str(file.relative_to(rendered))


def test_every_file_parses(rendered):
    for file in text_files(rendered):
        text = file.read_text(encoding="utf-8")
        if file.suffix == ".py":
            ast.parse(text, file.name)
        elif file.suffix == ".toml":
            tomllib.loads(text)
        elif file.suffix == ".json":
            json.loads(text)
        elif file.suffix in (".yml", ".yaml"):
            yaml.safe_load(text)
        elif file.suffix == ".html" and not re.search(r"\{[{%]", text):
            # psiTurk serves these pages as they are; the rendered ones are checked in a browser.
            html5lib.HTMLParser(strict=True).parseFragment(text)


def test_the_answers_are_where_they_work(rendered, pair):
    config = ConfigParser()
    config.read(rendered / "config.txt", encoding="utf-8")
    assert config["Task Parameters"]["num_conds"] == pair["num_conditions"]
    assert config["Study"]["recruitment"] == pair["recruitment"]
    project = tomllib.loads((rendered / "pyproject.toml").read_text(encoding="utf-8"))
    made = project["tool"]["psiturk-heroku"]
    assert made["region"] == pair["heroku_region"]
    assert made["database"] == pair["database"]
    assert ("jspsych" in made.get("libraries", ())) == (pair["experiment"] == "jspsych")


def test_the_code_is_clean(study):
    ruff = subprocess.run(
        ["ruff", "check", "--no-cache", "."], cwd=study.path, capture_output=True, text=True
    )
    assert ruff.returncode == 0, ruff.stdout


def test_there_is_one_commit_with_everything(study):
    def git(*command):
        return subprocess.run(
            ["git", *command], cwd=study.path, capture_output=True, text=True
        ).stdout.strip()

    assert git("branch", "--show-current") == "main"
    assert git("rev-list", "--count", "HEAD") == "1"
    assert git("status", "--porcelain", "--untracked-files=all") == ""
    assert {"uv.lock", "Procfile", ".env.example", ".python-version", "config.txt"} <= set(
        git("ls-files").splitlines()
    )
    assert git("check-ignore", ".env") == ".env"


def test_the_lock_is_in_step(study):
    checked = subprocess.run(
        ["uv", "lock", "--check"], cwd=study.path, capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stderr


def test_its_own_tests_pass(study):
    tested = study.run("pytest", "-q", "-p", "no:cacheprovider")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "warning" not in tested.stdout


def test_the_template_itself_is_clean():
    ruff = subprocess.run(["ruff", "check", "."], cwd=REPOSITORY, capture_output=True, text=True)
    assert ruff.returncode == 0, ruff.stdout


def test_nothing_needs_a_newer_python_than_a_study_declares():
    template = next(REPOSITORY.glob("{{*}}"))
    project = (template / "pyproject.toml").read_text(encoding="utf-8")
    oldest = re.search(r'requires-python = ">=(.+)"', project)[1]
    command = ["vermin", "--no-tips", "--violations", f"--target={oldest}-", template]
    looked = subprocess.run([*command, REPOSITORY / "tests"], capture_output=True, text=True)
    assert looked.returncode == 0, looked.stdout


def test_the_version_is_the_same_everywhere():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    newest = re.search(r"^## (\S+)", (REPOSITORY / "CHANGELOG.md").read_text("utf-8"), re.M)[1]
    machinery = next(REPOSITORY.glob("{{*}}")) / "machinery" / "pyproject.toml"
    made = tomllib.loads(machinery.read_text(encoding="utf-8"))
    assert project["project"]["version"] == made["project"]["version"] == newest


def test_awkward_answers_give_a_study_that_runs(studies):
    study = studies(
        study_title='It\'s 100% "fun" }} & <b>',
        study_description="%} \\ # ; = 🎨 <script>alert(1)</script>",
        institution="جامعة [Server Parameters] %(port)s",
        contact_email="o'neil+100%@lab.example.edu",
        project_slug="awkward",
    )
    tested = study.run("pytest", "-q", "-p", "no:cacheprovider")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    shown = study.run("psiturk", "config", "print")
    assert 'title=It\'s 100% "fun" }} & <b>' in shown.stdout.splitlines()


@pytest.mark.parametrize("question", [name for name in QUESTIONS if not name.startswith("_")])
def test_every_question_is_explained(question):
    assert question in QUESTIONS["__prompts__"]
    explained = QUESTIONS["__prompts__"][question]
    if isinstance(QUESTIONS[question], list):
        assert set(explained) == {"__prompt__", *QUESTIONS[question]}
