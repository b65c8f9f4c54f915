"""`study check`: it says where each setting comes from, and it finds what is wrong."""

import json
import os
import re
import shutil
import subprocess
from urllib.parse import urlsplit

import forks
import pytest
from heroku.addons import buy
from heroku.machine import path_without
from live_study import NAME, PLAN, participant


@pytest.fixture
def machinery(studies, tmp_path):
    """A study's own repository, and what `study check` says about its machinery."""
    study = studies(heroku_app="later", heroku_app_name=NAME)
    folder = tmp_path / "study"
    shutil.copytree(study.path, folder, ignore=shutil.ignore_patterns(".venv"))
    environment = os.environ | {
        "PATH": path_without("heroku", os.environ["PATH"], tmp_path / "bin")
    }

    def check() -> tuple[str, str]:
        command = ("-m", "study", "check", "--json")
        done = forks.run(study.python, *command, cwd=folder, env=environment)
        assert "Traceback" not in done.stderr, done.stderr
        lines = json.loads(done.stdout)["lines"]
        (line,) = (line for line in lines if line["about"] == "machinery")
        return line["colour"], line["text"]

    return folder, check


def commit(folder, message):
    names = ["-c", "user.name=A", "-c", "user.email=a@example.edu"]
    subprocess.run(["git", "add", "--all"], cwd=folder, check=True)
    subprocess.run(["git", *names, "commit", "-qm", message], cwd=folder, check=True)


@pytest.mark.slow
def test_the_machinery_tells_its_version_and_which_of_its_files_were_changed(machinery):
    folder, check = machinery
    project = folder / "machinery" / "pyproject.toml"
    number = re.search(r'^version = "(.+)"', project.read_text(), re.MULTILINE)[1]
    assert check() == ("green", f"version {number}, unchanged")
    with (folder / "custom.py").open("a") as custom:
        custom.write("# mine\n")
    assert check()[0] == "green"
    text = folder / "machinery" / "study" / "messages.py"
    text.write_text(f"{text.read_text()}# mine\n")
    (folder / "machinery" / "größe.py").touch()
    (folder / "machinery" / "LICENSE").unlink()
    for is_committed in (False, True):
        if is_committed:
            commit(folder, "Change the machinery")
        colour, said = check()
        assert colour == "yellow" and f"version {number}, but 3 files differ: " in said
        for name in ("machinery/study/messages.py", "machinery/größe.py", "machinery/LICENSE"):
            assert name in said
        assert "An update sets that aside" in said
    edit(project, r'^version = ".+?"', 'version = "99.0"')
    assert check() == ("yellow", "version 99.0, which is not committed yet")
    commit(folder, "Update the machinery")
    assert check() == ("green", "version 99.0, unchanged")


def test_the_machinery_of_a_folder_that_is_no_repository_has_a_version_too(machinery):
    folder, check = machinery
    shutil.rmtree(folder / ".git")
    colour, said = check()
    assert colour == "green" and re.match(r"version \d+\.\d+\.\d+; without a commit", said)


def checked(live, **environment):
    """What `study check --json` says: exit code, {about: [(colour, text)]}, {name: setting}."""
    done = live("check", "--json", **environment)
    assert "Traceback" not in done.stderr, done.stderr
    result = json.loads(done.stdout)
    lines = {}
    for line in result["lines"]:
        lines.setdefault(line["about"], []).append((line["colour"], line["text"]))
    return done.returncode, lines, {one["name"]: one for one in result["settings"]}


def edit(path, pattern, replacement):
    text, found = re.subn(pattern, replacement, path.read_text(), flags=re.DOTALL | re.MULTILINE)
    assert found, pattern
    path.write_text(text)


@pytest.fixture(scope="module")
def new(live):
    """A new study with an app, before any work on it, and with some mistakes made."""
    before = (live.folder / "config.txt").read_text()
    chosen = {"host": "localhost", "threads": "auto", "secret_key": "s3cret"}
    chosen["alert_url"] = "https://chat.example.edu/s3cret"
    for name, value in chosen.items():
        edit(live.folder / "config.txt", rf"^;?{name} =.*?$", f"{name} = {value}")
    extra = buy(live.app, PLAN, by=live.platform.account)
    live.fill([participant(1, mode="debug"), participant(2)])
    found = checked(live)
    extra.destroy()
    (live.folder / "config.txt").write_text(before)
    return found


@pytest.mark.parametrize(
    ("colour", "about", "words"),
    [
        ("red", "files", "sets host"),
        ("red", "files", "sets threads"),
        ("red", "files", "a secret setting in config.txt line"),
        ("red", "files", "a chat's address in config.txt line"),
        ("yellow", "files", "config.txt. Commit"),
        ("red", "pages", "consent.html, line 25: principal investigator is still to be filled in"),
        ("red", "contact", "you@example.edu, an example"),
        ("red", "dynos", "no server runs"),
        ("red", "address", "does not show the invitation"),
        ("red", "ad", ": ad_url_domain is empty"),
        ("yellow", "database", "a second database costs money"),
        ("yellow", "database", "1 test run in it"),
        ("yellow", "version", "nothing was deployed yet"),
        ("yellow", "backups", "none are scheduled"),
        ("green", "database", "essential-0, 2 participants"),
        ("green", "mode", "cloud server"),
        ("green", "alerts", "go to the address in ALERT_URL"),
        ("yellow", "codes", "COMPLETION_CODE is not set"),
        ("yellow", "recruiter", "preview_ids in config.txt is empty"),
        ("green", "recruiter", "/start?PROLIFIC_PID={{%PROLIFIC_PID%}}&STUDY_ID="),
    ],
)
def test_what_is_wrong_with_a_new_study_is_found(new, colour, about, words):
    code, lines, _ = new
    assert code == 1
    assert any(shade == colour and words in text for shade, text in lines[about]), lines[about]


@pytest.fixture(scope="module")
def ready(live, new):
    """The same study when all is well: its app serves it, and participants may come."""
    for page in (live.folder / "templates").glob("*.html"):
        page.write_text(re.sub(r'<mark class="todo".*?>', "<mark>", page.read_text()))
    config = live.folder / "config.txt"
    edit(config, r"you@example\.edu", "lab@psychology.uni-example.ac.uk")
    edit(config, r"^ad_url_domain =", f"ad_url_domain = {live.app.host}")
    live.machine.git("commit", "-qam", "Finish the study", cwd=live.folder)
    variables = {"COMPLETION_CODE": "C0MPLETED", "ALERT_URL": "http://127.0.0.1:9/s3cret"}
    live.app.set_config(variables, live.platform.account)
    live.deploy()
    live.app.backup_hours = [2]
    return live


@pytest.fixture(scope="module")
def well(ready):
    return checked(ready)


def test_a_study_that_is_ready_has_nothing_red(well):
    code, lines, _ = well
    reds = [(about, text) for about, all in lines.items() for shade, text in all if shade == "red"]
    assert (reds, code) == ([], 0)
    assert set(lines) >= {"address", "ad", "version", "backups", "dynos", "pages", "contact"}
    assert [shade for shade, _ in lines["version"] + lines["backups"]] == ["green", "green"]
    assert lines["alerts"][0][0] == "green"
    assert lines["connected"] == [("green", "2 worker processes use up to 16 of the plan's 20")]


def test_each_setting_tells_its_source(ready, well):
    _, _, settings = well
    text = (ready.folder / "config.txt").read_text().splitlines()
    expected = {
        "num_conds": f"config.txt, line {text.index('num_conds = 2') + 1}",
        "host": "psiTurk's cloud default",
        "logfile": "psiTurk's cloud default, as errorlog",
        "port": "given by Heroku",
        "lifetime": "psiTurk's default",
        "database_url": "Heroku config var DATABASE_URL",
        "secret_key": "Heroku config var PSITURK_SECRET_KEY",
    }
    assert {name: settings[name]["source"] for name in expected} == expected
    assert settings["host"]["value"] == "0.0.0.0"


def test_no_secret_is_shown(ready):
    done = ready("check", "--all")
    assert done.returncode == 0
    assert "s3cret" not in done.stdout and "secret_key = ***" in done.stdout
    assert "C0MPLETED" not in done.stdout and "heroku config:get COMPLETION_CODE" in done.stdout
    assert urlsplit(ready.url).password not in done.stdout + done.stderr
    assert re.search(r"^green +backups +daily at 2:00 UTC$", done.stdout, re.MULTILINE)


def test_without_an_address_for_alerts_the_command_to_set_it_is_told(ready):
    ready.app.set_config({"ALERT_URL": ""}, ready.platform.account)
    _, lines, _ = checked(ready)
    ready.app.set_config({"ALERT_URL": "http://127.0.0.1:9/s3cret"}, ready.platform.account)
    ready.app.wait_until_up(60)
    [(colour, text)] = lines["alerts"]
    assert colour == "yellow"
    assert text.endswith("heroku config:set ALERT_URL=https://… --app my-study")


def test_it_ends_in_one_line_after_what_is_to_be_done(ready, well):
    lines = ready("check").stdout.splitlines()
    yellow = sum(shade == "yellow" for found in well[1].values() for shade, _ in found)
    assert lines[-1] == (
        f"Nothing to do before your first participant, {yellow} more to know. "
        "Every check and setting: uv run study check --all"
    )
    assert [line.split()[0] for line in lines[:-2]] == ["yellow"] * yellow


def test_psiturks_defaults_are_no_news(ready):
    said = ready("check", "--all").stdout
    assert (
        "num_conds = 2" in said and "cutoff_time" not in said and "psiTurk's default " not in said
    )


def test_each_thing_to_do_tells_its_line_and_is_wrapped_at_words(ready):
    config = ready.folder / "config.txt"
    edit(config, "^contact_email_on_error = .*?$", "contact_email_on_error =")
    try:
        said = ready("check", COLUMNS="70").stdout
    finally:
        ready.machine.git("checkout", "-q", "config.txt", cwd=ready.folder)
    assert re.search(
        r"^red +contact +config\.txt, line \d+: participants write to nobody", said, re.M
    )
    assert "\n1 thing before your first participant" in said
    assert all(len(line) <= 70 or len(line.split()) == 1 for line in said.splitlines()[:-1])


def test_an_eco_dyno_other_code_and_a_closed_door_are_found(ready):
    app = ready.app
    ready.platform.account.eco = app.maintenance = True
    app.scale([{"type": "web", "size": "Eco"}])
    app.wait_until_up(60)
    ready.machine.git("commit", "--allow-empty", "-qm", "A change", cwd=ready.folder)
    code, lines, _ = checked(ready)
    ready.machine.git("reset", "-q", "--hard", "HEAD^", cwd=ready.folder)
    app.scale([{"type": "web", "size": "Basic"}])
    app.wait_until_up(60)
    app.maintenance = False
    assert code == 1
    assert lines["dynos"][0][0] == lines["mode"][0][0] == lines["address"][0][0] == "red"
    assert "Eco up: it sleeps" in lines["dynos"][0][1]
    assert re.search("runs, .* is here: uv run study deploy", lines["version"][0][1])


def test_an_app_without_mode_and_database_is_found(ready):
    apps = ready.platform.apps
    apps["kept"] = apps.pop(NAME)
    ready.platform.create_app(NAME)
    try:
        code, lines, _ = checked(ready)
    finally:
        ready.platform.destroy_app(apps[NAME])
        apps[NAME] = apps.pop("kept")
    assert code == 1
    assert lines["mode"] == [("red", "ON_CLOUD, by which psiTurk knows a host, is not set: "
                              "uv run study up")]  # fmt: skip
    assert lines["database"] == [("red", "no Postgres is attached: uv run study up")]
    assert lines["ad"][0][0] == "yellow"  # another address than the app's


def test_a_server_that_fails_is_found(ready):
    process = ready.app.formation["web"]
    working, process.command = process.command, "exit 1"
    ready.app.dynos.restart()
    try:
        _, lines, _ = checked(ready)
    finally:
        process.command = working
        ready.app.dynos.restart()
        ready.app.wait_until_up(60)
    assert [lines[about][0][0] for about in ("dynos", "address", "database")] == [
        "red", "red", "green",
    ]  # fmt: skip


def test_without_an_app_this_machine_is_checked(ready):
    apps = ready.platform.apps
    apps["kept"] = apps.pop(NAME)
    config = ready.folder / "config.txt"
    edit(config, "recruitment = prolific", "recruitment = mturk")
    (ready.folder / ".env").write_text("PSITURK_LOGIN_PW=hush\n")
    (ready.machine.home / ".psiturkconfig").write_text("[Task Parameters]\nnum_counters = 3\n")
    try:
        code, lines, settings = checked(ready, PSITURK_LIFETIME="48")
    finally:
        apps[NAME] = apps.pop("kept")
        (ready.folder / ".env").unlink()
        ready.machine.git("checkout", "-q", "config.txt", cwd=ready.folder)
    assert code == 0
    assert lines["app"] == [("yellow", f"there is no app {NAME}: uv run study up")]
    assert lines["recruiter"][0][0] == "yellow" and "sandbox" in lines["recruiter"][0][1]
    assert settings["lifetime"]["source"] == "environment variable PSITURK_LIFETIME"
    assert settings["login_pw"]["source"] == "PSITURK_LOGIN_PW in .env"
    assert settings["login_pw"]["value"] == "***"
    assert settings["num_counters"]["source"] == ".psiturkconfig, line 2"


def test_without_a_login_the_local_part_is_checked_and_a_broken_file_is_told(ready):
    config = ready.folder / "config.txt"
    edit(config, "^title = .*?$", "title = 100% sure")
    try:
        code, lines, _ = checked(ready, HEROKU_API_KEY="")
    finally:
        ready.machine.git("checkout", "-q", "config.txt", cwd=ready.folder)
    assert code == 1
    assert "You are not logged in to Heroku" in lines["app"][0][1]
    assert lines["settings"][0][0] == "red" and "title" in lines["settings"][0][1]
    assert lines["pages"][0][0] == "green"
