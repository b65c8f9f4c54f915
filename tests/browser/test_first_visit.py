"""What a participant's browser transfers on the first visit, and what it does not let in."""

import pytest
from arrival import find_link
from first_visit import visit
from server import cloud_server

MOST_BYTES = 72_000


@pytest.fixture(scope="module")
def server(studies, cluster):
    """The Stroop task as a host in the cloud runs it."""
    study = studies(experiment="stroop", num_conditions="2")
    with cloud_server(study.path, study.python, cluster.create_database()) as server:
        yield server.wait()


@pytest.fixture
def page(new_page, server):
    page = new_page()
    page.context.unroute_all()  # the fixture's route keeps a browser from using its cache
    yield page
    page.close()


def test_a_first_visit_is_small_and_nothing_is_fetched_twice(server, page):
    steps = visit(page, find_link(page, f"http://localhost:{server.port}", "/pub", "visitor"))
    assert sum(step.size for step in steps) < MOST_BYTES
    fetched = [address for step in steps for address, size in step.transferred.items() if size]
    assert len(fetched) == len(set(fetched))
    experiment = steps[-1].transferred
    scripts = [address for address in experiment if "/static/" in address]
    assert any(address.endswith("/js/task.js") for address in scripts)
    assert not any(experiment[address] for address in scripts), "they came with the consent page"
    assert page.problems == []


def test_a_script_from_elsewhere_is_not_run_and_the_console_says_which_rule_forbids_it(
    server, page
):
    page.goto(find_link(page, f"http://localhost:{server.port}", "/pub", "visitor"))
    page.evaluate(
        """() => {
            const inline = document.createElement("script");
            inline.textContent = "window.stranger = 1";
            const foreign = document.createElement("script");
            foreign.src = "https://scripts.example.org/tracker.js";
            document.head.append(inline, foreign);
            return new Promise((done) => { foreign.onerror = done; });
        }"""
    )
    assert page.evaluate("window.stranger") is None
    assert len(page.problems) == 2
    for problem in page.problems:
        assert "script-src 'self'" in problem
    assert "https://scripts.example.org/tracker.js" in page.problems[1]
