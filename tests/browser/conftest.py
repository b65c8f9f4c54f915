"""A study being previewed and a browser to visit it with."""

import contextlib
import html
import os
import re
import signal
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import chromium
import pytest
from counting import TASK, Count
from generated import Study
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright
from server import Server, free_port, wait_for

pytest.register_assert_rewrite("faults")
SECONDS = 60  # of patience with a busy machine; what comes true sooner is not waited for
expect.set_options(timeout=SECONDS * 1000)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium; a machine without it fails these tests."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium.program(), args=chromium.OPTIONS
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def new_page(browser):
    """Opens a window for a new visitor, with no cookies and no cache.

    Requests to other hosts than the study's are kept in ``page.foreign`` and fail. Errors of
    scripts, and what the study's own Content-Security-Policy forbade, are in ``page.problems``.
    """
    contexts = []

    def open_window(**options) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}} | options)
        context.set_default_timeout(SECONDS * 1000)
        contexts.append(context)
        page = context.new_page()
        page.foreign, page.problems = [], []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.on("console", lambda line: _note_violation(page, line.text))
        elsewhere = re.compile(r"^https?://(?!localhost[:/])")
        context.route(elsewhere, lambda route: _foreign(page, route))
        return page

    yield open_window
    for context in contexts:
        context.close()


@pytest.fixture
def page(new_page) -> Iterator[Page]:
    """A window of a new visitor."""
    page = new_page()
    yield page
    page.close()


@dataclass
class Preview:
    """A running `study preview`."""

    study: Study
    database: Path
    address: str
    link: str  # of its front page, for a debug run

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which the study's commands use this database."""
        return os.environ | {"PSITURK_DATABASE_URL": f"sqlite:///{self.database}"}


@contextlib.contextmanager
def previewing(study: Study, folder: Path) -> Iterator[Preview]:
    """Run `uv run study preview` as a researcher does, on a database of its own."""
    database = folder / "participants.db"
    environment = {"PSITURK_DATABASE_URL": f"sqlite:///{database}"}
    port = free_port()
    command = ["uv", "run", "--frozen", "study", "preview", "--port", str(port)]
    with Server(study.path, *command, port=port, **environment) as server:
        wait_for(lambda: "The study:  http" in server.output or server.process.poll() is not None)
        address = re.search(r"The study:  (\S+)", server.output)[1]
        front = html.unescape(urllib.request.urlopen(address).read().decode())
        link = re.search(r'id="try" href="([^"]+)"', front)[1]
        yield Preview(study, database, address, address + link)
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(20) == 0


@pytest.fixture(scope="session")
def previews(studies, tmp_path_factory):
    """The running preview of a study with the given answers, started when first asked for."""
    with contextlib.ExitStack() as stack:
        running: dict[tuple, Preview] = {}

        def preview(**answers: str) -> Preview:
            key = tuple(sorted(answers.items()))
            if key not in running:
                folder = tmp_path_factory.mktemp("preview")
                running[key] = stack.enter_context(previewing(studies(**answers), folder))
            return running[key]

        yield preview


@pytest.fixture(scope="module")
def preview_of(request, previews):
    """The preview of one of the two experiments, for the tests of this file alone."""
    slug = request.module.__name__.rpartition(".")[2].replace("_", "-")
    return lambda experiment: previews(
        experiment=experiment, num_conditions="2", project_slug=slug
    )


@pytest.fixture(scope="module")
def preview(studies, previews) -> Preview:
    """A study whose task and page the tests replace by others, which do not go on after a reload.

    Old pages have scripts in them.
    """
    answers = {"experiment": "stroop", "project_slug": "old-task"}
    config = studies(**answers).path / "config.txt"
    text = config.read_text("utf-8")
    changed = re.sub(r"(?m)^script_sources =.*", "script_sources = 'unsafe-inline'", text)
    changed = changed.replace("allow_resume = true", "allow_resume = false")
    if changed != text:  # the preview starts anew whenever the file is written
        config.write_text(changed, "utf-8")
    return previews(**answers)


@pytest.fixture
def files(preview):
    """Replace files of the study; they are put back afterwards."""
    originals = {}

    def replace(name: str, text: str) -> None:
        file = preview.study.path / name
        originals.setdefault(file, file.read_text("utf-8") if file.exists() else None)
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, "utf-8")

    yield replace
    for file, text in originals.items():
        file.unlink() if text is None else file.write_text(text, "utf-8")


@pytest.fixture
def counting(files) -> Count:
    """The study's task numbers its trials."""
    files("static/js/task.js", TASK)
    return Count()


def _note_violation(page: Page, line: str) -> None:
    if "Content Security Policy" in line:
        page.problems.append(line)


def _foreign(page: Page, route: Route) -> None:
    page.foreign.append(route.request.url)
    route.abort()
