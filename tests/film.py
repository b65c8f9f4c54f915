"""The moving picture of the README, filmed at a real run of the template as it is now.

    uv run python -m tests.film [FILE]

Makes a study by answering cookiecutter's questions, runs its preview, takes part in Chromium,
cuts the browser off during the task, and downloads the data. All that the terminal shows was
printed, all pages are screenshots; only the folders' names and the template's address are those
of its users. Fails if one word that was shown is missing in the data.
"""

import csv
import html
import io
import os
import re
import signal
import sys
import tempfile
from base64 import b64encode
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tests import chromium

sys.path.insert(0, str(Path(__file__).parent))  # where the tests find each other
sys.path.insert(0, str(Path(__file__).parent / "browser"))
from person import Person  # noqa: E402
from server import free_port  # noqa: E402
from terminal import Terminal  # noqa: E402

REPOSITORY = Path(__file__).parent.parent
FILE = REPOSITORY / "docs" / "images" / "film.webp"
WIDTH, HEIGHT, CAPTION = 800, 500, 44
WINDOW = {"width": 960, "height": 600}  # of the participant, shown a little smaller
WORD = ".stimulus[class*=ink-]"
LINES = 23  # of the terminal, as many as fit
ANSWERS = ("Colours & Words", "", "", "A University", "ada@uni.example", "", "", "", "2")
STAGE = f"""<!doctype html><style>
body {{ margin: 0; width: {WIDTH}px; font: 17px "DejaVu Sans", sans-serif; background: #fff; }}
p {{ height: {CAPTION}px; line-height: {CAPTION}px; margin: 0; padding: 0 18px; color: #fff;
  background: #20446b; font-weight: bold; }}
p.cut {{ background: #a3341f; }}
pre {{ box-sizing: border-box; height: {HEIGHT}px; margin: 0; padding: 12px 18px; color: #e8e8e8;
  background: #1b1d21; font: 15.5px/20.5px "DejaVu Sans Mono", monospace; overflow: hidden; }}
img {{ display: block; width: {WIDTH}px; height: {HEIGHT}px; }}
</style>"""


class Film:
    """Frames, each with the time for which it is shown. ``caption`` stands above what follows."""

    def __init__(self, stage: Page) -> None:
        self.stage = stage
        self.caption, self.is_cut = "", False
        self.frames: list[Image.Image] = []
        self.times: list[int] = []

    def shoot(self, page: Page, ms: int = 550) -> None:
        """A frame of what the browser shows."""
        picture = b64encode(page.screenshot()).decode()
        self._add(f'<img src="data:image/png;base64,{picture}">', ms)

    def print(self, text: str, ms: int = 900) -> None:
        """A frame of a terminal, of which the last lines are seen."""
        lines = [part for line in text.split("\n") for part in wrap(line)]
        seen = html.escape("\n".join(lines[-LINES:]))
        self._add(f"<pre>{seen}</pre>", ms)

    def _add(self, body: str, ms: int) -> None:
        kind = "cut" if self.is_cut else ""
        self.stage.set_content(f'{STAGE}<p class="{kind}">{html.escape(self.caption)}</p>{body}')
        frame = Image.open(io.BytesIO(self.stage.screenshot())).convert("RGB")
        self.frames.append(frame)
        self.times.append(ms)

    def save(self, file: Path) -> None:
        first, *others = self.frames
        options = {"duration": self.times, "loop": 0, "quality": 80, "method": 6}
        first.save(file, save_all=True, append_images=others, minimize_size=True, **options)
        seconds, size = sum(self.times) / 1000, file.stat().st_size / 1e6
        print(f"{file}: {len(self.frames)} frames, {seconds:.0f} s, {size:.2f} MB")


def wrap(line: str, width: int = 80) -> list[str]:
    return [line[start : start + width] for start in range(0, len(line), width)] or [""]


class Shell:
    """A folder, and a screen on which commands are seen as a user types them."""

    def __init__(self, film: Film, folder: Path) -> None:
        self.film, self.folder = film, folder
        self.environment = os.environ | {"STUDY_BROWSER": "", "NO_COLOR": "1"}
        self.environment.pop("VIRTUAL_ENV", None)

    def start(self, typed: str, *command: str | Path) -> Terminal:
        self.typed = f"$ {typed}\n"
        self.film.print(self.typed, 700)
        return Terminal([*command], self.folder, self.environment)

    def show(self, terminal: Terminal, ms: int = 900) -> None:
        said = terminal.said.replace(str(REPOSITORY), "gh:lab/psiturk-heroku")
        said = said.replace(str(Path(self.folder).resolve()), "/home/ada")
        said = re.sub(r"\x1b\[[?\d;]*[a-zA-Z]|[^\n]*\r(?!\n)", "", said)  # as a terminal does
        self.film.print(self.typed + said.lstrip("\n"), ms)


def make_study(film: Film, folder: Path) -> Path:
    film.caption = "1. Answer a few questions"
    shell = Shell(film, folder)
    command = (sys.executable, "-m", "cookiecutter", REPOSITORY)
    terminal = shell.start("uvx cookiecutter gh:lab/psiturk-heroku", *command)
    while not (folder / "colours-words").exists():
        if terminal.expect([r"\):", "Your study is in"], timeout=300):
            break
        terminal._keep(terminal.before + terminal.after)
        answer = ANSWERS[number] if (number := terminal.said.count("):") - 1) < len(ANSWERS) else ""
        shell.show(terminal, 250)
        terminal.sendline(answer)
    terminal._keep(terminal.before + terminal.after if terminal.after else "")
    terminal.wait_for_end(300)
    shell.show(terminal, 1500)
    return folder / "colours-words"


def take_part(film: Film, page: Page, address: str) -> int:
    """Go through the study; the browser is offline for a while. Returns how many words it saw."""
    film.caption = "2. Try the study on your own computer"
    person = Person(page, look=lambda page, name: film.shoot(page))
    page.goto(address)
    film.shoot(page)
    page.get_by_role("link", name="Try the study").click()
    person.look(page, "invitation")
    person.activate("#begin")
    page.wait_for_url("**/consent?*")
    person.look(page, "consent")
    person.activate("#agree")
    page.wait_for_url("**/exp?*")
    person.understand()
    person.heading("Practice")
    person.button("Start the practice")
    person.respond(8, is_practice=True)
    person.heading("Now for real")
    person.button("Start")
    answer(film, person, 3)
    film.caption, film.is_cut = "3. Pull the cable: the participant goes on", True
    page.context.set_offline(True)
    answer(film, person, 10)
    page.wait_for_timeout(3000)
    answer(film, person, 7)
    person.heading("Time for a break")
    film.caption, film.is_cut = "4. Plug it in again: everything is sent", False
    page.context.set_offline(False)
    page.wait_for_timeout(3000)
    film.shoot(page, 1500)
    person.look = lambda page, name: None
    person.button("Go on")
    person.respond(20)
    person.look = lambda page, name: film.shoot(page)
    person.answer_questions()
    person.finish()
    film.shoot(page, 1200)
    return len(person.seen)


def answer(film: Film, person: Person, trials: int) -> None:
    """Answer so many words, with a picture of every second one."""
    for number in range(trials):
        if number % 2 == 0:
            person.page.wait_for_selector(WORD)
            film.shoot(person.page, 400)
            if not person.page.query_selector(WORD):  # it took so long that the word is gone
                person.seen.append({})
                continue
        person.respond(1)


def main() -> None:
    """Make the film."""
    file = Path(sys.argv[1]) if sys.argv[1:] else FILE
    # What runs in the background ignores Ctrl-C, and so would the preview, which ends by it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="film-") as place, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium.program(), args=chromium.OPTIONS
        )
        size = {"width": WIDTH, "height": HEIGHT + CAPTION}
        film = Film(browser.new_page(viewport=size))
        study = make_study(film, Path(place))
        port = str(free_port())
        film.caption = "2. Try the study on your own computer"
        shell = Shell(film, study)
        command = ("uv", "run", "study", "preview")
        preview = shell.start("cd colours-words && uv run study preview", *command,
                              "--no-browser", "--port", port)  # fmt: skip
        preview.wait_for("ends the preview", 300)
        shell.show(preview, 1500)
        page = browser.new_page(viewport=WINDOW)
        seen = take_part(film, page, f"http://localhost:{port}")
        preview.sendintr()
        preview.wait_for_end()
        film.caption = f"5. Download: all {seen} words that were shown are in the data"
        data = shell.start("uv run study data --local --mode all", "uv", "run", "study", "data",
                           "--local", "--mode", "all")  # fmt: skip
        assert data.wait_for_end(120) == 0, data.said
        shell.show(data, 3500)
        with (study / "data" / "trialdata.csv").open(encoding="utf-8") as trials:
            stored = sum(bool(row.get("word")) for row in csv.DictReader(trials))
        assert stored == seen, f"{seen} words were shown, {stored} are in the data"
        film.save(file)


if __name__ == "__main__":
    main()
