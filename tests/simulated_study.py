"""Fills a study's database with a believable study of the example: the Stroop task.

    simulate(folder, python, url, 200)      # participants of the study in a folder

People arrive over some hours; some drop out, most of these early. The Stroop effect is larger where
more words agree with their colours. Everything comes from the seed, but for the times, which end
now. The rows are as the server writes them: records in psiTurk's column, the last saves of those at
work in study_entries, counters of refusals, and errors in browsers.

As a script it runs in the study's folder, with the study's own Python.
"""

import datetime
import json
import math
import os
import random
import sys
import warnings
from pathlib import Path

COLOURS = {"red": "r", "green": "g", "blue": "b", "purple": "p"}
BROWSERS = {"chrome": 62, "safari": 17, "firefox": 12, "edge": 9}
PLATFORMS = {"windows": 55, "macos": 30, "linux": 5, "iphone": 10}
LANGUAGES = {"en-GB": 70, "en-US": 18, "de": 7, "es": 5}
# Where those stop who drop out: after so much of the study.
STOPS = {0.02: 20, 0.1: 25, 0.2: 18, 0.35: 8, 0.5: 7, 0.7: 12, 0.9: 10}
# For each participant.
INCIDENTS = {
    **{"wrong-browser": 0.04, "declined": 0.03, "excluded": 0.015, "preview": 0.01},
    **{"link-missing": 0.01, "too-little": 0.005, "no-proof": 0.005, "link-unsigned": 0.005},
}
# Message, file, line, page, browser, and how many of 1,000 participants meet it.
ERRORS = [
    ("TypeError: Cannot read properties of null (reading 'focus')", "static/js/task.js", 112,
     "/exp", "Safari", 15),
    ("NotAllowedError: play() failed because the user did not interact with the document first",
     "static/js/task.js", 87, "/exp", "Safari", 10),
    ("ReferenceError: structuredClone is not defined", "static/js/stimuli.js", 41, "/exp",
     "Chrome", 5),
]  # fmt: skip
ENTRIES_PER_WINDOW = 2**32


def simulate(folder: Path, python: Path, url: str, number: int, **options: float) -> None:
    """Fill the database at that address, which this makes ready, with so many participants.

    The options are those of ``make_people``.
    """
    import forks

    environment = os.environ | {"PSITURK_DATABASE_URL": url}
    given = json.dumps(options | {"number": number})
    done = forks.run(python, Path(__file__).resolve(), given, cwd=folder, env=environment)
    assert done.returncode == 0, done.stderr


def make_people(
    number: int = 200,
    seed: int = 1,
    hours: float = 4,
    drop_out: float = 0.17,
    minutes: float = 7,
    conditions: int = 2,
    orders: int = 1,
    running: bool = True,
    mode: str = "prolific",
    version: str = "1.0",
    test_runs: int = 3,
):
    """Yield the row of each participant, and the last save of those at work.

    They arrive within ``hours``, and the share ``drop_out`` does not finish; the others need a
    median of ``minutes``. If the study is not ``running`` any more, everybody is gone or done.
    """
    chance = random.Random(seed)
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None, microsecond=0)
    ago = sorted((hours * 60 * chance.betavariate(1.1, 1) for _ in range(number)), reverse=True)
    left = 0 if running else 45
    cells = [(c, o) for c in range(conditions) for o in range(orders)]
    for index, minutes_ago in enumerate(ago):
        if index % len(cells) == 0:
            chance.shuffle(cells)
        begin = now - datetime.timedelta(minutes=minutes_ago + left)
        person = Person(chance, index, begin, cells[index % len(cells)], conditions)
        yield person.take_part(now, drop_out, minutes, mode, version)
    for index in range(test_runs):
        begin = now - datetime.timedelta(hours=hours, minutes=10 + index)
        person = Person(chance, number + index, begin, (index % conditions, 0), conditions)
        row, save = person.take_part(now, 0, minutes, "debug", version)
        yield row | {"workerid": f"debug{index}", "uniqueid": f"debug{index}:{index}"}, save


class Person:
    """A participant of the example, who needs about half a second for a word."""

    def __init__(self, chance, index: int, begin, cell: tuple[int, int], conditions: int):
        self.chance, self.index, self.begin, self.cell = chance, index, begin, cell
        share = 0.75 - 0.5 * cell[0] / (conditions - 1) if conditions > 1 else 0.5
        self.share = round(share, 4)
        self.name = f"{self.share * 100:g}% congruent"
        self.speed = chance.lognormvariate(math.log(650), 0.18)  # ms
        self.effect = max(0, chance.gauss(60 + 90 * self.share, 35))  # ms
        self.care = min(0.995, chance.betavariate(30, 1.6))

    def take_part(self, now, drop_out: float, median: float, mode: str, version: str):
        """Return the row as it is now, and what was saved last but is not in the record."""
        chance = self.chance
        needed = median * 60 * chance.lognormvariate(0, 0.24)  # seconds
        drops = chance.random() < drop_out
        share = pick(chance, STOPS) * chance.uniform(0.8, 1.2) if drops else 1.0
        elapsed = (now - self.begin).total_seconds()
        reached = min(share, elapsed / needed)  # of the study, by now
        stopped = drops and reached == share
        row = self.describe(mode, version)
        seconds = reached * needed
        if stopped and chance.random() < 0.18:
            return row, None  # opened the page, and nothing more
        data, answers, place = self.work(reached, needed)
        last = self.begin + datetime.timedelta(seconds=seconds)
        row |= {"first_saved": self.begin + datetime.timedelta(seconds=1), "last_saved": last}
        row |= {"last_place": place, "datastring": json.dumps(self.record(data, answers, mode))}
        row |= {"record_version": ENTRIES_PER_WINDOW + len(data) + len(answers) + 1}
        if reached > 0.1:
            row |= {"status": 2, "beginexp": self.begin + datetime.timedelta(seconds=0.1 * needed)}
        if reached == 1:
            return row | {"status": 4 if chance.random() < 0.9 else 3, "endhit": last}, None
        if stopped:
            return row | self.leave(last), None
        return row, self.save(now, len(data) + len(answers) + 2)

    def leave(self, last) -> dict:
        how = pick(self.chance, {"closed": 55, "silent": 25, "left-early": 12, "screened-out": 8})
        if how == "closed":
            return {"status": 6}
        return {} if how == "silent" else {"status": 6, "ending": how, "endhit": last}

    def describe(self, mode: str, version: str) -> dict:
        chance = self.chance
        worker = "".join(chance.choices("0123456789abcdef", k=24))
        assignment = "".join(chance.choices("0123456789abcdef", k=24))
        return {
            "uniqueid": f"{worker}:{assignment}",
            "workerid": worker,
            "assignmentid": assignment,
            "hitid": "60ffe5c8371090c7041d43f8",
            "ipaddress": "",
            "browser": pick(chance, BROWSERS),
            "platform": pick(chance, PLATFORMS),
            "language": pick(chance, LANGUAGES),
            "cond": self.cell[0],
            "counterbalance": self.cell[1],
            "codeversion": version,
            "beginhit": self.begin,
            "bonus": 0,
            "status": 1,
            "mode": mode,
            "record_version": 0,
            "owner": f"{self.index:032x}",
        }

    def work(self, reached: float, needed: float) -> tuple[list[dict], dict, str]:
        """Return the trials and answers up to a point of the study, and the place."""
        pages = ["instructions/1-colours.html", "instructions/2-keys.html"]
        actions = ("NextPage", "FinishInstructions")
        read = [round(needed * 1000 * self.chance.uniform(0.04, 0.07)) for _ in pages]
        rows: list[tuple[str, dict]] = [
            (page, {"phase": "INSTRUCTIONS", "template": page, "indexOf": n, "action": action,
                    "viewTime": read[n]})
            for n, page, action in zip((0, 1), pages, actions, strict=True)
        ]  # fmt: skip
        asked = {"what_counts": "colour", "which_key": "b", "passed": True}
        rows.append(("comprehension.html", {"phase": "COMPREHENSION", "attempt": 1, **asked}))
        rows += [("PRACTICE, block 0", self.trial("PRACTICE", 0, n, 0.5)) for n in range(8)]
        for block in (1, 2):
            name = f"TEST, block {block}"
            rows += [(name, self.trial("TEST", block, n, self.share)) for n in range(20)]
        kept = rows if reached == 1 else rows[: int(reached * (len(rows) + 6))]
        is_behind = reached < 1 and len(kept) == len(rows)
        place = "questionnaire.html" if is_behind else kept[-1][0] if kept else pages[0]
        answers = {"comprehension_attempts": 1} if len(kept) > 2 else {}
        if reached == 1:
            place = "debriefing.html"
            answers |= {"engagement": str(self.chance.choice((4, 5, 5, 6, 6, 7)))}
            answers |= {"colour_vision": "no" if self.chance.random() < 0.96 else "yes"}
            answers |= {"comments": self.chance.choice(("", "", "", "Fun!", 'It was "quick", ok'))}
        return [row for _, row in kept], answers, place

    def trial(self, phase: str, block: int, number: int, share: float) -> dict:
        chance, names = self.chance, list(COLOURS)
        colour, agrees = chance.choice(names), chance.random() < share
        word = colour if agrees else chance.choice([name for name in names if name != colour])
        rt = chance.lognormvariate(math.log(self.speed + (0 if agrees else self.effect)), 0.22)
        correct = chance.random() < self.care - (0 if agrees else 0.03)
        key = COLOURS[colour if correct else word] if correct or not agrees else "r"
        answer = {"rt": round(rt, 2), "response": key, "correct": COLOURS[colour] == key}
        if rt > 3000:
            answer = {"rt": None, "response": None, "correct": False}
        about = {"phase": phase, "block": block, "condition": self.name, "trial": number + 1}
        about |= {"word": word, "colour": colour, "congruent": word == colour}
        return about | answer | {"device": answer["response"] and "keyboard"}

    def record(self, data: list[dict], answers: dict, mode: str) -> dict:
        start = int(self.begin.replace(tzinfo=datetime.UTC).timestamp() * 1000)
        times = [start + 20_000 + 2_500 * n for n in range(len(data))]
        about = {"condition": self.cell[0], "counterbalance": self.cell[1], "mode": mode}
        event = {"eventtype": "initialized", "value": None, "timestamp": start, "interval": 0}
        return about | {
            "bonus": 0,
            "currenttrial": len(data),
            "useragent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/150.0",
            "data": [
                {"uniqueid": "", "current_trial": n, "dateTime": time, "trialdata": row}
                for n, (time, row) in enumerate(zip(times, data, strict=True))
            ],
            "questiondata": answers,
            "eventdata": [event],
            "windows": {"1": len(data) + len(answers) + 1},
        }

    def save(self, now, first: int) -> dict:
        received = now - datetime.timedelta(seconds=self.chance.uniform(0, 6))
        time = int(received.replace(tzinfo=datetime.UTC).timestamp() * 1000)
        entries = json.dumps([["trial", time, self.trial("TEST", 1, 3, self.share)]])
        return {"first": first, "received": received, "text": entries}


def pick(chance: random.Random, weights: dict):
    return chance.choices(list(weights), list(weights.values()))[0]


def fill(options: dict) -> None:
    """Make the tables of the study in this folder, and put the participants into them."""
    from study import config

    config.load()
    import sqlalchemy as sa
    from psiturk.db import engine
    from study.database.entries import Save
    from study.database.schema import NAME, SQL, create_tables

    create_tables()
    warnings.simplefilter("ignore", sa.exc.SAWarning)  # of the index on lower(workerid)
    table, entries = (
        sa.Table(name, sa.MetaData(), autoload_with=engine) for name in (NAME, "study_entries")
    )
    people = list(make_people(**options))
    columns = table.c.keys()
    rows = [dict.fromkeys(columns) | row for row, _ in people]
    rows = [{name: row[name] for name in columns} for row in rows]
    saves = []
    for row, save in people:
        if save:
            packed = Save(1, save["first"], save["text"])
            about = {"uniqueid": row["uniqueid"], "writer": 1, "received": save["received"]}
            about |= {"first": packed.first, "last": packed.last, "size": len(packed.text)}
            saves.append(about | {"entries": packed.packed})
    today = datetime.datetime.now(datetime.UTC).date()
    with engine.begin() as connection:
        for start in range(0, len(rows), 500):
            connection.execute(table.insert(), rows[start : start + 500])
        if saves:
            connection.execute(entries.insert(), saves)
        now, number = datetime.datetime.now(datetime.UTC).replace(tzinfo=None), len(rows)
        for *kind, of_1000 in ERRORS:
            named = dict(zip(("message", "file", "line", "page", "browser"), kind, strict=True))
            for _ in range(max(1, number * of_1000 // 1000)):
                connection.execute(SQL["count_browser_error"], named | {"now": now})
        for kind, share in INCIDENTS.items():
            if times := round(share * number):
                values = {"kind": kind, "day": today, "number": times}
                connection.execute(SQL["count_event"], values)


if __name__ == "__main__":
    fill(json.loads(sys.argv[1]) if len(sys.argv) > 1 else {})
