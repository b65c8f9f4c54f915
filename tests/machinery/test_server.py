"""The study's web process, as a host in the cloud starts it: PostgreSQL, PORT, ON_CLOUD."""

import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from participant import Participant
from server import Server, cloud_server, free_port


@pytest.fixture(scope="module")
def study(studies):
    return studies(recruitment="mturk", heroku_app="later")


@pytest.fixture
def copy(study, tmp_path) -> Path:
    """The study's files without its environment, to change them."""
    ignored = shutil.ignore_patterns(".venv", ".git", "*.db")
    return Path(shutil.copytree(study.path, tmp_path / "copy", ignore=ignored))


@pytest.fixture
def serve(study):
    """Start the web process with a database's address and any other settings."""

    def serve(url: str, folder: Path = study.path, **settings: str) -> Server:
        return cloud_server(folder, study.python, url, starts=True, **settings)

    return serve


def refusal(study, folder: Path, **settings: str) -> str:
    """Start a web process that must not start, and return what it printed."""
    settings = {"PORT": str(free_port()), **settings}
    done = subprocess.run(
        [study.python, "-m", "study.server"],
        cwd=folder,
        text=True,
        timeout=60,
        env=os.environ | settings,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 1, done.stdout
    return done.stdout


def with_password(cluster, url: str, password: str) -> str:
    """The address of a database whose role has been given this password."""
    parts = urlsplit(url)
    cluster.run(f"ALTER ROLE {parts.username} PASSWORD '{password}'")
    userinfo = f"{parts.username}:{quote(password, safe='')}"
    return parts._replace(netloc=f"{userinfo}@{parts.hostname}:{parts.port}").geturl()


def test_a_participant_gets_psiturks_answers_from_the_invitation_to_the_end(serve, cluster):
    with serve(cluster.create_database(), PSITURK_ALLOW_RESUME="false") as server:
        participant = Participant(server.wait().address)
        assert participant.browser.get("/").status == 200
        assert participant.status() == 0
        for page in ("/ad", "/pub", "/consent"):
            answer = participant.open(page)
            assert (answer.status, answer.error) == (200, None)
        assert participant.uniqueid in participant.open("/exp").text
        assert participant.status() == 1
        assert "PsiTurk" in participant.browser.get("/static/js/psiturk.js").text
        first = participant.load().json
        assert (first["assignmentId"], first["condition"] in (0, 1)) == ("assignment1", True)
        record = participant.record()
        assert participant.save(record).json["status"] == "user data saved"
        assert participant.load().json == record
        assert participant.start().json == {"status": "success"}
        assert participant.open("/exp").error == 1008
        assert participant.open("/pub").error == 1009
        assert participant.status() == 2
        assert participant.complete().status == 200
        assert participant.status() == 3
        assert (
            'action="https://www.mturk.com/mturk/externalSubmit"' in participant.open("/pub").text
        )
        assert participant.submit().json == {"status": "success"}
        assert participant.status() == 4
    assert "Warning" not in server.output


def test_the_log_of_visits_names_no_participant(serve, cluster):
    with serve(cluster.create_database()) as server:
        participant = Participant(server.wait().address, worker="A1B2C3")
        participant.take_part()
        participant.open("/ad")
    visits = [line for line in server.output.splitlines() if " bytes " in line]
    assert len(visits) > 10
    assert not [line for line in visits if participant.worker in line]


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_a_password_with_percent_and_at_signs_reaches_the_database(serve, cluster, scheme):
    url = with_password(cluster, cluster.create_database(), "50% of p@ss/words: #1")
    with serve(url.replace("postgres", scheme, 1)) as server:
        Participant(server.wait().address).take_part()
    assert cluster.run("SELECT status FROM assignments", database=urlsplit(url).path[1:]) == "4\n"


@pytest.mark.slow
def test_many_workers_start_on_an_empty_database_without_a_collision(serve, cluster):
    for _ in range(3):
        with serve(cluster.create_database(), WEB_CONCURRENCY="4") as server:
            assert server.wait().started_workers(4) == server.workers()
            assert server.process.poll() is None
        assert "Error" not in server.output


@pytest.mark.parametrize(
    ("settings", "workers"),
    [
        pytest.param({}, 1, id="psiturks-cloud-default"),
        pytest.param({"WEB_CONCURRENCY": "2"}, 2, id="the-host-decides"),
        pytest.param({"WEB_CONCURRENCY": "2", "PSITURK_THREADS": "3"}, 3, id="threads-overrule"),
        pytest.param({"WEB_CONCURRENCY": "2", "PSITURK_DO_SCHEDULER": "true"}, 1, id="scheduler"),
    ],
)
def test_the_number_of_workers(serve, cluster, settings, workers):
    with serve(cluster.create_database(), **settings) as server:
        server.wait().started_workers(workers)
        Participant(server.address).take_part()
        assert len(server.workers()) == workers


def test_a_cloud_server_with_a_database_in_a_file_is_refused_in_plain_words(study):
    printed = refusal(study, study.path, ON_CLOUD="1")
    assert "A cloud server loses its files at every restart" in printed
    assert "Set DATABASE_URL to the address of a Postgres database" in printed
    assert "Traceback" not in printed


def test_the_dashboard_is_refused_where_participants_would_wait_for_it(study):
    printed = refusal(study, study.path, PSITURK_ENABLE_DASHBOARD="true")
    assert "every participant's page would wait for Amazon" in printed
    assert "uv run study dashboard" in printed
    assert "Traceback" not in printed


def test_a_misspelt_import_in_custom_py_stops_the_start(study, copy):
    with (copy / "custom.py").open("a") as custom:
        custom.write("\nimport reqeusts\n")
    assert "No module named 'reqeusts'" in refusal(study, copy)


def test_the_researchers_own_route_is_served(serve, cluster, copy):
    with (copy / "custom.py").open("a") as custom:
        custom.write("\n@custom_code.route('/hello')\ndef hello():\n    return {'hello': 1}\n")
    with serve(cluster.create_database(), copy) as server:
        assert Participant(server.wait().address).browser.get("/hello").json == {"hello": 1}
