"""Answers are data: each reaches the study as it was typed, or is refused in plain words."""

import html
import json
import shlex
import string
import subprocess
from configparser import ConfigParser
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from cookiecutter.exceptions import FailedHookException
from cookiecutter.main import cookiecutter
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from local_extensions import JINJA, markdown

AWKWARD = [
    "It's 100% \"fun\" }} & <b>",
    "%} } { #} { {",
    "%(port)s $HOME `id` ${x}",
    "<script>alert('x')</script>",
    "C:\\new\\table \\u0041",
    "# not a comment ; nor this",
    "= leading equals : and colon",
    "[Server Parameters]",
    "دراسة الألوان 🎨 色",
    "--- * _emphasis_ ![image](x) | table",
]
# What people type, plus everything that means something to one of the file formats.
# (Jinja reads a carriage return as a line feed, so they are the same answer.)
signs = st.one_of(st.characters(exclude_characters="\r"), st.sampled_from(string.punctuation))
text = st.text(signs, max_size=60).filter(lambda text: not any(sign in text for sign in JINJA))
render_settings = settings(
    max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)


def render(template: Path, **answers: str):
    """The files of a study, without its repository and lock; gives the folder's path."""
    with TemporaryDirectory() as folder:
        path = cookiecutter(
            str(template),
            no_input=True,
            extra_context=answers,
            output_dir=folder,
            accept_hooks=False,
        )
        config = ConfigParser()
        config.read(Path(path) / "config.txt", encoding="utf-8")
        yield Path(path), config


@render_settings
@given(title=text, description=text, institution=text)
@example(*AWKWARD[:3])
@example(*AWKWARD[3:6])
@example(*AWKWARD[6:9])
@example(AWKWARD[9], "100%", "%")
def test_free_text_arrives_unchanged_or_is_refused(bare_template, title, description, institution):
    answers = {"study_title": title, "study_description": description, "institution": institution}
    try:
        for _, config in render(bare_template, **answers, project_slug="study"):
            assert config["HIT Configuration"]["title"] == title.strip()
            assert config["HIT Configuration"]["description"] == description.strip()
            assert config["Study"]["institution"] == institution.strip()
            assert config["Study"]["recruitment"] == "prolific"
    except FailedHookException as refusal:
        message = str(refusal)
        refused = [name for name in answers if f"{name}: {answers[name]!r}" in message]
        assert refused, message
        assert all(_needs_refusal(answers[name]) for name in refused), message


def _needs_refusal(answer: str) -> bool:
    one_line = len(answer.splitlines()) <= 1 and (answer + "x").isprintable()
    return not answer.strip() or not one_line


@render_settings
@given(slug=text | st.from_regex(r"[a-z0-9-]{0,60}", fullmatch=True))
@example("")
@example("../outside")
@example("a/b")
@example("con")
def test_a_folder_has_exactly_the_asked_name_or_is_not_made(bare_template, slug):
    with TemporaryDirectory() as folder:
        try:
            path = cookiecutter(
                str(bare_template),
                no_input=True,
                extra_context={"project_slug": slug},
                output_dir=f"{folder}/out",
                accept_hooks=False,
                )
        except FailedHookException as refusal:
            assert f"project_slug: {slug!r}" in str(refusal)
            assert not list(Path(folder).iterdir())
        else:
            assert Path(path) == Path(folder, "out", slug)
            assert slug == slug.lower() and len(slug) <= 50


@render_settings
@given(title=text)
def test_every_usable_title_suggests_a_usable_folder(bare_template, title):
    try:
        for path, _ in render(bare_template, study_title=title):
            assert path.name[0].isalpha()
    except FailedHookException as refusal:
        assert "project_slug" not in str(refusal)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(st.text(st.one_of(st.characters(categories=["L", "N", "P", "S", "Zs"])), max_size=60))
@example("# heading")
@example("1. item")
@example("- item")
@example("1) *x* [y](z) <b> &amp; `c` \\ C# ~~d~~ | e")
def test_text_in_a_readme_reads_as_it_was_typed(answer):
    answer = answer.strip()
    rendered = MarkdownIt("commonmark").render(markdown(answer))
    assert html.unescape(rendered.strip()) == (f"<p>{answer}</p>" if answer else "")
    heading = MarkdownIt("commonmark").render(f"# {markdown(answer)}")
    assert html.unescape(heading.strip()) == f"<h1>{answer}</h1>"


REFUSED = {
    "study_title": ["", "   ", "two\nlines", "nul\0", "x" * 121],
    "study_description": ["", "x" * 501],
    "institution": ["", "a\u2028b"],
    "project_slug": ["", "Capital", "-a", "a-", "a--b", "9lives", "x" * 51, "nul", "a b", "ä"],
    "contact_email": ["", "nobody", "a@b", "two@x.org, three@x.org", "a b@c.org", "<a@b.org>"],
    "num_conditions": ["", "0", "-1", "1.5", "two", "1000000", "101", "²", "1 "],
    "heroku_app_name": ["", "ab", "x" * 31, "9lives", "a_b", "Abc", "abc-"],
    "heroku_team": ["My Team", "-team", "a/b"],
}


@pytest.mark.parametrize(
    "question,answer", [(question, bad) for question in REFUSED for bad in REFUSED[question]]
)
def test_an_unusable_answer_is_refused_before_a_folder_exists(template, question, answer, tmp_path):
    with pytest.raises(FailedHookException) as refusal:
        cookiecutter(
            str(template),
            no_input=True,
            extra_context={question: answer},
            output_dir=str(tmp_path),
        )
    assert f"{question}: {answer!r} cannot be used. " in str(refusal.value)
    assert not list(tmp_path.iterdir())


def test_a_percent_sign_is_refused_where_mturk_would_see_it_doubled(template):
    with pytest.raises(FailedHookException, match="study_title: '100% fun'"):
        list(render(template, study_title="100% fun", recruitment="mturk"))


@pytest.fixture
def refused(template, tmp_path, monkeypatch):
    """What cookiecutter prints for answers that it refuses, without a traceback; it makes
    nothing."""
    monkeypatch.delenv("UV", raising=False)  # it was not started by `uvx`

    def run(*answers: str) -> list[str]:
        before = sorted(tmp_path.iterdir())
        command = ["cookiecutter", "--no-input", str(template), *answers]
        shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert (shown.returncode, shown.stderr) == (1, "")
        assert sorted(tmp_path.iterdir()) == before
        return shown.stdout.splitlines()

    return run


def test_a_refusal_names_the_answer_and_a_command_that_goes_on(refused, template):
    cause, advice, again = refused("study_title=It's fun", "num_conditions=two")
    assert cause == (
        "num_conditions: 'two' cannot be used. It must be a whole number from 1 to 100."
    )
    assert advice == "Nothing was made. To go on from here, with another num_conditions:"
    words = shlex.split(again)
    assert words[:3] == ["cookiecutter", "--no-input", str(template)]
    assert words[3:] == [
        "study_title=It's fun",
        "project_slug=it-s-fun",
        "study_description=Name the colour in which words are printed.",
        "institution=My University",
        "contact_email=you@example.edu",
        "experiment=stroop",
        "num_conditions=…",
    ]


@pytest.mark.parametrize("answer", ["It's {{ 7 * 7 }}", "{% raw %}", "a {# note", "{{"])
def test_what_cookiecutter_would_render_is_refused(refused, answer):
    cause, advice = refused(f"study_title={answer}")
    assert cause == (
        f"study_title: {answer!r} cannot be used. It must not contain {{{{, {{% or {{#, which "
        "cookiecutter takes for commands of its own."
    )
    assert advice == "Nothing was made. Run the command again with another answer."


def test_a_folder_that_is_there_is_refused_at_once(refused, template, tmp_path):
    folder = tmp_path / "fun"
    folder.mkdir()
    cause, _, again = refused("project_slug=fun")
    assert cause == (
        f"project_slug: 'fun' cannot be used. A folder of this name already exists: {folder}"
    )
    assert shlex.split(again) == [
        *("cookiecutter", "--no-input", str(template)),
        *("study_title=Stroop Task", "project_slug=…"),
    ]


def test_answers_of_a_replay_file_are_checked_too(template, tmp_path):
    for _ in render(template):  # cookiecutter saves the answers of every study it makes
        saved = json.loads(next(Path.home().glob("replay/*.json")).read_text())
    saved["cookiecutter"]["num_conditions"] = "two"
    replay = tmp_path / "answers.json"
    replay.write_text(json.dumps(saved))

    command = ["cookiecutter", "--replay-file", str(replay), str(template)]
    shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    assert shown.returncode == 1
    assert "num_conditions: 'two' cannot be used." in shown.stdout
    assert list(tmp_path.iterdir()) == [replay]
