"""Somebody who takes part in the experiment, by keyboard or touch, and remembers what they did."""

import re

from playwright.sync_api import Page

MOST_TABS = 25

# A word is gone for a moment only, which a question from outside of the page can miss, and on a
# busy machine a key can come after the deadline: so the page itself says which key came in time.
LOOK_AT_THE_WORD = """() => {
    const find = () => document.querySelector('.stimulus[class*=ink-]');
    const watch = (isOver) => new Promise((resolve) => {
        if (isOver()) return resolve();
        const observer = new MutationObserver(() => isOver() && resolve(observer.disconnect()));
        observer.observe(document, { subtree: true, childList: true, attributes: true });
    });
    const drawn = () => new Promise((f) => requestAnimationFrame(() => requestAnimationFrame(f)));
    return watch(find).then(async () => {
        const listening = new AbortController();
        let inTime = null;
        const options = { capture: true, signal: listening.signal };
        addEventListener('keydown', ({ key }) => { inTime ??= find() && key; }, options);
        const touched = ({ target }) => { inTime ??= find() && target.dataset.key; };
        addEventListener('pointerdown', touched, options);
        window.keyInTime = watch(() => !find()).then(() => { listening.abort(); return inTime; });
        const word = find().innerText.trim().toLowerCase();
        const colour = find().className.match(/ink-(\\w+)/)[1];
        await drawn();
        return { word, colour };
    });
}"""


class Person:
    """Goes through either experiment. ``seen`` holds each word, its colour and the key pressed.

    ``feedback`` holds what the practice said about each answer, and ``result`` the numbers of the
    debriefing. ``by_touch`` answers by the buttons.
    """

    by_touch = False

    def __init__(self, page: Page, look=lambda page, name: None) -> None:
        self.page = page
        self.look = look  # called on every new page, to inspect it
        self.seen: list[dict] = []
        self.feedback: list[str] = []
        self.result: dict[str, int] = {}

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)

    def activate(self, selector: str) -> None:
        """Reach a link or button with the Tab key and press Enter on it."""
        self.page.locator(selector).first.wait_for()
        for _ in range(MOST_TABS):
            if self.page.evaluate("s => document.activeElement.matches(s)", selector):
                return self.press("Enter")
            self.press("Tab")
        raise AssertionError(f"{selector} cannot be reached with the Tab key")

    def button(self, name: str) -> None:
        """Press the visible button with this text."""
        self.page.get_by_role("button", name=re.compile(rf"^{name}\b")).wait_for()
        self.page.evaluate(
            """name => {
                for (const button of document.querySelectorAll('button, input[type=submit]'))
                    button.toggleAttribute('data-wanted', button.offsetParent
                        && (button.innerText || button.value).trim().startsWith(name));
            }""",
            name,
        )
        self.activate("[data-wanted]")

    def heading(self, text: str) -> None:
        """Wait for the page with this heading, and inspect it."""
        self.page.get_by_role("heading", name=text, exact=True).first.wait_for()
        self.look(self.page, re.sub(r"\W+", "-", text.lower()).strip("-"))

    def choose(self, name: str, value: str) -> None:
        """Choose a radio button: focus it and press the space bar."""
        self.page.locator(f"input[name={name}][value='{value}']").focus()
        self.press("Space")

    def arrive(self, link: str) -> None:
        """From the invitation over the consent page to the experiment."""
        self.page.goto(link)
        self.look(self.page, "invitation")
        self.activate("#begin")
        self.page.wait_for_url("**/consent?*")
        self.look(self.page, "consent")
        self.activate("#agree")
        self.page.wait_for_url("**/exp?*")

    def read_instructions(self) -> None:
        self.heading("What you will see")
        self.button("Continue")
        self.heading("How to answer")
        self.button("Continue")
        self.heading("Before we begin")

    def understand(self) -> None:
        """Fail the comprehension check once, then pass it."""
        for attempt, what_counts in enumerate(("word", "colour")):
            self.read_instructions()
            self.choose("what_counts", what_counts)
            self.choose("which_key", "b")
            self.button("Check my answers")
            if attempt == 0:
                self.heading("Not quite")
                self.button("Read the instructions again")

    def respond(
        self,
        trials: int,
        wrong_on: int | None = None,
        late_on: int | None = None,
        is_practice: bool = False,
    ) -> None:
        """Name the colours of a block; one answer may be wrong, one may not be given."""
        for trial in range(1, trials + 1):
            view = self.page.evaluate(LOOK_AT_THE_WORD)
            key = view["colour"][0]
            if trial == wrong_on:
                key = "g" if key != "g" else "r"
            if trial != late_on and self.by_touch:
                self.page.locator(f".answer[data-key={key}]").tap()
            elif trial != late_on:
                self.press(key)
            self.seen.append(view | {"key": self.page.evaluate("keyInTime")})
            if is_practice:
                said = self.page.wait_for_function(
                    "() => document.querySelector('#feedback')?.innerText"
                )
                self.feedback.append(said.json_value())
                self.page.wait_for_function("() => !document.querySelector('#feedback')?.innerText")

    def do_the_task(self, comes_back: bool = False) -> None:
        """Practice and both test blocks, perhaps after having been away in the first."""
        self.heading("Practice")
        self.button("Start the practice")
        self.look(self.page, "trial")
        self.respond(8, wrong_on=2, late_on=4, is_practice=True)
        self.heading("Now for real")
        self.button("Start")
        self.respond(7, wrong_on=5)
        if comes_back:
            self.page.reload()
            self.heading("Welcome back")
            self.button("Go on")
        self.respond(13, late_on=2)
        self.heading("Time for a break")
        self.button("Go on")
        self.respond(20, wrong_on=7)

    def answer_questions(self) -> None:
        self.heading("A few last questions")
        self.choose("engagement", "6")
        self.choose("colour_vision", "no")
        self.choose("ai_use", "no")
        self.page.locator("#comments").fill('Nice, "quick" & easy — 👍\nTwo lines')
        self.button("Continue")

    def finish(self) -> None:
        self.heading("What this was about")
        self.page.get_by_text("Your answers are saved.").wait_for()
        numbers = self.page.locator("[data-number]:not(:empty)").all()  # after a short task, none
        self.result = {
            each.get_attribute("data-number"): int(each.inner_text()) for each in numbers
        }
        self.button("Finish")
        self.page.wait_for_url("**/complete?*")

    def take_part(self, link: str, comes_back: bool = False) -> None:
        """The whole study."""
        self.arrive(link)
        self.understand()
        self.do_the_task(comes_back)
        self.answer_questions()
        self.finish()
        self.look(self.page, "complete")
