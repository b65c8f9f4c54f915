"""The release phase prepares the database or refuses; the web process that follows obeys its host.

app.json asks for the same app that `study up` makes.
"""

import http.client
import json
import os
import signal
import subprocess
import threading
import time
import urllib.request
from contextlib import ExitStack, closing
from urllib.parse import urlsplit

import pytest
from generated import Study
from server import Server, cloud_server, free_port, wait_for

PASSWORD = "hush-hush"
INDEXES = "SELECT indexname FROM pg_indexes WHERE tablename = 'assignments' ORDER BY 1"
# Everything that Heroku lets stand at the top of an app.json.
APP_JSON_KEYS = {
    *("name", "description", "keywords", "website", "repository", "logo", "success_url"),
    *("scripts", "env", "formation", "addons", "buildpacks", "environments", "stack", "image"),
}


@pytest.fixture(scope="module")
def study(studies) -> Study:
    return studies(recruitment="mturk", heroku_app="later")


@pytest.fixture(scope="module")
def release(study):
    """Run the release phase with these settings; exit code and what the release log holds."""

    def release(**settings: str) -> tuple[int, str]:
        done = subprocess.run(
            [study.python, "-m", "study.server", "release"],
            cwd=study.path,
            env=os.environ | settings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        assert "Traceback" not in done.stdout
        return done.returncode, done.stdout

    return release


class TestRelease:
    def test_it_makes_tables_and_indexes_and_may_run_again(self, release, cluster):
        url = cluster.create_database()
        for _ in range(2):
            code, printed = release(ON_CLOUD="1", DATABASE_URL=url)
            assert code == 0, printed
            assert "Tables and indexes are ready" in printed
            assert urlsplit(url).password not in printed
        tables = cluster.run(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1",
            database=urlsplit(url).path[1:],
        )
        psiturks = ["amt_hit", "apscheduler_jobs", "assignments", "campaign"]
        own = [
            *("alerts", "bonuses", "browser_errors", "cells", "entries", "erased"),
            *("incidents", "keys", "leases", "starts", "superseded_records"),
        ]
        assert tables.split() == psiturks + [f"study_{name}" for name in own]
        indexes = cluster.run(INDEXES, database=urlsplit(url).path[1:])
        assert indexes.split() == ["assignments_lower_workerid", "assignments_pkey"]

    def test_a_table_that_psiturk_made_gets_the_index(self, study, release, cluster):
        url = cluster.create_database()
        settings = {"ON_CLOUD": "1", "DATABASE_URL": url}
        psiturks_own = [study.python, "-c", "from psiturk.db import *; init_db()"]
        subprocess.run(psiturks_own, cwd=study.path, env=os.environ | settings, check=True)
        database = urlsplit(url).path[1:]
        assert cluster.run(INDEXES, database=database).split() == ["assignments_pkey"]
        assert release(**settings)[0] == 0
        assert "assignments_lower_workerid" in cluster.run(INDEXES, database=database).split()

    @pytest.mark.parametrize(
        ("settings", "reason"),
        [
            pytest.param({}, "keeps data in Postgres", id="nothing-set"),
            pytest.param({"ON_CLOUD": "1"}, "loses its files at every restart", id="none"),
            pytest.param(
                {"ON_CLOUD": "1", "DATABASE_URL": "sqlite:///participants.db"},
                "loses its files at every restart",
                id="sqlite",
            ),
            pytest.param(
                {"ON_CLOUD": "1", "DATABASE_URL": f"postgres://me:{PASSWORD}@localhost/study"},
                "on localhost",
                id="localhost",
            ),
            pytest.param(
                {"ON_CLOUD": "1", "DATABASE_URL": f"oracle://me:{PASSWORD}@db.example.edu/study"},
                "keeps data in Postgres",
                id="not-postgres",
            ),
            pytest.param(
                {"ON_CLOUD": "1", "DATABASE_URL": f"me:{PASSWORD}@db.example.edu"},
                "not an address of a database",
                id="no-address",
            ),
            pytest.param(
                {"ON_CLOUD": "1", "DATABASE_URL": f"postgres://me:{PASSWORD}@127.0.0.1:1/study"},
                "The database at 127.0.0.1 cannot be used: connection failed",
                id="unreachable",
            ),
        ],
    )
    def test_a_database_that_cannot_keep_data_is_refused(self, release, settings, reason):
        code, printed = release(**settings)
        assert code == 1
        assert reason in printed
        assert PASSWORD not in printed

    def test_a_wrong_password_is_refused(self, release, cluster):
        url = urlsplit(cluster.create_database())
        wrong = f"{url.username}:{PASSWORD}@{url.hostname}:{url.port}"
        code, printed = release(ON_CLOUD="1", DATABASE_URL=url._replace(netloc=wrong).geturl())
        assert code == 1
        assert "password authentication failed" in printed
        assert PASSWORD not in printed


@pytest.fixture
def serve(study, cluster):
    """The web process with its own database, on every interface."""

    def serve(**settings: str) -> Server:
        url = settings.pop("DATABASE_URL", "") or cluster.create_database()
        return cloud_server(study.path, study.python, url, starts=True, **settings)

    return serve


class TestWeb:
    def test_it_listens_on_every_interface_at_the_hosts_port(self, serve):
        with serve() as server:
            server.wait()
            wait_for(lambda: f"serving on http://0.0.0.0:{server.port}" in server.output)

    def test_a_server_that_starts_while_its_database_is_away_waits_for_it(self, serve, cluster):
        url = cluster.create_database()
        allow = f"ALTER DATABASE {urlsplit(url).path[1:]} ALLOW_CONNECTIONS"
        cluster.run(f"{allow} false")
        with serve(DATABASE_URL=url) as server:
            wait_for(lambda: "Trying again" in server.output)
            cluster.run(f"{allow} true")
            server.wait()
        assert "not currently accepting connections" in server.output
        assert "Traceback" not in server.output
        assert urlsplit(url).password not in server.output

    def test_without_a_database_it_ends_and_says_why(self, study):
        address = f"postgres://me:{PASSWORD}@127.0.0.1:1/study"
        settings = {"PSITURK_DATABASE_URL": address}  # on a researcher's machine: without waiting
        command = (study.python, "-m", "study.server")
        with Server(study.path, *command, port=free_port(), starts=True, **settings) as server:
            assert server.process.wait(30) == 1
        assert "The database at 127.0.0.1 cannot be used: connection failed" in server.output
        assert "Traceback" not in server.output and PASSWORD not in server.output

    def test_the_scheduler_forces_one_worker_wherever_it_is_switched_on(self, serve, study):
        config = study.path / "config.txt"
        text = config.read_text(encoding="utf-8")
        config.write_text(text.replace(";do_scheduler = false", "do_scheduler = true"), "utf-8")
        try:
            with serve(WEB_CONCURRENCY="2") as server:
                assert len(server.wait().started_workers(1)) == 1
        finally:
            config.write_text(text, encoding="utf-8")

    def test_a_running_request_is_finished_when_the_host_stops_the_process(self, serve, study):
        custom = study.path / "custom.py"
        text = custom.read_text(encoding="utf-8")
        custom.write_text(
            text + "\n\n@custom_code.route('/slow')\ndef slow():\n"
            "    import time\n\n    print('begun', flush=True)\n"
            "    time.sleep(3)\n    return 'finished'\n",
            encoding="utf-8",
        )
        answers = []
        try:
            with serve(WEB_CONCURRENCY="2") as server:
                address = f"{server.wait().address}/slow"
                visit = threading.Thread(
                    target=lambda: answers.append(urllib.request.urlopen(address).read())
                )
                visit.start()
                wait_for(lambda: "begun" in server.output)
                os.killpg(server.process.pid, signal.SIGTERM)  # to every process, as Heroku does
                visit.join(15)
                assert server.process.wait(15) == 0
        finally:
            custom.write_text(text, encoding="utf-8")
        assert answers == [b"finished"]

    @pytest.mark.slow
    def test_idle_connections_are_kept_until_the_host_stops_the_process(self, serve):
        with serve(WEB_CONCURRENCY="2") as server, ExitStack() as stack:
            server.wait()
            connections = [stack.enter_context(closing(connect(server))) for _ in range(8)]
            silent = stack.enter_context(closing(connect(server)))
            silent.connect()
            for connection in connections:
                assert get(connection) == 200
            sockets = [connection.sock for connection in connections]
            time.sleep(3)  # by then, gunicorn by itself would have closed them
            for connection in connections:
                assert get(connection) == 200
            assert [connection.sock for connection in connections] == sockets
            os.killpg(server.process.pid, signal.SIGTERM)
            assert get(connections[0]) == 200  # the last request is answered
            # Although seven were idle and one was silent; gunicorn's own patience is 25 s.
            assert server.process.wait(20) == 0
            assert "graceful timeout" not in server.output


def connect(server: Server) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)


def get(connection: http.client.HTTPConnection) -> int:
    """The status of the front page over this connection."""
    connection.request("GET", "/", headers={"X-Forwarded-Proto": "https"})
    answer = connection.getresponse()
    answer.read()
    return answer.status


# The default answers are held to app.json in test_deploy.py, once the app runs.
def test_app_json_asks_for_what_study_up_makes(new_folder, platform, machine):
    title = 'It\'s "fun" <b> & so on'
    answers = {"study_title": title, "database": "existing", "recruitment": "mturk"}
    names = {"project_slug": "study-to-be", "heroku_app_name": "study-to-be"}
    folder = new_folder(**answers, **names, heroku_app="later")
    machine.environment |= {
        "AWS_ACCESS_KEY_ID": "AKIA" + "A" * 16,
        "AWS_SECRET_ACCESS_KEY": "a" * 40,
        "PYTHONPATH": str(folder / "machinery"),
        "DATABASE_URL": "postgres://me:it@db.example.edu/study",
    }
    up = machine.run("python3", "-m", "study.commands.up", "--yes", cwd=folder)
    assert up.returncode == 0, up.stdout + up.stderr
    asked = json.loads((folder / "app.json").read_text(encoding="utf-8"))
    assert_same_app(asked, platform.apps["study-to-be"])
    assert asked["name"] == title
    assert asked["env"]["DATABASE_URL"]["required"]
    processes = (folder / "Procfile").read_text().splitlines()
    assert {line.partition(":")[0] for line in processes} == {"release", *asked["formation"]}


def assert_same_app(asked: dict, app) -> None:
    """An app.json and an app of the double have the same config vars and add-ons."""
    assert set(asked) <= APP_JSON_KEYS
    optional = {name for name, about in asked["env"].items() if about.get("required") is False}
    # The limit is the plan's that was bought, and nobody has a pilot unless they ask for it.
    own = set(app.own_config) - {"DATABASE_LIMIT_MB", "STUDY_PILOT"}
    assert set(asked["env"]) - optional <= own <= set(asked["env"])
    assert asked["env"]["ON_CLOUD"]["value"] == app.own_config["ON_CLOUD"]
    assert asked["env"]["PSITURK_SECRET_KEY"]["generator"] == "secret"
    plans = [addon["plan"] for addon in asked.get("addons", [])]
    assert plans == [addon.plan.name for addon in app.addons]
