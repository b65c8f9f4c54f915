"""The page of `study report`, in a browser that has no network."""

import forks
import pytest
from downloads import PEOPLE, person, write_download
from generated import Study

TITLES = "[...document.querySelectorAll('h2')].map(heading => heading.textContent)"
WIDTH = "document.documentElement.scrollWidth"


@pytest.fixture(scope="module")
def address(studies, tmp_path_factory) -> str:
    study: Study = studies(heroku_app="later")
    long = "A" * 400  # a text without a place to break
    folder = write_download(
        tmp_path_factory.mktemp("data"),
        participants=PEOPLE.replace("browser", long) + person("aa11") + person("bb22", 1),
        trialdata=f'"participant","{long}","rt","correct"\r\n'
        + "".join(f'"{name}","{long}",{rt},true\r\n' for name in ("aa11", "bb22") for rt in (1, 2)),
    )
    done = forks.run(study.python, "-m", "study", "report", str(folder), cwd=study.path)
    assert done.returncode == 0, done.stderr
    return (folder / "report.html").as_uri()


@pytest.mark.parametrize("width", (1280, 375))
def test_the_report_fits_the_window_and_asks_for_nothing(width, address, new_page):
    page = new_page(viewport={"width": width, "height": 800})
    page.goto(address)
    assert page.evaluate(WIDTH) == width
    assert "2 of 2 participants finished (100\N{NARROW NO-BREAK SPACE}%)" in page.evaluate(TITLES)
    assert not page.foreign
    assert not page.problems
