"""Each recipe of the cookbook, carried out word by word on a fresh study, then taken part in."""

import csv
import os
import re
import sqlite3
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import pytest
from arrival import come_back, find_link
from generated import Study
from hurry import shorten
from inspection import inspect, take_picture
from person import LOOK_AT_THE_WORD
from playwright.sync_api import Page, expect
from recipes import COOKBOOK, carry_out, choose_steps, copy_study, read_recipes
from samples import make_film, make_image, make_sound
from server import Server, free_port, wait_for

RECIPES = read_recipes(COOKBOOK.read_text("utf-8"))
CHECK = """
from pathlib import Path
from study import checks
print(*(found for found in checks.run(Path.cwd()) if found.colour == "red"), sep="\\n")
"""
FILM_SECONDS = 1
DONE = (8, 20, 20)  # trials of practice and of both blocks
both_experiments = pytest.mark.parametrize("experiment", ["stroop", "jspsych"])


@pytest.fixture(scope="module")
def sample(new_page):
    """A picture, sound or film for a file of this name; two pictures differ in size."""

    def make(name: str) -> bytes:
        if name.endswith(".png"):
            return make_image(len(Path(name).stem) * 3000 + ("dog" in name) * 30_000)
        if name.endswith(".wav"):
            return make_sound(0.2)
        assert name.endswith(".mp4"), name
        return make_film(new_page(), FILM_SECONDS, type="video/mp4")

    return make


@dataclass
class Site:
    """A study after a recipe, and its server."""

    study: Study
    address: str
    environment: dict[str, str]

    def record(self, page: Page, unique_id: str) -> dict:
        """What the server has of a participant."""
        return page.request.get(f"{self.address}/sync/{unique_id}").json()

    def wait_for_row(self, page: Page, unique_id: str, **values) -> dict:
        """The last row of the data, once there is one with these values."""
        found: list[dict] = []

        def is_stored() -> bool:
            rows = [row["trialdata"] for row in self.record(page, unique_id)["data"]]
            found[:] = [row for row in rows if values.items() <= row.items()]
            return bool(found)

        wait_for(is_stored)
        return found[-1]

    def wait_for_answers(self, page: Page, unique_id: str) -> dict:
        wait_for(lambda: "comments" in self.record(page, unique_id)["questiondata"])
        return self.record(page, unique_id)["questiondata"]


@pytest.fixture
def cook(studies, sample, tmp_path):
    """Carry out a recipe on a fresh study, in which nothing is broken then."""

    def make(name: str, experiment: str = "stroop") -> Study:
        study = copy_study(studies(experiment=experiment, heroku_app="later"), tmp_path / "study")
        carry_out(choose_steps(RECIPES[name], experiment), study, sample)
        checked = study.run("python", "-c", CHECK)
        assert checked.stdout.strip() == checked.stderr == "", checked.stdout + checked.stderr
        return study

    return make


@pytest.fixture
def serve(cook, tmp_path):
    """The same, served."""
    servers = []

    def start(name: str, experiment: str = "stroop") -> Site:
        study, port = cook(name, experiment), free_port()
        settings = {
            "PSITURK_DATABASE_URL": f"sqlite:///{tmp_path}/participants.db",
            "PSITURK_PORT": str(port), "PSITURK_THREADS": "1", "PSITURK_ERRORLOG": "-",
        }  # fmt: skip
        server = Server(study.path, study.python, "-m", "study.server", port=port, **settings)
        servers.append(server)
        server.__enter__().wait()
        return Site(study, f"http://localhost:{port}", os.environ | settings)

    yield start
    for server in servers:
        server.process.kill()  # what was stored has been looked at
        server.__exit__()


def answer_a_word(page: Page) -> None:
    """Name the colour of the next word."""
    page.keyboard.press(page.evaluate(LOOK_AT_THE_WORD)["colour"][0])


def test_every_recipe_is_listed_once():
    listed = re.findall(r"^\[(.+)\]\(#([\w-]+)\)", COOKBOOK.read_text("utf-8"), re.M)
    assert [name for name, _ in listed] == list(RECIPES)
    assert [name.lower().replace(" ", "-") for name, _ in listed] == [link for _, link in listed]


@both_experiments
def test_every_recipe_fits_the_files_of_both_experiments(studies, tmp_path, experiment):
    study = studies(experiment=experiment, heroku_app="later")
    for number, recipe in enumerate(RECIPES.values()):
        copy = copy_study(study, tmp_path / str(number))
        carry_out(choose_steps(recipe, experiment), copy, lambda name: name.encode())


@both_experiments
def test_a_picture(serve, page, experiment):
    site = serve("A picture", experiment)
    unique_id = come_back(site.address, page, "sees", done=(8, 1, 0))
    picture = page.locator("#stimulus img")
    picture.wait_for()
    take_picture(page, f"cookbook-{experiment}-picture")
    width = picture.evaluate("image => image.complete && image.naturalWidth")
    answer_a_word(page)
    row = site.wait_for_row(page, unique_id, phase="TEST", trial=2)
    assert row["correct"] and row["rt"] > 0
    header = (site.study.path / "static" / row["picture"]).read_bytes()[16:20]
    assert width == int.from_bytes(header) > 0
    assert page.problems == []


@both_experiments
def test_a_sound(serve, page, experiment):
    site = serve("A sound", experiment)
    unique_id = come_back(site.address, page, "hears", done=(8, 1, 0))
    answer_a_word(page)
    row = site.wait_for_row(page, unique_id, phase="TEST", trial=2)
    assert row["correct"]
    # The cross is there for 500 ms; the sound card adds its delay.
    assert 400 < row["tone_before_word"] < 2000
    assert page.problems == []


@both_experiments
def test_a_film(serve, page, experiment):
    site = serve("A film", experiment)
    unique_id = come_back(site.address, page, "watches", done=(8, 1, 0))
    page.locator("#film video").wait_for()
    inspect(page, f"cookbook-{experiment}-film")
    row = site.wait_for_row(page, unique_id, phase="FILM")
    assert row["film"] == "films/walk.mp4"
    assert FILM_SECONDS * 0.8 < row["seconds"] < FILM_SECONDS + 3
    page.locator(".stimulus").wait_for()
    page.reload()
    page.get_by_role("button", name="Go on").click()
    page.locator(".stimulus[class*=ink-]").wait_for()  # without the film
    films = [row["trialdata"].get("phase") for row in site.record(page, unique_id)["data"]]
    assert films.count("FILM") == 1
    assert page.problems == []


def test_checkboxes(serve, page):
    site = serve("Checkboxes")
    unique_id = come_back(site.address, page, "ticks", done=DONE)
    page.get_by_role("button", name="Continue").click()
    assert "Please tick at least one." in page.locator(".problem").all_inner_texts()
    inspect(page, "cookbook-checkboxes")
    page.get_by_label("A phone").check()
    page.get_by_label("A laptop").check()
    finish_questions(page)
    assert site.wait_for_answers(page, unique_id)["devices"] == ["phone", "laptop"]


def test_a_slider(serve, page):
    site = serve("A slider")
    unique_id = come_back(site.address, page, "slides", done=DONE)
    page.get_by_role("button", name="Continue").click()
    assert "Please click or tap the line." in page.locator(".problem").all_inner_texts()
    page.locator("#mood").press("End")
    page.locator("#mood").press("ArrowLeft")
    inspect(page, "cookbook-slider")
    finish_questions(page)
    assert site.wait_for_answers(page, unique_id)["mood"] == 99


def test_a_page_of_ones_own(serve, page):
    site = serve("A page of your own")
    unique_id = come_back(site.address, page, "tells", done=DONE)
    page.get_by_role("heading", name="How did you do it?").wait_for()
    assert "researchers at My University" in page.inner_text("main")
    inspect(page, "cookbook-page")
    page.locator("#strategy").fill("I squinted.")
    page.get_by_role("button", name="Continue").click()
    finish_questions(page)
    answers = site.wait_for_answers(page, unique_id)
    assert (answers["strategy"], answers["engagement"]) == ("I squinted.", "6")


def finish_questions(page: Page) -> None:
    page.locator("input[name=engagement][value='6']").check()
    page.locator("input[name=colour_vision][value=no]").check()
    page.locator("input[name=ai_use][value=no]").check()
    page.get_by_role("button", name="Continue").click()


def test_a_third_condition(serve, new_page):
    site = serve("A third condition")
    pages = {}
    for number in range(3):
        page = new_page()
        link = find_link(page, site.address, "/exp", f"arrives-{number}")
        condition = re.search(r'data-condition="(\d)"', page.request.get(link).text())[1]
        pages[int(condition)] = page, f"arrives-{number}"
    assert sorted(pages) == [0, 1, 2]
    page, worker = pages[1]
    unique_id = come_back(site.address, page, worker, done=(8, 1, 0))
    answer_a_word(page)
    row = site.wait_for_row(page, unique_id, phase="TEST", trial=2)
    assert row["condition"] == "50% congruent"


def test_blocks_of_several_kinds(cook):
    study = cook("Blocks of several kinds")
    shorten(study.path)
    done = study.run("study", "try", timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    data = study.path / "data" / "simulated"
    tables = {}
    for name in ("participants", "trialdata"):
        with (data / f"{name}.csv").open(newline="", encoding="utf-8") as file:
            tables[name] = list(csv.DictReader(file))
    orders = {row["participant"]: row["counterbalance"] for row in tables["participants"]}
    congruent = defaultdict(list)
    for row in tables["trialdata"]:
        if row["phase"] == "TEST":
            cell = orders[row["participant"]], int(row["block"])
            congruent[cell].append(row["congruent"] == "true")
    proportions = {cell: fmean(values) for cell, values in congruent.items()}
    expected = {"0": (0.75, 0.25, 0.75, 0.25), "1": (0.25, 0.75, 0.25, 0.75)}
    assert proportions == {
        (order, block): value
        for order, values in expected.items()
        for block, value in enumerate(values, 1)
    }


def test_a_jspsych_plugin(serve, page):
    site = serve("A jsPsych plugin", "jspsych")
    unique_id = come_back(site.address, page, "rates", done=DONE)
    page.get_by_role("heading", name="Your effort").wait_for()
    inspect(page, "cookbook-jspsych-plugin")
    page.get_by_text("Quite hard").click()
    page.get_by_role("button", name="Continue").click()
    assert site.wait_for_row(page, unique_id, phase="EFFORT")["response"] == {"effort": 2}
    finish_questions(page)
    assert site.wait_for_answers(page, unique_id)["engagement"] == "6"
    assert page.foreign == page.problems == []


@both_experiments
def test_a_rule_on_the_server(serve, new_page, experiment):
    site = serve("A rule on the server", experiment)
    page = new_page()
    come_back(site.address, page, "knows", done=(8, 0, 0), correct=True)
    page.get_by_role("heading", name="Now for real").wait_for()
    page = new_page()
    unique_id = come_back(site.address, page, "guesses", done=(8, 0, 0))
    page.get_by_role("heading", name="You cannot take part this time").wait_for()
    database = site.environment["PSITURK_DATABASE_URL"].removeprefix("sqlite:///")
    with sqlite3.connect(database) as connection:
        query = "select ending from assignments where uniqueid = ?"
        assert connection.execute(query, [unique_id]).fetchone() == ("screened-out",)
    # Nobody else may ask about somebody.
    other = new_page().request.get(f"{site.address}/practice?uniqueId={unique_id}")
    assert other.status == 403


def test_a_bonus(serve, new_page):
    site, answers = serve("A bonus"), {"engagement": "6"}
    page = new_page()
    come_back(site.address, page, "tries", done=(8, 20, 17), answers=answers)
    answer_a_word(page)
    answer_a_word(page)
    page.evaluate(LOOK_AT_THE_WORD)  # and the third is too slow
    finish(page)
    page = new_page()
    come_back(site.address, page, "excels", done=DONE, answers=answers, correct=True)
    finish(page)
    told = site.study.run("study", "bonuses", "--local", env=site.environment)
    assert told.returncode == 0, told.stderr
    assert "Bonuses of 2 participants, 0.32 USD in total, highest 0.30." in told.stdout


def finish(page: Page) -> None:
    page.get_by_role("button", name="Finish").click()
    page.get_by_role("heading", name="Thank you for taking part").wait_for()


def test_another_language(serve, page):
    site = serve("Another language")
    page.goto(find_link(page, site.address, "/pub", "liest"))
    assert page.locator("html").get_attribute("lang") == "de"
    assert page.inner_text("footer").startswith("Fragen zur Studie? Schreiben Sie an you@")
    come_back(site.address, page, "liest", done=DONE)
    assert page.locator("html").get_attribute("lang") == "de"
    expect(page.locator("#step")).to_have_text("Schritt 5 von 5")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator(".problem").first).to_have_text("Bitte wählen Sie eine Antwort.")
    finish_questions(page)
    page.get_by_role("heading", name="What this was about").wait_for()
    assert page.evaluate(LEFT_IN_ENGLISH) == []
    other = page.context.new_page()
    other.goto(find_link(page, site.address, "/exp", "liest"))
    page.get_by_role("heading", name="Bitte machen Sie im anderen Fenster weiter").wait_for()
    other.get_by_role("button", name="Go on").click()
    other.get_by_role("button", name="Finish").click()
    other.get_by_role("heading", name="Danke für Ihre Teilnahme").wait_for()
    assert page.problems == []


# A module of another address is another one, so the second has the machinery's own words.
LEFT_IN_ENGLISH = """
async () => {
  const [{ WORDS }, { WORDS: english }] = await Promise.all(
    ["/static/js/words.js", "/static/js/words.js?english"].map((address) => import(address)));
  const text = (value) => JSON.stringify(value, (_, part) => (part.call ? `${part}` : part));
  const parts = (value) => (typeof value === "object" ? Object.keys(value).join() : typeof value);
  const names = [...new Set([...Object.keys(WORDS), ...Object.keys(english)])];
  return names.filter((name) => text(WORDS[name]) === text(english[name]) || !(name in english)
    || parts(english[name]) !== parts(WORDS[name]));
}
"""
