"""The examples made short, and somebody who goes through them: for tests of what is around them."""

import re
from pathlib import Path

from person import Person

# Little to do, little to wait for, and time to answer on a slow machine.
SHORTER = {
    "PRACTICE_TRIALS": 4, "TRIALS_PER_BLOCK": 4, "FIXATION_MS": 60, "FEEDBACK_MS": 300,
    "BETWEEN_TRIALS_MS": 60, "DEADLINE_MS": 60_000,
}  # fmt: skip


def shorten(study: Path) -> None:
    """Change the constants of the study's experiment, as its researcher may."""
    task, config = study / "static" / "js" / "task.js", study / "config.txt"
    for name, value in SHORTER.items():
        change(task, rf"const {name} = \d+", f"const {name} = {value}")
    change(config, r"(?m)^minimum_trials = \d+", "minimum_trials = 12")


def change(file: Path, before: str, after: str) -> None:
    text, found = re.subn(before, after, file.read_text(encoding="utf-8"))
    assert found == 1, (file, before)
    file.write_text(text, encoding="utf-8")


class Hurried(Person):
    """Goes through the shortened experiments."""

    def go_through(self, link: str) -> None:
        """All from the invitation to the last question."""
        self.arrive(link)
        self.understand()
        self.do_the_task()
        self.answer_questions()

    def do_the_task(self) -> None:
        self.heading("Practice")
        self.button("Start the practice")
        self.respond(4)
        self.heading("Now for real")
        self.button("Start")
        self.respond(4)
        self.heading("Time for a break")
        self.button("Go on")
        self.respond(4)
