"""Made-up people who take part in the Stroop task, as a browser would hear of them.

    make_person(seed) -> Person

The model, so that anybody can judge what a rate of false alarms is worth:

- Response times are ex-Gaussian, of a person's own mu, sigma and tau. Means and spreads of these
  are fitted to 121 real people (17,424 trials of a manual Stroop task by Klaus Oberauer, free for
  any use: github.com/PerceptionCognitionLab/data0, contexteffects). 2 of 100 answers are lapses,
  1 in 200 comes before the word is seen, and those beyond 3 s are missing.
- 72 of 100 use a mouse or touchpad and keys, 20 a phone, 5 keys alone, 3 a screen reader, whose
  clicks come without a pointer.
- A hand's way to a button takes 0.2 to 0.9 s at 60 events a second; for 1 person in 20 the
  computer is so busy that only one event in ten arrives. It hits anywhere about the middle. 1
  press in 5 is where the mouse is already.
- Keys are held for 70 to 130 ms by most (log-normal). 6 of 10 people write a comment: a key each
  90 to 500 ms with a deviation of 0.35 to 0.9 of that, and pauses for thought; 1 in
  10 takes words that the system suggests.
- 38 of 100 look at something else meanwhile (Drody, Pereira & Smilek 2023,
  doi.org/10.1038/s41598-023-27606-3), twice on average, mostly for seconds, and 1 in 400 goes
  away for up to half an hour.
- Odd but human, our guesses: 1 in 400 pastes a text that they wrote elsewhere, 1 in 400 copies
  text of the page, 1 in 400 dictates at a computer, 1 in 50 has an extension that makes up to 3
  events.
"""

import random
from dataclasses import dataclass, field

MU, SIGMA, TAU = (570, 80), (70, 33), (170, 66)  # ms: mean and standard deviation over people
DEADLINE = 3000
TRIALS = 48
CLICKS = 14  # on buttons, from the instructions to the end
BUTTON, RADIO = (140, 44), (16, 16)  # px


@dataclass
class Person:
    """What the browser hears, in the order of time, and what the record gets besides."""

    by_touch: bool
    events: list[dict] = field(default_factory=list)
    times: list[float | None] = field(default_factory=list)
    ai_use: str = "no"

    def recorded(self, signals: dict) -> tuple[list, list, str]:
        """What their record holds of them, with the signals that the client makes of the events."""
        return self.times, [("signals", signals)], self.ai_use


def make_person(seed: int) -> Person:
    """A person, always the same for the same seed."""
    return Maker(random.Random(seed)).make()


class Maker:
    def __init__(self, chance: random.Random) -> None:
        self.chance, self.now = chance, 2000.0
        self.device = chance.choices(["mouse", "touch", "keys", "reader"], [72, 20, 5, 3])[0]
        self.hold = chance.gauss(100, 20)
        self.moves_heard = 0.1 if chance.random() < 0.05 else 1
        self.place = (chance.uniform(0, 1280), chance.uniform(0, 800))
        self.person = Person(self.device == "touch")

    def make(self) -> Person:
        for _ in range(CLICKS // 2):
            self.press(self.chance.choice([BUTTON, RADIO]))
        self.name_colours()
        for _ in range(CLICKS // 2):
            self.press(self.chance.choice([BUTTON, RADIO]))
        self.write()
        self.go_away()
        self.do_odd_things()
        answers = ["no", "to understand", "no answer"]
        self.person.ai_use = self.chance.choices(answers, [95, 3, 2])[0]
        return self.person

    def hear(self, kind: str, after: float = 0, **about) -> None:
        self.now += after
        event = {"type": kind, "timeStamp": self.now, "isTrusted": True}
        self.person.events.append(event | about)

    def key(self, code: str, after: float, field: str = "") -> None:
        hold = max(30, self.hold * self.chance.lognormvariate(0, 0.25))
        self.hear("keydown", after, code=code, field=field)
        if field:
            self.hear("input", 1, inputType="insertText", data="x", field=field)
        # Who types fast presses the next key before: the client sees each by its own code.
        self.person.events.append(
            {"type": "keyup", "code": code, "timeStamp": self.now + hold, "isTrusted": True}
        )

    def press(self, size: tuple[int, int]) -> None:
        """Read for a while, then press a button or choose an answer."""
        self.now += 1000 * self.chance.lognormvariate(1.5, 0.7)
        if self.device == "keys":
            self.key("Tab", 0)
            self.key("Space", self.chance.uniform(150, 900))
        elif self.device == "touch":
            self.hear("pointerdown", pointerType="touch", x=100, y=100, box=[50, 80, 100, 40])
        elif self.device == "mouse":
            self.click(size)
        self.hear("click", self.hold)

    def click(self, size: tuple[int, int]) -> None:
        stays = self.chance.random() < 0.2
        if not stays:
            self.place = (self.chance.uniform(100, 1100), self.chance.uniform(100, 700))
            events = 60 * self.chance.uniform(0.2, 0.9)
            self.hear("pointermove", 400, times=max(1, round(events * self.moves_heard)))
        x, y = self.place
        # Where in the button: about the middle, as far as a hand is exact.
        left, top = (
            round(at - length * min(0.98, max(0.02, self.chance.gauss(0.5, 0.18))))
            for at, length in zip((x, y), size, strict=True)
        )
        at = {"x": round(x), "y": round(y)}
        self.hear("pointerdown", 150, pointerType="mouse", box=[left, top, *size], **at)

    def name_colours(self) -> None:
        chance = self.chance
        mu, sigma, tau = (
            max(low, chance.gauss(*of)) for of, low in ((MU, 380), (SIGMA, 15), (TAU, 30))
        )
        for _ in range(TRIALS):
            time = chance.gauss(mu, sigma) + chance.expovariate(1 / tau)
            odd = chance.random()
            time = chance.uniform(1500, 4000) if odd < 0.02 else time
            time = chance.uniform(30, 200) if odd > 0.995 else time
            self.person.times.append(round(time, 2) if time < DEADLINE else None)
            if time >= DEADLINE:
                continue
            if self.device == "touch":
                self.hear("pointerdown", time, pointerType="touch", x=9, y=9, box=[0, 0, 90, 40])
            else:
                self.key("KeyR", time)
            self.now += 1000

    def write(self) -> None:
        chance = self.chance
        if chance.random() > 0.6:
            return
        pace, spread = chance.lognormvariate(5.3, 0.4), chance.uniform(0.35, 0.8)
        takes_words = chance.random() < 0.1
        for number in range(chance.randint(5, 140)):
            if self.device == "touch":
                word = "x" * chance.randint(1, 12)  # a word at once, by the keyboard on the screen
                self.hear("input", 300, inputType="insertText", data=word, field="comments")
                continue
            pause = chance.uniform(500, 4000) if chance.random() < 0.04 else 0
            gap = max(35, pace * chance.lognormvariate(0, spread))
            if takes_words and chance.random() < 0.1:
                self.key("ArrowRight", gap + pause)
                word = "x" * chance.randint(3, 12)
                self.hear("input", 1, inputType="insertText", data=word, field="comments")
                continue
            self.key(f"Key{number % 9}", gap + pause, "comments")

    def go_away(self) -> None:
        chance = self.chance
        times = 1 + int(chance.expovariate(0.8)) if chance.random() < 0.38 else 0
        absences = [chance.lognormvariate(2.5, 1.2) for _ in range(times)]
        if chance.random() < 0.005:
            absences.append(chance.uniform(300, 1800))
        for seconds in absences:
            self.hear("visibilitychange", 500, hidden=True)
            self.hear("visibilitychange", 1000 * seconds, hidden=False)

    def do_odd_things(self) -> None:
        chance = self.chance
        if chance.random() < 1 / 400:
            self.hear("paste", 500, text="x" * chance.randint(20, 300), field="comments")
        if chance.random() < 1 / 400:
            self.hear("copy", 500, text="x" * chance.randint(5, 80))
        if chance.random() < 1 / 400:
            said = "x" * chance.randint(10, 120)
            self.hear("input", 500, inputType="insertText", data=said, field="comments")
        if chance.random() < 1 / 50:
            for _ in range(chance.randint(1, 3)):
                self.hear("click", 400, isTrusted=False)
