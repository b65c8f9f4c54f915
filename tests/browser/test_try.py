"""`study try`: robots take part in studies in a real browser, as their researchers let them."""

import csv
import json
import os
import re
import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from statistics import median

import pytest
from generated import Study
from hurry import shorten
from npm import package
from psych_ds import find_breaches

# A task that only its own answer can do: a field to click on, without a button or a key.
OWN_TASK = """
import { PsiTurk } from "./participant.js";
const psiTurk = new PsiTurk();
psiTurk.robot = (page) => page.querySelector("canvas") && { click: [60, 60], after: 400 };
const task = document.querySelector("#task");
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function trial(trial) {
  task.innerHTML = '<canvas width="300" height="300" style="position:fixed;top:0;left:0"></canvas>';
  const shown = performance.now();
  const { isTrusted, timeStamp } = await new Promise((resolve) => {
    task.firstChild.addEventListener("pointerdown", resolve);
  });
  psiTurk.recordTrialData({ trial, isTrusted, rt: timeStamp - shown });
  task.textContent = "";
  await pause(300);
}

psiTurk.startTask();
for (let number = 1; number <= 40; number++) await trial(number);
await psiTurk.completeHIT();
"""


@pytest.fixture
def new_study(studies, tmp_path):
    """Make a study that a test may change; its packages are those of another."""

    def make(**answers: str) -> Study:
        study = studies(heroku_app="later", **answers)
        folder = tmp_path / "study"
        shutil.copytree(study.path, folder, ignore=shutil.ignore_patterns(".venv", "data"))
        (folder / ".venv").symlink_to(study.path / ".venv")
        shorten(folder)
        serve_libraries(folder)
        return Study(folder)

    return make


def serve_libraries(folder: Path) -> None:
    """Serve what a study takes from unpkg beside its own scripts: there is no internet here."""

    def copy(found: re.Match) -> str:
        own = folder / "static" / "lib" / f"{found[1]}.js"
        own.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(package(found[1]) / found[2], own)
        return f"/static/lib/{found[1]}.js"

    page = folder / "templates" / "libraries.html"
    unpkg = r"https://unpkg\.com/((?:@[\w-]+/)?[\w-]+@[\d.]+)/([\w./-]+\.js)"
    page.write_text(re.sub(unpkg, copy, page.read_text()))


def send_robots(study: Study, *options: str, **settings: str):
    return study.run("study", "try", *options, timeout=500, **settings)


def read(study: Study, name: str) -> list[dict[str, str]]:
    with (study.path / "data" / "simulated" / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("experiment", ["stroop", "jspsych"])
def test_robots_finish_every_condition_and_leave_nothing_behind(new_study, experiment):
    study = new_study(experiment=experiment)
    done = send_robots(study)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = re.findall(r"Condition (\d): finished, about \d+ minutes?, (\d+) of (\d+)", done.stdout)
    assert [condition for condition, *_ in lines] == ["0", "1"]
    stored = [int(stored) for _, stored, _ in lines]
    assert stored == [int(recorded) for *_, recorded in lines]
    assert sum(stored) == len(read(study, "trialdata"))
    assert {row["mode"] for row in read(study, "participants")} == {"simulated"}
    tests = Counter(r["participant"] for r in read(study, "trialdata") if r["phase"] == "TEST")
    assert list(tests.values()) == [8, 8]
    assert_signals_are_light(study)
    sheet = (study.path / "data" / "simulated" / "contact-sheet.html").read_text()
    assert sheet.count("data:image/jpeg") >= 2 * 12
    said = study.run("study", "data", "--local").stdout
    assert "Nobody has opened the study yet" in said
    assert study.run("git", "status", "--porcelain").stdout.count("data/") == 0

    database = f"sqlite:///{study.path}/data/simulated/participants.db"
    options = ("--psych-ds", "--mode", "all", "--database-url", database, "--out", "data/shared")
    shared = study.run("study", "data", *options)
    assert shared.returncode == 0, shared.stderr
    assert "what these columns mean" not in shared.stdout  # dataset.toml says it of all
    assert list(find_breaches(study.path / "data" / "shared" / "psych-ds")) == []

    kept = study.path / "data" / "simulated" / "analysis.R"
    kept.write_text("# the researcher's")
    assert study.run("study", "try", "--clean").returncode == 0
    assert list(kept.parent.iterdir()) == [kept]


def assert_signals_are_light(study: Study) -> None:
    """They tell a robot from a person, in few bytes: a whole record of the example has 20,000."""
    database = study.path / "data" / "simulated" / "participants.db"
    with closing(sqlite3.connect(database)) as connection:
        records = [text for (text,) in connection.execute("select datastring from assignments")]
    for record in records:
        events = [e for e in json.loads(record)["eventdata"] if e["eventtype"] == "signals"]
        assert len(events) == 1
        assert len(json.dumps(events[0], separators=(",", ":"))) < 0.02 * 20_000
    flags = {row["participant"]: set() for row in read(study, "participants")}
    for row in read(study, "quality"):
        flags[row["participant"]].add(row["flag"])
    for found in flags.values():
        assert {"webdriver", "pointer_jumps", "pointer_centred", "text_without_keys"} <= found


def test_what_stops_a_robot_is_told_with_file_and_line(new_study):
    study = new_study()
    script = study.path / "static" / "js" / "task.js"
    text = script.read_text()

    typo = "await (psiTurk.taskdata.get('condition') === 0 ? askQuestion : askQuestions)("
    script.write_text(text.replace("await askQuestions(", typo))
    done = send_robots(study, env=os.environ | {"PSITURK_NUM_CONDS": "3"})
    assert done.returncode == 1
    first, second, third = done.stdout.partition("A person")[0].split("Condition ")[1:]
    where = f"static/js/task.js, line {line_of(script, typo)}"
    assert f"{where}: ReferenceError: askQuestion is not defined" in first
    assert "Stopped on templates/stage.html: the task reported a problem" in first
    assert second.startswith("1: finished")
    line = line_of(study.path / "static" / "js" / "conditions.js", "throw new Error")
    assert f"static/js/conditions.js, line {line}: Error: psiTurk assigned condition 2" in third

    script.write_text(text.replace('"break.html", "stage', '"brake.html", "stage'))
    done = send_robots(study)
    where = f"static/js/task.js, line {line_of(script, 'brake.html')}"
    assert f"{where}: brake.html: " in done.stdout and "404" in done.stdout

    script.write_text(text + "\nconst = 1;\n")
    done = send_robots(study)
    assert f"static/js/task.js, line {line_of(script, 'const = 1')}: SyntaxError" in done.stdout


def test_a_crowd_with_mishaps_loses_nothing_in_a_task_that_says_how_to_answer(new_study):
    study = new_study()
    (study.path / "static" / "js" / "task.js").write_text(OWN_TASK)
    done = send_robots(study, "--participants", "8")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"A crowd of 6 in \d+ s: 5 finished, 1 dropped out\.", done.stdout)
    assert "1 reloaded the page and 1 had a slow line" in done.stdout
    assert "nothing is lost" in done.stdout
    trials = read(study, "trialdata")
    assert {row["isTrusted"] for row in trials} == {"true"}
    times = [float(row["rt"]) for row in trials]
    finished = [row["participant"] for row in read(study, "participants") if row["status"] == "3"]
    assert len(finished) == 7
    # On the page's clock, however busy this machine is.
    assert min(times) > 399 and median(times) < 420


def line_of(file: Path, text: str) -> int:
    lines = file.read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)
