"""A study's whole life, each step as its researcher takes it, from cookiecutter to `study down`.

The real Heroku CLI, git, uv, PostgreSQL and Chromium; only Heroku itself is the double in
tests/heroku. Prints how long each step took.
"""

import csv
import json
import re
import sys
import time
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import chromium
from hurry import Hurried, shorten
from participant import Participant

APP = "whole-life-abcde"


def test_a_study_from_its_first_question_to_its_end(
    tmp_path, template, platform, machine, browser, monkeypatch, capsys
):
    folder = tmp_path / "stroop-task"
    times: dict[str, float] = {}

    @contextmanager
    def step(name):
        begun = time.monotonic()
        yield
        times[name] = time.monotonic() - begun

    def run(*command: str, cwd=folder) -> str:
        done = machine.run(*command, cwd=cwd, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    with step("cookiecutter, which makes the app"):
        answers = ["heroku_app=create", f"heroku_app_name={APP}", "contact_email=lab@uni.edu"]
        cookiecutter = [sys.executable, "-m", "cookiecutter", "--no-input", str(template)]
        run(*cookiecutter, *answers, cwd=tmp_path)
    app = platform.apps[APP]
    assert app.addons == []
    with step("study up --yes"):
        run("uv", "run", "study", "up", "--yes")
    shorten(folder)
    run("git", "commit", "--quiet", "--all", "--message", "Make the task shorter")
    with step("study deploy"):
        printed = run("uv", "run", "study", "deploy", "--pilot")
    debug_link = re.search(r"https://\S+mode=debug\S+", printed)[0]
    recruiters_link = re.search(r"https://\S+(/start\?\S+)", printed)[1]
    assert debug_link.startswith(app.web_url)

    with step("a person in Chromium"):
        window = browser.browser_type.launch(
            executable_path=chromium.program(),
            args=[*chromium.OPTIONS, *machine.chromium_flags],
        )
        page = window.new_page()
        problems = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        person = Hurried(page)
        person.go_through(debug_link)
        person.finish()
        assert page.url.startswith(f"{app.web_url}complete?")
        mark = page.evaluate("getComputedStyle(document.documentElement, '::before').content")
        assert "Pilot" in mark
        assert problems == []
        window.close()
    with step("a participant from Prolific"):
        for name in ("https_proxy", "SSL_CERT_FILE"):
            monkeypatch.setenv(name, machine.environment[name])
        filled = re.sub(r"[{]{2}%(\w+)%[}]{2}", r"\1", recruiters_link)
        sent = Participant(app.web_url.rstrip("/")).enter(filled)
        sent.take_part(trials=40)

    with step("study status"):
        status = run("uv", "run", "study", "status")
    assert "1 arrived, 1 finished" in status
    assert re.search(r"^Not counted +1 debug run$", status, re.MULTILINE)

    with step("psiturk download_datafiles"):
        url = run("heroku", "config:get", "DATABASE_URL", "--app", APP).strip()
        assert url.startswith("postgres://")
        machine.environment["DATABASE_URL"] = url
        run("uv", "run", "psiturk", "download_datafiles")
        del machine.environment["DATABASE_URL"]
    with (folder / "trialdata.csv").open(newline="", encoding="utf-8") as file:
        rows = [(row[0], json.loads(row[3])) for row in csv.reader(file)]
    worker = parse_qs(urlsplit(debug_link).query)["workerId"][0]
    trials = [
        trial
        for participant, trial in rows
        if participant.startswith(worker) and trial["phase"] in ("PRACTICE", "TEST")
    ]
    assert [(t["word"], t["colour"], t["response"]) for t in trials] == [
        (seen["word"], seen["colour"], seen["key"]) for seen in person.seen
    ]
    assert len(trials) == 12
    assert [trial["rt"] for name, trial in rows if name == sent.uniqueid] == [512.25] * 40

    with step("study data"):
        run("uv", "run", "study", "data", "--mode", "all")
    with (folder / "data" / "participants.csv").open(newline="", encoding="utf-8") as file:
        assert sorted(row["mode"] for row in csv.DictReader(file)) == ["debug", "prolific"]
    for file in folder.rglob("*"):
        if file.is_file() and ".venv" not in file.parts:
            assert url.encode() not in file.read_bytes(), file

    with step("study down"):
        run("uv", "run", "study", "down", "--app", APP)
    assert platform.apps == {}
    assert platform.gaps == []

    with capsys.disabled():
        print(f"\nEnd to end in {sum(times.values()):.0f} s: ", end="")
        print(", ".join(f"{name} {seconds:.1f} s" for name, seconds in times.items()))
