"""The edges of a study's server: https, headers, addresses that exist, failures, logs."""

import re
import shutil
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from server import Server, cloud_server, free_port, wait_for
from wire import ask

WHO = "hitId=HITXYZ&assignmentId=ASSIGNXYZ&workerId=WORKERXYZ&mode=live"
# Routes of a researcher who makes mistakes.
ROUTES = """

@custom_code.route("/visitor")
def visitor():
    from flask import request
    return {"address": request.remote_addr, "host": request.host, "secure": request.is_secure}


@custom_code.route("/mistake", methods=["GET", "POST"])
def mistake():
    from flask import request
    raise ValueError("no number: " + request.values["workerId"])


@custom_code.route("/stored-twice")
def stored_twice():
    from flask import request
    from psiturk.db import db_session
    from psiturk.models import Participant
    for _ in range(2):
        db_session.add(Participant(workerid=request.args["workerId"], assignmentid="A9", hitid="H"))
        db_session.commit()


@custom_code.route("/psiturks-error/<reason>")
def psiturks_error(reason):
    from psiturk.experiment_errors import ExperimentError
    raise ExperimentError(reason)
"""


READ_ONLY = """
import sys
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError
from study import config
config.load()
from study.server.errors import is_away
create_engine(f"sqlite:///{sys.argv[1]}").connect().exec_driver_sql("CREATE TABLE t (n)")
connection = create_engine(f"sqlite:///file:{sys.argv[1]}?mode=ro&uri=true").connect()
for statement in ("INSERT INTO t VALUES (1)", "SELECT * FROM missing"):
    try:
        connection.exec_driver_sql(statement)
    except OperationalError as error:
        print(is_away(error))
"""


@pytest.fixture(scope="module")
def study(studies):
    return studies(recruitment="mturk", heroku_app="later")


def copy(study, folder: Path, **settings: str) -> Path:
    """The study's files in another folder, with other settings in config.txt."""
    shutil.copytree(study.path, folder, ignore=shutil.ignore_patterns(".venv", ".git", "*.db"))
    config = (folder / "config.txt").read_text(encoding="utf-8")
    for name, value in settings.items():
        config = re.sub(rf"^{name} =.*", f"{name} = {value}", config, flags=re.MULTILINE)
    (folder / "config.txt").write_text(config, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def folder(study, tmp_path_factory) -> Path:
    """The study with some routes and settings of its researcher."""
    folder = copy(
        study,
        tmp_path_factory.mktemp("cloud") / "study",
        script_sources="'unsafe-inline', https://cdn.org; x",
        media_sources="https://films.org",
    )
    with (folder / "custom.py").open("a") as custom:
        custom.write(ROUTES)
    return folder


@pytest.fixture(scope="module")
def url(cluster) -> str:
    return cluster.create_database()


@pytest.fixture(scope="module")
def cloud(study, folder, url):
    """The server as a host in the cloud runs it."""
    with cloud_server(folder, study.python, url) as server:
        yield server.wait()


@pytest.fixture(scope="module")
def local(study, tmp_path_factory):
    """A server on a researcher's own machine; the study gets its participants from Prolific."""
    folder = copy(study, tmp_path_factory.mktemp("local") / "study", recruitment="prolific")
    port = free_port()
    settings = {"PSITURK_PORT": str(port), "PSITURK_THREADS": "1", "PSITURK_HOST": "127.0.0.1"}
    with Server(folder, study.python, "-m", "study.server", port=port, **settings) as server:
        yield server.wait()


def test_http_is_led_to_https_where_a_proxy_says_that_it_was_http(cloud):
    for method in ("GET", "PUT"):
        answer = ask(cloud, f"/pub?{WHO}", method, X_Forwarded_Proto="http", Host="study.org")
        assert answer.status == 308
        assert answer.headers["Location"] == f"https://study.org/pub?{WHO}"
    for header in ({}, {"X_Forwarded_Proto": "https"}):
        assert ask(cloud, f"/pub?{WHO}", **header).status == 200


def test_browsers_are_told_to_stay_with_https_on_the_cloud(cloud, local):
    for path in ("/", "/static/css/study.css", "/check_worker_status"):
        stay = ask(cloud, path, X_Forwarded_Proto="https").headers["Strict-Transport-Security"]
        assert int(re.fullmatch(r"max-age=(\d+)", stay)[1]) >= 180 * 24 * 3600
        assert "Strict-Transport-Security" not in ask(cloud, path).headers
    at_home = ask(local, "/", X_Forwarded_Proto="https")
    assert "Strict-Transport-Security" not in at_home.headers


def test_at_home_nothing_is_redirected(local):
    assert ask(local, "/", X_Forwarded_Proto="http").status == 200


def test_the_visitors_address_is_the_one_the_router_saw_and_the_host_the_one_asked_for(cloud):
    seen = ask(
        cloud,
        "/visitor",
        X_Forwarded_For="198.51.100.1, 203.0.113.9",
        X_Forwarded_Proto="https",
        X_Forwarded_Host="evil.example.com",
        Host="study.org",
    )
    assert seen.json == {"address": "203.0.113.9", "host": "study.org", "secure": True}


def test_pages_of_an_mturk_study_may_be_framed_by_mturk_and_send_forms_there(cloud):
    answer = ask(cloud, f"/pub?{WHO}")
    assert answer.policy["frame-ancestors"] == ["'self'", "https://*.mturk.com"]
    assert answer.policy["form-action"] == ["'self'", "https://*.mturk.com"]
    assert "Cross-Origin-Opener-Policy" not in answer.headers  # the pop-up talks to its opener


def test_pages_of_other_studies_may_not_be_framed_at_all(local):
    answer = ask(local, f"/pub?{WHO}")
    assert answer.policy["frame-ancestors"] == ["'self'"]
    assert answer.policy["form-action"] == ["'self'"]
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"


def test_a_researcher_names_the_hosts_of_scripts_and_media_in_the_settings(cloud, local):
    policy = ask(cloud, "/").policy
    assert policy["script-src"] == ["'self'", "'unsafe-inline'", "https://cdn.org", "x"]
    assert policy["style-src"] == ["'self'", "'unsafe-inline'", "https://cdn.org", "x"]
    assert policy["img-src"] == ["'self'", "data:", "blob:", "https://films.org"]
    without = ask(local, "/").policy
    assert without["script-src"] == ["'self'"]
    assert without["connect-src"] == ["'self'", "data:", "blob:"]
    assert without["base-uri"] == ["'none'"] and without["object-src"] == ["'self'"]


def test_pages_and_json_are_not_kept_and_not_guessed(cloud):
    for path in ("/", f"/pub?{WHO}", "/check_worker_status?workerId=w&assignmentId=a", "/nothing"):
        headers = ask(cloud, path).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
    page = ask(cloud, "/").headers
    assert page["Referrer-Policy"] == "same-origin"
    assert "geolocation=()" in page["Permissions-Policy"]


@pytest.mark.parametrize("page", ["stage.html", "instructions/1-colours.html"])
def test_a_page_of_the_task_is_sent_as_it_stands(cloud, folder, page):
    answer = ask(cloud, f"/{page}")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.text == (folder / "templates" / page).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "path",
    [
        *("/ppid", "/exp.html", "/ad.html", "/layout.html", "/error.html", "/complete.html"),
        *("/instructions", "/instructions/", "/nothing.html", "/.env", "/config.txt"),
        *("/../config.txt", "/..%2fconfig.txt", "/%2e%2e/config.txt", "//etc/passwd"),
        *("/instructions/..%2f..%2fstudy%2fapp.py", "/stage.html%00", "/..%5cconfig.txt"),
        *("/static/../config.txt", "/static/..%2fconfig.txt", "/static/0a1b2c3d4e5f/../../x"),
    ],
)
def test_anything_else_is_not_there(cloud, path):
    answer = ask(cloud, path)
    assert answer.status == 404
    assert "This link does not work" in answer.text


def test_at_home_edits_show_because_the_browser_asks_anew(local):
    assert 'href="/static/css/study.css"' in ask(local, "/").text
    for path in ("/static/css/study.css", "/static/js/participant.js"):
        assert ask(local, path).headers["Cache-Control"] == "max-age=0, public"
    assert ask(local, "/stage.html").headers["Cache-Control"] == "no-cache"


def test_at_home_an_edited_and_a_new_file_are_served_at_once(local):
    script = local.folder / "static" / "js" / "new.js"
    for text in ("let a = 1;", "let a = 1; // edited"):
        script.write_text(text)
        assert ask(local, "/static/js/new.js").text == text
    script.unlink()
    assert ask(local, "/static/js/new.js").status == 404


def test_a_page_with_jinja_is_rendered_and_psiturks_own_pages_are_not_sent(cloud, folder):
    page = folder / "templates" / "own.html"
    page.write_text("<p>Hello</p>")
    assert ask(cloud, "/own.html").text == "<p>Hello</p>"
    page.write_text("<p>Hello {{ 6 * 7 }}</p>{% raw %}{{ x }}{% endraw %}")
    assert ask(cloud, "/own.html").text == "<p>Hello 42</p>{{ x }}"
    for name in ("exp.html", "ad.html", "consent.html", "complete.html", "error.html"):
        assert ask(cloud, f"/{name}").status == 404


def test_a_mistake_in_code_shows_the_error_page_and_the_log_says_where(cloud):
    page = ask(cloud, "/mistake?workerId=WORKERXYZ")
    assert page.status == 500
    assert 'id="errornum">500<' in page.text
    posted = ask(
        cloud, "/mistake", "POST", "workerId=WORKERXYZ",
        Content_Type="application/x-www-form-urlencoded",
    )  # fmt: skip
    assert (posted.status, posted.json["reason"]) == (500, "server")
    script = ask(cloud, "/mistake?workerId=WORKERXYZ", Accept="application/json")
    assert script.json["reason"] == "server"
    for answer in (page, posted, script):
        assert "ValueError" not in answer.text
    assert "ValueError: no number: …" in cloud.output
    assert "custom.py" in cloud.output


def test_a_mistake_with_the_database_tells_no_value(cloud):
    assert ask(cloud, "/stored-twice?workerId=OTHERXYZ").status == 500
    assert "duplicate key value violates unique constraint" in cloud.output


@pytest.mark.parametrize(
    ("reason", "number", "status"),
    [
        ("unknown_error", 9999, 500),
        ("improper_inputs", 1013, 400),
        ("already_did_exp_hit", 1010, 403),
        ("insert_mode_failed", 1020, 500),
    ],
)
def test_psiturks_own_errors_show_the_error_page_with_a_status(cloud, reason, number, status):
    path = f"/psiturks-error/{reason}?{WHO}&errornum=1"  # psiTurk stumbles over errornum
    page = ask(cloud, path)
    assert page.status == status
    assert f'id="errornum">{number}<' in page.text
    script = ask(cloud, path, Accept="application/json")
    assert (script.status, script.headers["Content-Type"]) == (status, "application/json")
    assert reason in cloud.output and "WORKERXYZ" not in cloud.output


def test_a_wrong_method_is_refused_with_the_right_ones(cloud):
    answer = ask(cloud, "/sync/WORKERXYZ:ASSIGNXYZ", "DELETE")
    assert (answer.status, answer.json["reason"]) == (405, "method-not-allowed")
    assert "PUT" in answer.headers["Allow"]


def test_nonsense_on_the_wire_is_logged_without_what_was_sent(cloud):
    with socket.create_connection(("127.0.0.1", cloud.port)) as wire:
        wire.sendall(b"NONSENSE WORKERXYZ\r\n\r\n")
        assert b"400" in wire.recv(1000)
    wait_for(lambda: "Invalid" in cloud.output)


def test_by_https_no_other_host_of_the_domain_can_set_our_cookies(cloud, local):
    """Browsers take a cookie with this prefix from its own host alone, and only by https."""
    by_https = ask(cloud, f"/pub?{WHO}", X_Forwarded_Proto="https").headers["Set-Cookie"]
    assert by_https.startswith("__Host-browser=")
    assert "; Secure" in by_https and "; Path=/" in by_https and "Domain" not in by_https
    own, given = by_https.partition(";")[0], {"X_Forwarded_Proto": "https"}
    ids = WHO.replace("WORKERXYZ", "HOSTED")
    assert ask(cloud, f"/exp?{ids}", Cookie=own, **given).status == 200
    assert ask(cloud, "/sync/HOSTED:ASSIGNXYZ", Cookie=own, **given).status == 200
    tossed = own.removeprefix("__Host-")
    assert ask(cloud, "/sync/HOSTED:ASSIGNXYZ", Cookie=tossed, **given).status == 403
    entry = "/start?PROLIFIC_PID=a&STUDY_ID=b&SESSION_ID=c"
    assert ask(local, entry).headers["Set-Cookie"].startswith("browser=")


def test_while_the_database_is_away_browsers_are_asked_to_come_again(cloud, cluster, url):
    name = urlsplit(url).path[1:]
    granted = ask(cloud, f"/exp?{WHO}")
    cookie = granted.headers["Set-Cookie"].partition(";")[0]
    cluster.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    cluster.disconnect(url)
    try:
        page = ask(cloud, f"/exp?{WHO}")
        save = ask(
            cloud, "/sync/WORKERXYZ:ASSIGNXYZ?writer=1&save=1", "PUT", "{}",
            Cookie=cookie, Content_Type="application/json",
        )  # fmt: skip
    finally:
        cluster.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert (page.status, save.status) == (503, 503)
    assert 'id="errornum">503<' in page.text
    assert save.json["reason"] == "database"
    assert int(page.headers["Retry-After"]) == int(save.headers["Retry-After"]) > 0
    assert ask(cloud, f"/exp?{WHO}").status == 200


REFUSALS = {
    "read-only": ("ALTER DATABASE {} SET default_transaction_read_only = on",
                  "ALTER DATABASE {} RESET default_transaction_read_only"),
    "no-rights": ("REVOKE INSERT, UPDATE ON assignments FROM {role}",
                  "GRANT INSERT, UPDATE ON assignments TO {role}"),
}  # fmt: skip


@pytest.mark.parametrize(("refuse", "permit"), REFUSALS.values(), ids=REFUSALS)
def test_while_the_database_takes_no_writes_browsers_are_asked_to_come_again(
    cloud, cluster, url, request, refuse, permit
):
    """A standby after a failover, or a database whose plan is full."""
    name, role = urlsplit(url).path[1:], urlsplit(url).username
    worker = f"WORKERXYZ-{request.node.callspec.id}"
    cookie = (
        ask(cloud, f"/exp?{WHO.replace('WORKERXYZ', worker)}")
        .headers["Set-Cookie"]
        .partition(";")[0]
    )
    cluster.run(refuse.format(name, role=role), database=name)
    cluster.disconnect(url)
    try:
        page = ask(cloud, f"/exp?{WHO.replace('WORKERXYZ', f'{worker}-new')}")
        save = ask(
            cloud, f"/sync/{worker}:ASSIGNXYZ", "PUT", "{}",
            Cookie=cookie, Content_Type="application/json",
        )  # fmt: skip
    finally:
        writable = "SET default_transaction_read_only = off"
        cluster.run(writable, permit.format(name, role=role), database=name)
    assert (page.status, save.status) == (503, 503)
    assert save.json["reason"] == "database"
    assert int(page.headers["Retry-After"]) == int(save.headers["Retry-After"]) > 0
    save = ask(
        cloud, f"/sync/{worker}:ASSIGNXYZ", "PUT", "{}",
        Cookie=cookie, Content_Type="application/json",
    )  # fmt: skip
    assert save.status == 200  # without any connection from before


def test_a_file_of_sqlite_that_takes_no_writes_is_away_too(study, tmp_path):
    done = study.run("python", "-c", READ_ONLY, str(tmp_path / "x.db"))
    assert done.stdout.split() == ["True", "False"], done.stderr


def test_after_all_this_the_log_names_nobody(cloud):
    assert "The database is away" in cloud.output
    for private in ("WORKERXYZ", "ASSIGNXYZ", "HITXYZ", "OTHERXYZ", "NONSENSE", "ip="):
        assert private not in cloud.output
