"""The psiturk shell in a generated study, each command as a researcher types it."""

import csv
import io
import json
import os
import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from participant import Participant
from server import Server, free_port, wait_for

pytestmark = pytest.mark.slow  # the shell takes a second to start
AMAZON = Path(__file__).parent.parent / "amazon"
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture(scope="module")
def study(studies):
    return studies(recruitment="mturk", heroku_app="later")


@dataclass
class Shell:
    """`psiturk …` in one study, on a database and an Amazon of its own."""

    study: object
    settings: dict[str, str]
    calls_file: Path

    def __call__(self, command: str) -> str:
        """Run one command; what it printed, after a look for what must never be there."""
        options = {"env": os.environ | self.settings, "stderr": subprocess.STDOUT}
        done = self.study.run("psiturk", *command.split(), **options)
        assert done.returncode == 0, done.stdout
        assert_calm(done.stdout)
        return done.stdout

    def calls(self, operation: str) -> list[dict]:
        """What Amazon was asked to do."""
        calls = [json.loads(line) for line in self.calls_file.read_text().splitlines()]
        return [call for call in calls if call["operation"] == operation]


@pytest.fixture
def shell(study, tmp_path):
    calls_file = tmp_path / "amazon.jsonl"
    calls_file.touch()
    settings = {
        "PYTHONPATH": str(AMAZON),
        "AMAZON_CALLS": str(calls_file),
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "PSITURK_AD_URL_DOMAIN": "study.example.edu",
        "PSITURK_DATABASE_URL": f"sqlite:///{tmp_path}/participants.db",
    }
    return Shell(study, settings, calls_file)


@pytest.fixture(scope="module")
def handed_in(study, tmp_path_factory):
    """Somebody from MTurk who has handed in the assignment, and the folder of the database."""
    folder, port = tmp_path_factory.mktemp("handed-in"), free_port()
    settings = {
        "PSITURK_DATABASE_URL": f"sqlite:///{folder}/participants.db",
        "PSITURK_PORT": str(port), "PSITURK_THREADS": "1",
    }  # fmt: skip
    with Server(study.path, study.python, "-m", "study.server", port=port, **settings) as server:
        participant = Participant(server.wait().address, mode="sandbox")
        participant.take_part()
    return participant, folder


@pytest.fixture
def participant(handed_in, tmp_path):
    """The same, in the test's own database."""
    participant, folder = handed_in
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    return participant


def assert_calm(output: str) -> None:
    for trouble in ("Warning", "Traceback", "Error"):
        assert trouble not in output, output


def test_it_tells_psiturks_version(shell):
    assert shell("version") == "psiTurk version 3.3.1\n"


def test_a_mistyped_command_is_answered_with_the_one_that_it_resembles(shell):
    assert "Did you mean this?\n\tversion" in shell("vresion")
    assert "Did you mean" not in shell("zzz")


def test_config_print_shows_the_settings(shell):
    printed = shell("config print")
    assert "title=Stroop Task\n" in printed
    assert "contact_email_on_error=you@example.edu\n" in printed
    assert "num_conds=2\n" in printed


def test_config_print_shows_a_title_with_a_percent_sign(studies):
    study = studies(study_title='It is 100% "fun"', heroku_app="later")
    printed = study.run("psiturk", "config", "print", check=True)
    assert 'title=It is 100% "fun"\n' in printed.stdout
    assert printed.stderr == ""


def test_debug_prints_a_link_to_the_local_server(shell):
    shell.settings["PSITURK_AD_URL_DOMAIN"] = ""
    link = shell("debug --print-only").splitlines()[-1]
    assert re.fullmatch(
        r"http://localhost:22362/ad\?assignmentId=debug\w{6}&hitId=debug\w{6}"
        r"&workerId=debug\w{6}&mode=debug",
        link,
    )


def test_a_first_run_that_cannot_keep_bytecode_prints_no_warning(study, tmp_path):
    settings = {"UV_PROJECT_ENVIRONMENT": str(tmp_path / "venv"), "PYTHONDONTWRITEBYTECODE": "1"}
    # Without bytecode, Python compiles everything, and warns of what old code contains.
    printed = study.run("psiturk", "version", starts=True, env=os.environ | settings)
    assert printed.stdout == "psiTurk version 3.3.1\n"
    assert_calm(printed.stderr)


def test_the_server_goes_on_and_off(shell, tmp_path):
    port = free_port()
    shell.settings |= {"PSITURK_PORT": str(port), "PSITURK_THREADS": "2"}
    options = {"env": os.environ | shell.settings, "stdin": subprocess.DEVNULL}
    log = tmp_path / "server-on.log"
    try:
        with log.open("w") as output:  # the server keeps it open, so a pipe would never end
            shell.study.run(
                "psiturk",
                "server",
                "on",
                starts=True,
                capture_output=False,
                check=True,
                stdout=output,
                stderr=output,
                **options,
            )
        wait_for(lambda: "currently online" in COLOURS.sub("", shell("status")))
        assert Participant(f"http://127.0.0.1:{port}").open("/ad").status == 200
    finally:
        shell("server off")
    assert "currently offline" in COLOURS.sub("", shell("status"))
    assert_calm(log.read_text())


def test_download_datafiles_writes_the_rows_that_the_participant_saved(shell, participant):
    shell("download_datafiles")
    record = participant.record_saved
    assert rows(shell.study.path / "trialdata.csv") == [
        [participant.uniqueid, "0", "1764000000000", json.dumps(record["data"][0]["trialdata"])]
    ]
    assert rows(shell.study.path / "eventdata.csv") == [
        [participant.uniqueid, "focus", "12", "off", "1764000000001"]
    ]
    assert rows(shell.study.path / "questiondata.csv") == [
        [participant.uniqueid, "strategy", "I read, 100% of the words"]
    ]


def test_download_datafiles_has_what_was_sent_during_the_task(shell):
    """Of it, nothing is in the column yet that psiTurk reads."""
    port = free_port()
    settings = shell.settings | {"PSITURK_PORT": str(port), "PSITURK_THREADS": "1"}
    command = (shell.study.python, "-m", "study.server")
    with Server(shell.study.path, *command, port=port, **settings) as server:
        participant = Participant(server.wait().address, mode="sandbox")
        participant.open("/exp")
        sync, trials = f"/sync/{participant.uniqueid}", [["trial", 5, 1], ["trial", 6, 2]]
        participant.browser.request("POST", f"{sync}/windows")
        query = {"window": "1", "first": "1"}
        sent = participant.browser.request("POST", f"{sync}/entries", query=query, data=trials)
        assert sent.json["held"] == 2
        shell("download_datafiles")
    assert rows(shell.study.path / "trialdata.csv") == [
        [participant.uniqueid, "0", "5", "1"],
        [participant.uniqueid, "1", "6", "2"],
    ]


def test_amt_balance_asks_amazon(shell):
    assert shell("amt_balance") == "10000.00\n"


@pytest.mark.parametrize("mode", ["sandbox", "live"])
def test_hit_create_makes_a_hit_that_leads_to_the_study(shell, mode):
    shell.settings["PSITURK_LAUNCH_IN_MODE"] = mode
    shell("hit create 9 0.50 1.5")
    (kind,) = shell.calls("CreateHITType")
    (hit,) = shell.calls("CreateHITWithHITType")
    assert kind["arguments"]["Title"] == "Stroop Task"
    assert kind["arguments"]["Reward"] == "0.5"
    assert kind["arguments"]["AssignmentDurationInSeconds"] == 90 * 60
    assert hit["arguments"]["MaxAssignments"] == 9
    question = hit["arguments"]["Question"]
    (address,) = re.findall("<ExternalURL>(.*?)</ExternalURL>", question)
    assert address == f"https://study.example.edu:443/pub?mode={mode}"
    assert hit["host"].startswith("mturk-requester-sandbox.") == (mode == "sandbox")


def test_hit_create_takes_the_whole_address_of_ad_url(shell, tmp_path):
    """A study behind a domain of one's own; ad_url has no default, so config.txt must name it."""
    config = shell.study.path / "config.txt"
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace(";ad_url =", "ad_url = https://lab.example.edu/stroop/pub"))
    try:
        shell("hit create 1 0.10 1")
    finally:
        config.write_text(text, encoding="utf-8")
    (hit,) = shell.calls("CreateHITWithHITType")
    address = "<ExternalURL>https://lab.example.edu/stroop/pub?mode=sandbox</ExternalURL>"
    assert address in hit["arguments"]["Question"]


def test_hit_list_shows_the_hits_of_this_study(shell):
    shell("hit create 9 0.50 1.5")
    printed = shell("hit list")
    assert "HITid: HIT1" in printed
    assert "max:9/pending:0/complete:0/remain:9" in printed
    assert "HITid: HIT1" in shell("hit list --active")


def test_hit_expire_and_delete_reach_amazon(shell):
    shell("hit create 9 0.50 1.5")
    shell("hit expire HIT1")
    shell("hit delete HIT1")
    assert shell.calls("UpdateExpirationForHIT")[0]["arguments"]["HITId"] == "HIT1"
    assert shell.calls("DeleteHIT")[0]["arguments"] == {"HITId": "HIT1"}


def test_worker_list_shows_who_handed_in(shell, participant):
    assert participant.worker in shell("worker list --submitted")
    assert "no workers match" in shell("worker list --approved")


def test_worker_list_of_all_studies_asks_amazon(shell):
    shell("hit create 9 0.50 1.5")
    assert "WORKER-OF-AMAZON" in shell("worker list --all-studies")


def test_worker_approve_tells_amazon_and_remembers_it(shell, participant):
    shell(f"worker approve {participant.assignment}")
    (call,) = shell.calls("ApproveAssignment")
    assert call["arguments"]["AssignmentId"] == participant.assignment
    assert participant.worker in shell("worker list --approved")


def test_worker_bonus_pays_through_amazon(shell, participant):
    shell("worker approve --all")
    shell(f"worker bonus --amount 0.25 --reason Thanks {participant.assignment}")
    (call,) = shell.calls("SendBonus")
    assert call["arguments"]["BonusAmount"] == "0.25"
    assert call["arguments"]["WorkerId"] == participant.worker


def test_worker_bonus_auto_pays_what_study_bonuses_wrote(shell, participant, tmp_path):
    shell.settings["PSITURK_LAUNCH_IN_MODE"] = "live"
    with closing(sqlite3.connect(tmp_path / "participants.db")) as connection, connection:
        connection.execute("update assignments set mode = 'live'")
    shell("worker approve --all")
    custom = shell.study.path / "custom.py"
    text = custom.read_text(encoding="utf-8")
    custom.write_text(f"{text}\n\nbonus(lambda participant: 0.1 * 3)\n", encoding="utf-8")
    try:
        options = {"env": os.environ | shell.settings, "check": True}
        shell.study.run("study", "bonuses", "--local", "--out", str(tmp_path), **options)
    finally:
        custom.write_text(text, encoding="utf-8")
    shell("worker bonus --auto --all --reason Thanks")
    (call,) = shell.calls("SendBonus")
    assert call["arguments"]["BonusAmount"] == "0.3"
    assert call["arguments"]["AssignmentId"] == participant.assignment
    assert call["host"] == "mturk-requester.us-east-1.amazonaws.com"


def rows(file: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(file.read_text(encoding="utf-8"))))
