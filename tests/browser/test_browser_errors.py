"""Errors in participants' browsers, and what the researcher's database then says of them."""

import sqlite3
import zlib
from contextlib import closing
from urllib.parse import urlsplit

import pytest
from arrival import find_link, open_experiment
from server import Server, free_port, wait_for

START = 'import { PsiTurk } from "./participant.js";\nconst psiTurk = new PsiTurk();\n'
# A page as labs have them, for psiTurk's own client: the head is left out, as HTML allows.
OLD_PAGE = """<!doctype html><title>Old</title><script>
var uniqueId = "{{ uniqueId }}", adServerLoc = "{{ adServerLoc }}", mode = "{{ mode }}";
</script><script src="/static/js/psiturk.js"></script><script src="/static/js/task.js"></script>
<body></body>"""
TASK, NOWHERE = ("static/js/task.js",), ("", 0)
# A task with a mistake, and the message, file and line that are told of it.
MISTAKES = {
    "syntax": ("const a = = 1;", "SyntaxError: Unexpected token '='", *TASK, 3),
    "thrown": (
        "\npsiTurk.nosuch.word();",
        "TypeError: Cannot read properties of undefined (reading 'word')",
        *TASK,
        4,
    ),
    "thrown by the machinery": (
        "psiTurk.getPage('nosuch.html');",
        "Error: Preload the page nosuch.html before showing it",
        *TASK,
        3,
    ),
    "rejected": ("Promise.reject(new Error('lost'));", "Error: lost", *TASK, 3),
    "reported": (
        "psiTurk.reportProblem(new RangeError('no trials'));",
        "RangeError: no trials",
        *TASK,
        3,
    ),
    "with an answer in the message": (
        "throw new Error(`No rule for ${'I feel ' + 'wretched'} as ${psiTurk.taskdata.id}!`);",
        "Error: No rule for … as …!",
        *TASK,
        3,
    ),
    "with an answer for the browser": (
        "JSON.parse('I feel wretched');",
        """SyntaxError: Unexpected token 'I', "…" is not valid JSON""",
        *TASK,
        3,
    ),
    "no error": (
        "throw 'I feel wretched';",
        "Something was thrown that is no Error, but a string",
        *NOWHERE,
    ),
    "picture": (
        "document.body.append(Object.assign(new Image(), { src: '/static/cat.png?who=me' }));",
        "There is no such file.",
        "static/cat.png",
        0,
    ),
    "module": (
        "await import('./nosuch.js');",
        "TypeError: Failed to fetch dynamically imported module: static/js/nosuch.js",
        *NOWHERE,
    ),
}


@pytest.fixture(scope="module")
def study(studies):
    return studies(experiment="stroop", project_slug="mistakes")


@pytest.fixture(scope="module")
def server(study, tmp_path_factory):
    """The study on this machine, where each page gets its files as they are now."""
    database, port = tmp_path_factory.mktemp("mistakes") / "participants.db", free_port()
    settings = {"PORT": str(port), "PSITURK_DATABASE_URL": f"sqlite:///{database}"}
    settings["PSITURK_SCRIPT_SOURCES"] = "'unsafe-inline'"
    command = [study.python, "-m", "study.server"]
    with Server(study.path, *command, port=port, **settings) as server:
        server.address, server.database = f"http://localhost:{port}", database
        yield server.wait()


@pytest.fixture
def query(server):
    """Ask the database, in which no error is counted yet."""

    def query(sql: str) -> list[tuple]:
        with closing(sqlite3.connect(server.database, timeout=20)) as connection, connection:
            return connection.execute(sql).fetchall()

    query("DELETE FROM study_browser_errors")
    return query


@pytest.fixture
def worker(request) -> str:
    """An id as Prolific gives them, for this test alone."""
    return f"{zlib.crc32(request.node.name.encode()):024x}"


def told(query) -> list[tuple]:
    return query("SELECT message, file, line, page, participants FROM study_browser_errors")


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_with_file_and_line_and_nothing_of_the_participant(
    study, server, query, page, worker, name
):
    task, *expected = MISTAKES[name]
    (study.path / "static/js/task.js").write_text(START + task, "utf-8")
    sent = []
    page.on("request", lambda each: each.url.endswith("/mistakes") and sent.append(each.post_data))
    open_experiment(page, server.address, worker)
    for _ in range(2):  # a reload tells nothing again
        page.wait_for_load_state("networkidle")
        wait_for(lambda: told(query))
        page.reload()
    assert told(query) == [(*expected, "/exp", 1)]
    [(browser,)] = query("SELECT browser FROM study_browser_errors")
    assert "Chrome" in browser
    assert len(sent) == 1
    assert "?" not in sent[0]


def test_two_participants_with_the_same_mistake_are_counted_and_a_test_run_is_not(
    study, server, query, new_page, worker
):
    (study.path / "static/js/task.js").write_text(START + "nosuch();", "utf-8")
    for number, mode in enumerate(("prolific", "prolific", "debug", "preview")):
        page = new_page()
        sent = []
        page.on("request", lambda each, sent=sent: sent.append(urlsplit(each.url).path))
        page.goto(find_link(page, server.address, "/exp", f"{worker}{number}", mode))
        page.wait_for_load_state("networkidle")
        assert ("/mistakes" in sent) == (mode == "prolific")
        page.close()
    wait_for(lambda: told(query)[0][-1] == 2)
    assert [row[:3] for row in told(query)] == [("ReferenceError: nosuch is not defined", *TASK, 3)]


def test_a_page_made_for_psiturks_own_client_tells_its_mistakes_too(
    study, server, query, page, worker
):
    template = study.path / "templates/exp.html"
    text = template.read_text("utf-8")
    template.write_text(OLD_PAGE, "utf-8")
    (study.path / "static/js/task.js").write_text("var a = = 1;", "utf-8")
    try:
        open_experiment(page, server.address, worker)
        assert page.evaluate("document.compatMode") == "CSS1Compat", "the doctype comes first"
        wait_for(lambda: told(query))
        assert told(query) == [("SyntaxError: Unexpected token '='", *TASK, 1, "/exp", 1)]
    finally:
        template.write_text(text, "utf-8")


def test_many_mistakes_are_told_in_part_and_a_task_goes_on(study, server, query, page, worker):
    lines = [f"setTimeout(() => {{ nosuch{n}(); }});" for n in range(50)]
    after = "document.title = 'goes on';"
    (study.path / "static/js/task.js").write_text("\n".join([*lines, after]), "utf-8")
    open_experiment(page, server.address, worker)
    page.wait_for_function("document.title === 'goes on'")
    wait_for(lambda: len(told(query)) == 10)
    page.wait_for_timeout(300)
    assert len(told(query)) == 10
