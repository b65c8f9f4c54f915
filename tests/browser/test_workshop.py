"""The workshop: what a researcher sees in a debug run of `study preview`, and nobody else."""

import html
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from arrival import find_ids
from inspection import inspect, take_picture
from playwright.sync_api import Page, TimeoutError, expect
from server import Server, free_port, wait_for

# What participants' pages have instead (tests/browser/test_browser_errors.py).
MISTAKES_SCRIPT = '<script src="/static/js/mistakes.js"></script>'
TASK, CONFIG, CUSTOM = "static/js/task.js", "config.txt", "custom.py"
DEBRIEFING = "templates/debriefing.html"
LIBRARIES, INSTRUCTIONS = "templates/libraries.html", "templates/instructions/1-colours.html"
ELSEWHERE = "<script src='https://cdn.example.org/a.js'></script>"
# What is changed in a file of the study, whose line is to be named, and what is to be told of it.
MISTAKES = {
    "syntax": (
        TASK,
        "PRACTICE_TRIALS = 8",
        "PRACTICE_TRIALS = = 8",
        "SyntaxError: Unexpected token",
    ),
    "thrown": (TASK, "  show(", "  psiTurk.nosuch.word();\n  show(", "(reading 'word')"),
    "rejected": (
        TASK,
        "const psiT",
        "Promise.reject(new Error('lost'));\nconst psiT",
        "Error: lost",
    ),
    "module": (TASK, "./stimuli.js", "./stimulus.js", "static/js/stimulus.js could not be loaded"),
    "page": (TASK, '"explanation.html"', '"explaining.html"', "There is no page explaining.html"),
    "refused": (
        LIBRARIES,
        "{%- for",
        f"{ELSEWHERE}{{%- for",
        "refused https://cdn.example.org/a.js",
    ),
    "image": (
        INSTRUCTIONS,
        "<h1>",
        "<img src='/static/cat.png'><h1>",
        "static/cat.png could not be",
    ),
    "template": (
        DEBRIEFING,
        "<h1>",
        "{{ study.title.no.more }}<h1>",
        "object' has no attribute 'no'",
    ),
}
SCRIPTS = re.compile(r"<script [^>]*/js/workshop/[^>]*></script>")


@pytest.fixture(scope="module")
def study(studies):
    return studies(experiment="stroop", project_slug="workshop")


@pytest.fixture(scope="module")
def preview(study, tmp_path_factory) -> Iterator[Server]:
    """A running `study preview`, whose terminal can be read."""
    database = f"sqlite:///{tmp_path_factory.mktemp('workshop')}/participants.db"
    command, port = (study.python, "-m", "study", "preview", "--no-browser", "--port"), free_port()
    settings = {"PSITURK_DATABASE_URL": database, "PSITURK_MINIMUM_TRIALS": "40"}
    with Server(study.path, *command, str(port), port=port, **settings) as server:
        server.address = f"http://localhost:{port}"
        yield server.wait()
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(20) == 0


@pytest.fixture
def change(study):
    """Change a file of the study for a while; gives the words that name the line."""

    @contextmanager
    def change(file: str, right: str, wrong: str) -> Iterator[str]:
        path = study.path / file
        original = path.read_text("utf-8")
        assert right in original
        path.write_text(original.replace(right, wrong, 1), "utf-8")
        try:
            yield f"{file}, line {original[: original.index(right)].count(chr(10)) + 1}"
        finally:
            path.write_text(original, "utf-8")

    return change


def open_run(page: Page, preview: Server) -> str:
    """Open the task in a new debug run; gives the address."""
    address = f"{preview.address}/exp?{urlencode(find_ids(page, preview.address, '', 'debug'))}"
    page.goto(address)
    return address


def told(page: Page):
    """The panel with the mistakes."""
    return page.locator("study-workshop section.overlay")


@pytest.mark.parametrize("kind", MISTAKES)
def test_a_mistake_is_told_at_its_line_and_gone_when_it_is_mended(preview, page, change, kind):
    file, right, wrong, words = MISTAKES[kind]
    with change(file, right, wrong) as line:
        open_run(page, preview)
        if kind == "thrown":
            skip_until(page, "Practice")
            page.get_by_role("button", name="Start the practice").click()
        expect(told(page)).to_be_visible()
        expect(told(page)).to_contain_text(words)
        expect(told(page).locator("h3").first).to_have_text(line)
        expect(told(page).locator(".excerpt .here").first).to_be_visible()
        assert page.get_by_text("Sorry, something went wrong").count() == 0
        if kind == "refused":
            inspect(page, "workshop-mistake")
        wait_for(lambda: f"MISTAKE  {line}\n" in preview.output and words in preview.output)
    expect(told(page)).to_be_hidden()  # the page has loaded itself again
    expect(page.get_by_role("heading", name=re.compile("What you will|Welcome"))).to_be_visible()


def skip_until(page: Page, heading: str) -> None:
    """Skip ahead until a page has this heading; the comprehension check is answered by hand."""
    for _ in range(20):
        shown = page.locator("h1, h2").first.inner_text()
        if shown == heading:
            return
        if shown == "Before we begin":
            page.locator("[value=colour]").check()
            page.locator("[name=which_key][value=b]").check()
            page.get_by_role("button", name="Check my answers").click()
            continue
        skip(page)
    raise AssertionError(f"{heading} was not reached")


def skip(page: Page) -> None:
    with suppress(TimeoutError):  # the page that was left had the button too
        page.get_by_role("button", name="Skip ahead").click(timeout=5000)
    expect(
        page.get_by_role("button", name="Skip ahead").or_(page.locator("#again"))
    ).to_be_visible()


def test_a_mistake_is_told_as_soon_as_it_is_saved_and_the_task_goes_on(preview, page, change):
    open_run(page, preview)
    expect(page.get_by_role("heading", name="What you will see")).to_be_visible()
    page.evaluate("window.isSame = true")
    saved = [
        MISTAKES["syntax"][:3],
        (DEBRIEFING, "<h1>", "{% if %}<h1>"),
        (CONFIG, "num_conds = 2", "num_conds = two"),
        (CUSTOM, "custom_code = B", "custom_code == B"),
    ]
    for mistake in saved:
        restarts = preview.output.count("started again")
        with change(*mistake) as line:
            expect(told(page)).to_contain_text(line)
            wait_for(lambda line=line: line in preview.output)
        expect(told(page)).to_be_hidden()
        if mistake[0] in (CONFIG, CUSTOM):
            wait_for(lambda n=restarts: preview.output.count("started again") > n)
        assert page.evaluate("window.isSame")
        expect(page.get_by_role("region", name="Workshop")).to_contain_text("changed. Reload")


def test_what_the_server_reads_at_its_start_counts_from_the_next_page_on(preview, page, change):
    address = open_run(page, preview)
    mended = "config.txt changed: the server has started again."
    restarts = preview.output.count(mended)
    with change(CONFIG, "num_conds = 2", "num_conds = 3"):
        wait_for(lambda: preview.output.count(mended) > restarts)
        page.goto(address)
        expect(page.get_by_label("Condition").locator("option")).to_have_count(3)
    wait_for(lambda: preview.output.count(mended) > restarts + 1)


def test_the_bar_leads_through_the_study_in_the_chosen_condition(preview, page):
    ids = find_ids(page, preview.address, "", "debug")
    page.goto(f"{preview.address}/pub?{urlencode(ids)}")
    page.get_by_role("link", name="Skip to the task").click()
    for condition in ("1", "0"):
        page.get_by_label("Condition").select_option(condition)
        page.get_by_role("button", name="New run").click()
        expect(page.locator("body")).to_have_attribute("data-condition", condition)
        expect(page.get_by_label("Condition")).to_have_value(condition)
    expect(page.get_by_label("Condition").locator("option").first).to_have_text("0: 75% congruent")
    inspect(page, "workshop-bar")
    skip_until(page, "Time for a break")
    bar = page.get_by_role("region", name="Workshop")
    recorded = 3 + 1 + 8 + 20  # instructions, check, practice, a block
    expect(bar).to_contain_text(f"{recorded} of {recorded} stored")
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Data so far").click()
    data = opened.value
    expect(data.locator("tbody").first.locator("tr")).to_have_count(recorded)
    inspect(data, "workshop-data")
    with data.expect_download() as started:
        data.get_by_role("link", name="Download as JSON").click()
    assert Path(started.value.path()).read_text("utf-8").count('"phase": "TEST"') == 20
    data.close()
    skip_until(page, "Thank you for taking part")
    assert page.problems == []


def test_the_bar_is_folded_by_keyboard_and_stays_so_and_keeps_its_keys(preview, page):
    open_run(page, preview)
    expect(page.get_by_role("heading", name="What you will see")).to_be_visible()
    page.evaluate("addEventListener('keydown', ({ key }) => (window.heard = key))")
    page.get_by_role("button", name="Fold").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Condition")).to_be_hidden()
    page.reload()
    unfold = page.get_by_role("button", name="Workshop")
    expect(unfold).to_have_attribute("aria-expanded", "false")
    take_picture(page, "workshop-folded")
    unfold.press("Enter")
    expect(page.get_by_label("Condition")).to_be_visible()
    assert page.evaluate("window.heard") is None


def requested(page: Page) -> list[str]:
    """The paths of what a page requests from now on."""
    paths: list[str] = []
    page.on("request", lambda request: paths.append(urlsplit(request.url).path))
    return paths


def test_a_participant_gets_nothing_of_it(preview, new_page):
    texts, paths = {}, {}
    for mode in ("prolific", "debug"):
        page = new_page()
        paths[mode] = requested(page)
        ids = find_ids(page, preview.address, "anybody", mode)
        answer = page.goto(f"{preview.address}/exp?{urlencode(ids)}")
        expect(page.get_by_role("heading", name="What you will see")).to_be_visible()
        texts[mode] = html.unescape(answer.text())
        for value in (*ids.values(), mode):
            texts[mode] = re.sub(rf"\b{re.escape(value)}\b", "…", texts[mode])
        assert page.evaluate("'studyWorkshop' in window") == (mode == "debug")
    is_theirs = re.compile('data-(condition|test-run)="[^"]*"')
    texts["prolific"] = texts["prolific"].replace(MISTAKES_SCRIPT, "", 1)
    plain, *scripts = SCRIPTS.sub("", texts["debug"]), *SCRIPTS.findall(texts["debug"])
    assert len(scripts) == 2
    assert is_theirs.sub("", plain) == is_theirs.sub("", texts["prolific"])
    assert not [path for path in paths["prolific"] if "workshop" in path]
    steps = re.compile("/sync/.*|/workshop/.*|/static/js/(workshop/.*|mistakes.js|signals.js)")
    asked = {mode: {path for path in paths[mode] if not steps.match(path)} for mode in paths}
    assert asked["debug"] == asked["prolific"]


def test_a_participant_reads_no_message_of_the_researchers(preview, new_page, change):
    page = new_page()
    # A page that fails for now is asked for again.
    for kind, words in (("template", "One moment"), ("page", "Sorry, something went wrong")):
        with change(*MISTAKES[kind][:3]):
            ids = find_ids(page, preview.address, f"unlucky-{kind}")
            with page.expect_response(lambda answer: answer.status in (404, 500)):
                page.goto(f"{preview.address}/exp?{urlencode(ids)}")
            expect(page.get_by_text(words)).to_be_visible()
            assert not re.search("UndefinedError|explaining|templates/", page.content())
