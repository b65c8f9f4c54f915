"""`study verify` and `study exclude`: who somebody is, told by the study's secret key."""

import csv
import os
import re

import forks
import pytest
from lab import READY, person
from participant import Browser
from server import Server, free_port

ADA, BOB = "60ffe5c8371090c7041d43f8", "5b9ab28d4f0c9e0001a2b3c4"
LINK = {"mode": "link", "hitid": "class-a"}


def codes_of(lab, *uniqueids: str, key: str = "") -> list[str]:
    """The codes that the server shows these participants at the end."""
    key = key or lab.select("select value from study_keys")[0][0]
    ask = "import sys; from study.signing import *; key, *ids = sys.argv[1:]; "
    ask += "print(*[participant_code(key, one) for one in ids])"
    done = forks.run(lab.python, "-c", ask, key, *uniqueids, cwd=lab.folder, check=True)
    return done.stdout.split()


@pytest.fixture
def class_of_three(lab):
    """Three who finished, and their codes."""
    lab.fill(*(person(number, **LINK) for number in (1, 2, 3)))
    return lab, codes_of(lab, *(f"worker0{n}:assignment0{n}" for n in (1, 2, 3)))


def test_a_code_tells_whose_it_is_however_it_was_typed(class_of_three):
    study, (first, second, third) = class_of_three
    misread = second.lower().replace("0", "o").replace("1", "l").replace("-", " ")
    done = study("verify", first, *misread.split(), third.replace("-", ""))
    assert done.returncode == 0, done.stdout
    assert re.findall(r"worker (\w+), label class-a", done.stdout) == [
        "worker01", "worker02", "worker03",
    ]  # fmt: skip
    assert re.search(r"mode link, completed, finished 2\d{3}-\d\d-\d\d \d\d:\d\d UTC", done.stdout)
    assert "Codes of participants of this study: 3 of 3." in done.stdout
    study("data")
    with (study.folder / "data" / "participants.csv").open() as file:
        names = {row["participant"] for row in csv.DictReader(file)}
    assert set(re.findall(r"participant (\w{16}),", done.stdout)) == names


def test_a_class_list_is_looked_up_line_by_line(class_of_three):
    study, (first, second, _) = class_of_three
    lines = f"Ada Alexandria;{first}\n\n{second} , Bob\nEve,AAAA-AAAA-AA\nMallory,no code\n"
    (study.folder / "class.csv").write_text("\ufeff" + lines, encoding="utf-8")
    done = study("verify", "--file", "class.csv")
    assert done.returncode == 1
    told = dict(zip(*[iter(done.stdout.splitlines()[:-1])] * 2, strict=True))
    assert "worker worker01" in told[f"Ada Alexandria;{first}"]
    assert "worker worker02" in told[f"{second} , Bob"]
    assert "no participant of this study has that code" in told["Eve,AAAA-AAAA-AA"]
    assert "a code has 10 letters and digits" in told["Mallory,no code"]
    assert "of this study: 2 of 4." in done.stdout


def test_a_test_run_is_not_taken_for_a_participant(lab):
    lab.fill(person(1, mode="debug"))
    done = lab("verify", *codes_of(lab, "worker01:assignment01"))
    assert "a test run, not a participant" in done.stdout


def test_codes_of_the_app_are_made_with_its_config_var(live):
    live.fill([person(1, **LINK)])
    key = live.app.config["PSITURK_SECRET_KEY"]
    done = live("verify", *codes_of(live, "worker01:assignment01", key=key))
    assert done.returncode == 0, done.stderr
    assert "worker worker01, label class-a" in done.stdout and key not in done.stdout


def identifiers(lab, *workers: str) -> str:
    """identifiers.csv of an earlier study, as `study data` writes it."""
    rows = [["participant", "worker", "uniqueid", "workerid", "assignmentid"]]
    rows += [["p", "w", f"{worker}:a", worker, "a"] for worker in workers]
    with (lab.folder / "identifiers.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return "identifiers.csv"


def test_earlier_participants_are_kept_out_by_the_server_and_stand_nowhere(lab):
    (lab.folder / "old.txt").write_text(f"# pilot\n{BOB}\n\n{ADA}\n")
    first = lab("exclude", identifiers(lab, ADA, "debugABC"))
    assert first.returncode == 0, first.stderr
    assert "Added to excluded.txt: 1 person; it already contained 0." in first.stdout
    again = lab("exclude", "identifiers.csv", "old.txt")
    assert "Added to excluded.txt: 1 person; it already contained 1." in again.stdout
    text = (lab.folder / "excluded.txt").read_text()
    assert ADA not in text and BOB not in text
    names = [line for line in text.splitlines() if not line.startswith("#")]
    assert len(names) == 2 and names == sorted(names)
    lab("exclude", "old.txt")
    assert (lab.folder / "excluded.txt").read_text() == text
    port = free_port()
    settings = {"PSITURK_DATABASE_URL": lab.url, "PSITURK_THREADS": "1", "PSITURK_PORT": str(port)}
    with Server(lab.folder, lab.python, "-m", "study.server", port=port, **settings) as server:
        server.wait()
        assert [ask(server.address, worker) for worker in (ADA, "newcomer")] == [403, 200]


def ask(address: str, worker: str) -> int:
    """The status with which somebody from Prolific is received."""
    ids = {"PROLIFIC_PID": worker, "STUDY_ID": "s", "SESSION_ID": "x"}
    return Browser(address).get("/start", **ids).status


def test_what_cannot_be_read_changes_nothing(lab):
    (lab.folder / "odd.txt").write_text(f"{ADA}\nAda Lovelace\n")
    (lab.folder / "answers.csv").write_text("age,comment\n30,fine\n")
    (lab.folder / "fine.txt").write_text(f"{ADA}\n")
    for name, reason in (
        ("odd.txt", "Line 2 of odd.txt is not an id."),
        ("answers.csv", "answers.csv has several columns"),
        ("nothing.csv", "nothing.csv cannot be read: No such file or directory."),
    ):
        done = lab("exclude", "fine.txt", name)
        assert done.returncode == 1 and reason in done.stderr
        assert "Lovelace" not in done.stderr
    assert not (lab.folder / "excluded.txt").exists()


def test_a_file_of_another_key_or_with_an_id_in_it_is_refused(lab):
    excluded = lab.folder / "excluded.txt"
    assert lab("exclude", identifiers(lab, ADA)).returncode == 0
    (lab.folder / ".env").write_text("PSITURK_SECRET_KEY=another\n")
    other = lab("exclude", identifiers(lab, BOB))
    assert other.returncode == 1 and "was made with another secret key" in other.stderr
    excluded.write_text(f"{excluded.read_text()}{BOB}\n")
    done = lab("exclude", "identifiers.csv")
    assert done.returncode == 1 and "excluded.txt, line 6, is not a pseudonym" in done.stderr
    assert BOB not in done.stderr


def test_for_the_app_its_own_key_is_used_and_without_an_app_it_says_what_to_do(live):
    name = live.app.name
    environment = os.environ | {"PSITURK_DATABASE_URL": live.url}
    forks.run(live.python, "-c", READY, cwd=live.folder, env=environment, check=True)
    done = live("exclude", identifiers(live, ADA))
    assert done.returncode == 0, done.stderr
    assert "git add excluded.txt" in done.stdout and "uv run study deploy" in done.stdout
    live.platform.apps["moved"] = live.platform.apps.pop(name)
    try:
        without = live("exclude", "identifiers.csv")
    finally:
        live.platform.apps[name] = live.platform.apps.pop("moved")
    assert without.returncode == 1
    assert "There is no app" in without.stderr and "uv run study up" in without.stderr
