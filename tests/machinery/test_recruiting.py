"""What `study check` and `study status` say about recruiting, case by case."""

import datetime
import json
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing

import forks
import pytest
from generated import REPOSITORY
from lab import Lab, person

# Reads a case from each line: config vars and dynos of an app. Answers with what each check finds.
LOOK = """
import json, sys
from pathlib import Path
from study import config
from study.heroku.app import AppState, read_spec
from study.database.reader import open_participants
from study.commands.check import CheckContext, list_checks

folder = Path.cwd()
here = config.read(folder)
participants = open_participants(here)
for line in sys.stdin:
    case = json.loads(line)
    addons = [{"addon_service": {"name": "heroku-postgresql"}, "config_vars": ["DATABASE_URL"],
               "name": "postgresql-round-1", "state": "provisioned",
               "plan": {"name": f"heroku-postgresql:{case['plan']}"}}]
    dynos = [{"type": "web", "size": size, "state": "up"} for size in case["dynos"]]
    app = AppState({"app": {"web_url": "https://a.example/"}, "addons": addons, "dynos": dynos},
              case["config"])
    settings = config.read(folder, app.config)
    context = CheckContext(folder, read_spec(folder), settings, app, participants=participants)
    checks = {check.__name__: check for check in list_checks(context)}
    print(json.dumps(list(checks[case["check"]](context))), flush=True)
"""
PROLIFIC = {"PSITURK_RECRUITMENT": "prolific"}
SONA = {"PSITURK_RECRUITMENT": "sona"}
MTURK = {"PSITURK_RECRUITMENT": "mturk"}
SONA_URL = "https://uni.sona-systems.com/webstudy_credit.aspx?credit_token=4e&survey_code=XXXX"
BASIC = ("Basic",)


def look(lab: Lab, *cases: tuple) -> list[list]:
    """What a check finds in each case: (check, config vars, dynos, plan)."""
    names = ("check", "config", "dynos", "plan")
    defaults = {"dynos": BASIC, "plan": "essential-0"}
    lines = [json.dumps(defaults | dict(zip(names, case, strict=False))) for case in cases]
    environment = os.environ | {"PSITURK_DATABASE_URL": lab.url}
    given = "\n".join(lines)
    done = forks.run(lab.python, "-c", LOOK, cwd=lab.folder, env=environment, input=given)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


CASES = [
    ("codes", PROLIFIC, BASIC, "red", "COMPLETION_CODE is not set"),
    ("codes", PROLIFIC, (), "yellow", "uv run study up"),
    ("codes", PROLIFIC | {"COMPLETION_CODE": "C0-DE"}, BASIC, "green", "heroku config:get"),
    ("codes", PROLIFIC | {"COMPLETION_CODE": "C0 DE"}, BASIC, "red", "cannot be right"),
    ("codes", SONA, BASIC, "red", "SONA_COMPLETION_URL is not set"),
    ("codes", SONA | {"SONA_COMPLETION_URL": SONA_URL}, BASIC, "green", "is set"),
    ("codes", SONA | {"SONA_COMPLETION_URL": SONA_URL[:50]}, BASIC, "red", "credit_token"),
    ("codes", MTURK, BASIC, "", ""),
    ("recruiter", MTURK | {"PSITURK_AD_URL_ROUTE": "pub?mode=live"}, BASIC, "yellow red",
     "follows from ad_url_"),
    ("recruiter", MTURK, BASIC, "yellow", "no worker sees the HITs"),
    ("recruiter", PROLIFIC, BASIC, "green yellow", "is counted as a participant"),
    ("recruiter", PROLIFIC | {"PSITURK_PREVIEW_IDS": "5b9ab28d4f0c"}, BASIC, "green", "Prolific, "),
    ("key", {}, BASIC, "yellow", "PSITURK_SECRET_KEY is not set"),
    ("key", {"PSITURK_SECRET_KEY": "k3y"}, BASIC, "", ""),
    ("connected", {}, BASIC, "green", "2 worker processes use up to 16 of the plan's 20"),
    ("connected", {}, BASIC * 2, "red", "CONNECTIONS_PER_WORKER=4"),
    ("connected", {"CONNECTIONS_PER_WORKER": "4"}, BASIC * 2, "green", "up to 16"),
    ("connected", {"CONNECTIONS_PER_WORKER": "3"}, BASIC * 3, "green", "up to 18"),
    ("connected", {"WEB_CONCURRENCY": "7"}, BASIC, "red", "smaller WEB_CONCURRENCY"),
    ("connected", {"WEB_CONCURRENCY": "two"}, BASIC, "red", "must be a number"),
    ("connected", {}, ("Standard-2X",), "green", "4 worker processes use up to 16"),
    ("recruiter", {"PSITURK_RECRUITMENT": "qualtrics"}, BASIC, "red", "it must be one of"),
    ("recruiter", {"PSITURK_RECRUITMENT": "link"}, BASIC, "green", "https://a.example/start"),
    ("recruiter", MTURK | {"PSITURK_LAUNCH_IN_MODE": "live"}, BASIC, "green", "cost money"),
    ("work", {}, BASIC, "green", "needs 40 lines of data (minimum_trials)"),
    ("work", {"PSITURK_MINIMUM_TRIALS": "0"}, BASIC, "yellow", "Set minimum_trials to what"),
]  # fmt: skip


@pytest.fixture(scope="module")
def looked(empty_lab):
    """What was found in all cases, which one process looks at."""
    return look(empty_lab, *(case[:3] for case in CASES))


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda n: f"{CASES[n][0]}-{n}")
def test_it_finds_what_is_wrong_and_is_quiet_else(looked, number):
    *_, colour, words = CASES[number]
    found = looked[number]
    assert [shade for shade, _ in found] == colour.split()
    assert not found or words in found[-1][1]


def note(lab: Lab, days_ago: int, **counts: int) -> None:
    """Let the server have counted so much on a day."""
    day = datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(days=days_ago)
    rows = [(kind.replace("_", "-"), str(day), count) for kind, count in counts.items()]
    with closing(sqlite3.connect(lab.database)) as connection, connection:
        connection.executemany("insert into study_incidents values (?, ?, ?)", rows)


def test_what_happened_is_told_if_something_can_be_done_about_it(lab):
    note(lab, 0, screened_out=3, declined=2, wrong_mode=4, no_proof=9, too_little=6)
    note(lab, 8, left_early=5)
    declined = PROLIFIC | {"DECLINED_CODE": "D3CLINED"}
    for_prolific, for_mturk = look(lab, ("happened", declined), ("happened", MTURK))
    ((colour, text),) = (one for one in for_prolific if "screened out" in one[1])
    assert colour == "yellow" and text.startswith("3 were screened out in the last 7 days")
    assert "heroku config:set SCREENED_OUT_CODE=" in text
    assert not any("agree" in text or "button" in text for _, text in for_prolific)
    assert any(text.startswith("6 came to the end with less done") for _, text in for_prolific)
    ((_, text), (_, last)) = for_mturk
    assert "lower minimum_trials" in last
    assert text.startswith("4 came by a HIT with the wrong mode") and "psiTurk's shell" in text


def test_status_tells_of_endings_and_of_the_last_days_in_plain_words(lab):
    note(lab, 0, link_missing=3, screened_out=1)
    note(lab, 6, link_missing=1)
    note(lab, 7, excluded=8)
    quitters = (person(number, status=6) for number in (2, 3))
    lab.fill(person(1), *quitters, person(4, mode="preview"))
    with closing(sqlite3.connect(lab.database)) as connection, connection:
        connection.execute("update assignments set ending = 'screened-out' where status = 6")
    said = lab("status").stdout
    words = [" ".join(line.split()) for line in said.splitlines()]
    assert "2 were screened out" in words and "Not counted 1 preview run" in words
    assert "all 1 0 2" in words and not any(line.startswith("Drop-out 2") for line in words)
    assert words[words.index("Visits of the last 7 days:") + 1 :] == [
        "4 came by a link that lacked something", "1 were screened out",
    ]  # fmt: skip


def test_a_database_older_than_the_counters_has_a_status_too(lab):
    lab.fill(person(1))
    with closing(sqlite3.connect(lab.database)) as connection, connection:
        connection.execute("drop table study_incidents")
        connection.execute("drop trigger if exists study_counts_update")
        connection.execute("alter table assignments drop column ending")
    done = lab("status")
    assert done.returncode == 0
    assert "all 1 0 0" in " ".join(done.stdout.split()) and "Visits" not in done.stdout


def test_app_json_lists_the_codes_of_every_recruiter():
    study = REPOSITORY / "{{cookiecutter.project_slug}}"
    code = "from study.recruiters import RECRUITERS as all; print(*(n for r in all.values()"
    command = [sys.executable, "-c", f"{code} for n in r.codes.values()))"]
    known = subprocess.run(command, cwd=study / "machinery", capture_output=True, text=True)
    listed = re.findall(r'"(\w+_(?:CODE|URL))": "', (study / "app.json").read_text())
    assert sorted(listed) == sorted(known.stdout.split()), known.stderr
