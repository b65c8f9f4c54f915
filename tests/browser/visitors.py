"""People of several kinds, and programs that pass for one: each goes through the Stroop task."""

import random

from person import Person
from playwright.sync_api import Locator, Page

COMMENT = "I kept reading the words although I tried not to, mostly in the second half."
HIDE_THE_DRIVER = "Object.defineProperty(Navigator.prototype, 'webdriver', { get: () => false })"
# As little as it takes for every page and enough keys; the pauses are for eyes.
SHORTER = {
    "task.js": {
        "PRACTICE_TRIALS = 8": "PRACTICE_TRIALS = 4",
        "TRIALS_PER_BLOCK = 20": "TRIALS_PER_BLOCK = 8",
        "FIXATION_MS = 500": "FIXATION_MS = 20",
        "FEEDBACK_MS = 1500": "FEEDBACK_MS = 20",
        "BETWEEN_TRIALS_MS = 500": "BETWEEN_TRIALS_MS = 20",
    },
    "participant.js": {"FIRST_PAGE = 2000": "FIRST_PAGE = 0"},
}
BLOCKS = {
    "Practice": "Start the practice",
    "Now for real": "Start",
    "Time for a break": "Go on",
}
TRIALS = (4, 8, 8)  # then, in practice and in both blocks
# All that a script in the page can do: it finds what is there, fills it in and clicks.
SCRIPT = """async (comment) => {
    const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    const fire = (target, event) => target.dispatchEvent(event);
    while (!location.pathname.startsWith('/complete')) {
        await pause(20);
        const word = document.querySelector('.stimulus[class*=ink-]');
        if (word) {
            const key = word.className.match(/ink-(\\w)/)[1];
            const about = { key, code: `Key${key.toUpperCase()}`, bubbles: true };
            for (const type of ['keydown', 'keyup'])
                fire(document.body, new KeyboardEvent(type, about));
            continue;
        }
        const wanted = { what_counts: 'colour', which_key: 'b' };
        for (const field of document.querySelectorAll('input[type=radio]')) {
            const isOpen = !field.form.elements[field.name].value;
            if (isOpen && field.value === (wanted[field.name] ?? field.value)) field.click();
        }
        for (const field of document.querySelectorAll('textarea, input[type=text]')) {
            if (field.value) continue;
            field.value = comment;
            const about = { data: comment, inputType: 'insertText', bubbles: true };
            fire(field, new InputEvent('input', about));
        }
        document.querySelector('#task .continue, #task [type=submit]')?.click();
    }
}"""


def wait_for_signals(page: Page) -> None:
    """Until the module that records them has been loaded."""
    page.wait_for_function(
        "() => performance.getEntriesByType('resource').some((e) => /signals.js/.test(e.name))"
    )
    page.wait_for_load_state("networkidle")


class Visitor(Person):
    """Takes part in a shorter version of the task. The browser does not say that it is driven."""

    wishes_to_hide = True

    def __init__(self, page: Page) -> None:
        super().__init__(page)
        self.chance = random.Random(1)
        if self.wishes_to_hide:
            page.add_init_script(HIDE_THE_DRIVER)
        for name in SHORTER:
            page.route(f"**/js/{name}", self._shorten)

    def _shorten(self, route) -> None:
        answer = route.fetch()
        text = answer.text()
        for old, new in SHORTER[answer.url.rpartition("/")[2]].items():
            assert old in text
            text = text.replace(old, new)
        route.fulfill(response=answer, body=text)

    def take_part(self, link: str) -> None:
        self.page.goto(link)
        wait_for_signals(self.page)
        self.go_through()

    def go_through(self) -> None:
        self.read_instructions()
        self.choose("what_counts", "colour")
        self.choose("which_key", "b")
        self.button("Check my answers")
        for (heading, button), trials in zip(BLOCKS.items(), TRIALS, strict=True):
            self.heading(heading)
            self.button(button)
            self.respond(trials)
        self.heading("A few last questions")
        for name, value in (("engagement", "6"), ("colour_vision", "no"), ("ai_use", "no")):
            self.choose(name, value)
        self.comment()
        self.button("Continue")
        self.finish()

    def comment(self) -> None:
        """Write at the end of the questions."""


class ByKeys(Visitor):
    """Never touches the mouse: Tab, space bar, Enter. A screen reader's user does the same."""

    def press(self, key: str) -> None:
        self.page.keyboard.press(key, delay=self.chance.uniform(60, 140))

    def comment(self) -> None:
        self.page.locator("#comments").focus()
        for letter in COMMENT[:25]:
            self.press(letter)
            self.page.wait_for_timeout(self.chance.choice((5, 20, 60, 150, 300)))


class ByMouse(ByKeys):
    """Moves the mouse to what it clicks, and writes."""

    def click(self, target: Locator) -> None:
        target.scroll_into_view_if_needed()
        box = target.bounding_box()
        x = box["x"] + box["width"] * self.chance.uniform(0.2, 0.4)
        y = box["y"] + box["height"] * self.chance.uniform(0.6, 0.8)
        self.page.mouse.move(x, y, steps=20)
        self.page.mouse.down()
        self.page.wait_for_timeout(70)
        self.page.mouse.up()

    def button(self, name: str) -> None:
        self.click(self.page.get_by_role("button", name=name).first)

    def choose(self, name: str, value: str) -> None:
        self.click(self.page.locator(f"input[name={name}][value='{value}']"))


class ByTouch(Visitor):
    """Taps on what a phone shows."""

    by_touch = True

    def button(self, name: str) -> None:
        self.page.get_by_role("button", name=name).first.tap()

    def choose(self, name: str, value: str) -> None:
        self.page.locator(f"input[name={name}][value='{value}']").tap()

    def comment(self) -> None:
        self.page.locator("#comments").tap()
        self.page.keyboard.insert_text(COMMENT)  # spoken


class WhoPastes(ByMouse):
    """A person whose answer somebody else has written."""

    def comment(self) -> None:
        self.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        self.page.evaluate("(text) => navigator.clipboard.writeText(text)", COMMENT)
        self.click(self.page.locator("#comments"))
        self.press("Control+V")


class Driven(Visitor):
    """A program that drives the browser by the DevTools protocol: real events, but no hand."""

    def button(self, name: str) -> None:
        self.page.get_by_role("button", name=name).first.click()

    def choose(self, name: str, value: str) -> None:
        self.page.locator(f"input[name={name}][value='{value}']").click()

    def comment(self) -> None:
        self.page.locator("#comments").click()
        self.page.keyboard.insert_text(COMMENT)


class DrivenAsItIs(Driven):
    """The same, with a browser that says so, and typing letter by letter."""

    wishes_to_hide = False

    def comment(self) -> None:
        self.page.locator("#comments").click()
        self.page.keyboard.type(COMMENT[:40], delay=30)


class Script(Visitor):
    """A script in the page, which makes its own events."""

    def go_through(self) -> None:
        self.page.evaluate(f"({SCRIPT})({COMMENT!r}); undefined")
        self.page.wait_for_url("**/complete?*", timeout=240_000)
