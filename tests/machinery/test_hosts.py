"""Hosts besides Heroku: the Procfile with PORT and DATABASE_URL alone, and `study host`."""

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import forks
import pytest
from live_study import NAME
from participant import Participant
from server import Server, free_port

MINIMUM = 40  # minimum_trials of the example


@pytest.fixture(scope="module")
def study(studies):
    return studies(heroku_app="later", heroku_app_name=NAME)


@pytest.fixture(scope="module")
def host(study, cluster, tmp_path_factory):
    """The study's files on a server of its own, its database and its two web processes."""
    folder = tmp_path_factory.mktemp("host") / "study"
    shutil.copytree(study.path, folder, ignore=shutil.ignore_patterns(".venv", ".git", "*.db"))
    url = cluster.create_database().replace("postgres://", "postgresql://")
    lines = dict(
        line.split(": ", 1) for line in (folder / "Procfile").read_text("utf-8").splitlines()
    )

    def process(kind: str, **variables: str) -> list[str]:
        """A line of the Procfile, in an environment with these variables and no others."""
        words = [f"{name}={value}" for name, value in variables.items()]
        program, *arguments = lines[kind].split()
        assert program == "python"
        return ["env", "-i", *words, str(study.python), *arguments]

    for _ in range(2):
        release = process("release", DATABASE_URL=url)
        done = subprocess.run(release, cwd=folder, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert "Tables and indexes are ready" in done.stdout
        assert urlsplit(url).password not in done.stdout + done.stderr
    ports = [free_port(), free_port()]
    servers = [
        Server(folder, *process("web", DATABASE_URL=url, PORT=str(port)), port=port)
        for port in ports
    ]
    with servers[0] as first, servers[1] as second:
        yield study, folder, url, first.wait(), second.wait()


def test_a_participant_goes_through_several_processes_that_know_only_port_and_database(host):
    _, _, _, first, second = host
    person = Participant(first.address, worker="5f0000000000000000000001", mode="prolific")
    for page in ("/ad", "/pub", "/consent", "/exp"):
        answer = person.open(page)
        assert (answer.status, answer.error) == (200, None), answer.text
    # What one process has signed, links and the browser's cookie, the other takes.
    person.browser.address = second.address
    assert person.save(person.record(MINIMUM)).status == 200
    assert person.start().status == 200
    person.browser.address = first.address
    assert len(person.load().json["data"]) == MINIMUM
    assert person.complete().status == 200
    assert person.status() >= 3
    listening = Path("/proc/net/tcp").read_text("ascii")
    for server in (first, second):
        assert f" 00000000:{server.port:04X} " in listening  # for others than this machine, too


def test_behind_a_proxy_pages_are_https_and_cookies_secure(host):
    _, _, _, first, _ = host
    person = Participant(first.address, worker="5f0000000000000000000002", mode="prolific")
    link = f"/ad?{'&'.join(f'{name}={value}' for name, value in person.ids.items())}"
    by_http = person.browser.send("GET", link, headers={"X-Forwarded-Proto": "http"}, follow=False)
    assert by_http.status == 308 and by_http.location.startswith("https://")
    person.browser.send("GET", link, headers={"X-Forwarded-Proto": "https"})
    assert "Strict-Transport-Security" in person.browser.seen[-1]
    assert "__Host-" in person.browser.seen[-1]


def test_the_commands_read_the_database_that_is_named_without_heroku(host, tmp_path):
    study, folder, url, first, _ = host
    Participant(first.address, worker="5f0000000000000000000003", mode="prolific").take_part(
        MINIMUM
    )

    def run(*command: str) -> subprocess.CompletedProcess:
        environment = os.environ | {"DATABASE_URL": url}
        done = forks.run(study.python, "-m", "study", *command, cwd=folder, env=environment)
        assert "heroku" not in (done.stdout + done.stderr).lower().replace("psiturk-heroku", "")
        assert urlsplit(url).password not in done.stdout + done.stderr
        return done

    assert shutil.which("heroku") is None
    status = run("status")
    assert status.returncode == 0, status.stderr
    assert re.search(r"^all +[1-9]", status.stdout, re.MULTILINE)
    data = run("data", "--out", str(tmp_path / "data"))
    assert data.returncode == 0, data.stderr
    assert "5f0000000000000000000003" in (tmp_path / "data" / "identifiers.csv").read_text("utf-8")


def test_check_says_how_the_database_and_the_key_of_the_host_are(host):
    study, folder, url, _, _ = host
    environment = os.environ | {"DATABASE_URL": url}
    command = ("-m", "study", "check", "--json")
    done = forks.run(study.python, *command, cwd=folder, env=environment)
    lines = [(each["about"], each["colour"]) for each in json.loads(done.stdout)["lines"]]
    assert {("database", "green"), ("key", "green"), ("address", "yellow")} <= set(lines)
    assert "app" not in dict(lines)


@pytest.fixture
def copy(study, tmp_path) -> Path:
    ignored = shutil.ignore_patterns(".venv", "__pycache__", "*.db")
    return Path(shutil.copytree(study.path, tmp_path / "study", ignore=ignored))


@pytest.mark.parametrize("name", ["docker", "dokku", "scalingo"])
def test_a_host_gets_its_one_file_and_the_commands_are_told(study, copy, name):
    def run() -> subprocess.CompletedProcess:
        return forks.run(study.python, "-m", "study", "host", name, cwd=copy, env=os.environ)

    told = run()
    assert told.returncode == 0, told.stderr
    new = subprocess.run(["git", "status", "--porcelain"], cwd=copy, capture_output=True, text=True)
    file = {"scalingo": "scalingo.json"}.get(name, "Dockerfile")
    assert new.stdout == f"?? {file}\n"
    assert f"git add {file}" in told.stdout and NAME in told.stdout
    assert "{" not in told.stdout
    assert "is there already" in run().stdout
    (copy / file).write_text("ours")
    refused = run()
    assert refused.returncode == 1 and f"There is a {file} already" in refused.stderr
    assert (copy / file).read_text() == "ours"


def test_scalingos_file_has_the_settings_of_app_json_and_its_own_add_on(study, copy):
    forks.run(study.python, "-m", "study", "host", "scalingo", cwd=copy, env=os.environ)
    made = json.loads((copy / "scalingo.json").read_text("utf-8"))
    assert made["env"]["PSITURK_SECRET_KEY"] == {
        "description": "Signs links, cookies and codes",
        "generator": "secret",
    }
    assert "COMPLETION_CODE" in made["env"]
    assert made["addons"] == [{"plan": "postgresql:postgresql-starter-512"}]


def test_the_steps_of_the_dockerfile_make_a_server_in_a_clean_folder(
    study, copy, index, cluster, tmp_path
):
    """There is no engine that could build it here, so each step is carried out without one."""
    forks.run(study.python, "-m", "study", "host", "docker", cwd=copy, env=os.environ)
    for private in (".env", "participants.db", "data/identifiers.csv"):
        (copy / private).parent.mkdir(exist_ok=True)
        (copy / private).write_text("private")
    clean, environment, started = tmp_path / "clean", {}, None
    clean.mkdir()
    for line in (copy / "Dockerfile").read_text("utf-8").splitlines():
        step, _, rest = line.partition(" ")
        if step == "ENV":
            environment |= dict(word.split("=", 1) for word in rest.split())
        elif step == "COPY":
            *sources, target = rest.split()
            for path in [path for source in sources for path in copy.glob(source)]:
                if path.is_dir():
                    shutil.copytree(path, clean / target)
                else:
                    shutil.copy(path, clean / target / path.name)
        elif step == "RUN" and not rest.startswith("pip "):
            path = f"{clean}/.venv/bin:{os.environ['PATH']}"
            command = shlex.split(rest.replace(" --no-cache", ""))  # from here, not the internet
            subprocess.run(command, cwd=clean, env=os.environ | index | {"PATH": path}, check=True)
        elif step == "CMD":
            started = json.loads(rest)
    assert environment.pop("PATH") == "/study/.venv/bin:$PATH"
    assert not list(clean.rglob("identifiers.csv")) and not (clean / ".env").exists()
    assert not (clean / "participants.db").exists()
    python = clean / ".venv" / "bin" / started[0]
    variables = environment | {"DATABASE_URL": cluster.create_database(), "PORT": str(free_port())}
    words = [f"{name}={value}" for name, value in variables.items()]
    with Server(
        clean, "env", "-i", *words, python, *started[1:], port=int(variables["PORT"])
    ) as server:
        server.wait()
