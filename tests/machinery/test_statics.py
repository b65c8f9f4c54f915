"""The study's static files in the cloud: compressed, kept by browsers, and never the wrong ones."""

import re
import shutil
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from server import cloud_server, wait_for
from wire import ask

GZIP = {"Accept_Encoding": "gzip, deflate, br"}
FOREVER = "max-age=315360000, public, immutable"
SHORTLY = "max-age=60, public"
OLD = "/static/0123456789ab"  # the version of a deploy that is gone
VERSION = "from study.server.assets import StaticFiles; print(StaticFiles(None, True).root)"


@pytest.fixture(scope="module")
def study(studies):
    return studies(recruitment="mturk", heroku_app="later")


@pytest.fixture(scope="module")
def folder(study, tmp_path_factory) -> Path:
    """The study's files, with some more in static/."""
    ignored = shutil.ignore_patterns(".venv", ".git", "*.db")
    folder = tmp_path_factory.mktemp("statics") / "study"
    shutil.copytree(study.path, folder, ignore=ignored)
    static = folder / "static"
    (static / "film.mp4").write_bytes(bytes(range(256)) * 40)
    (static / "long.mp4").write_bytes(bytes(8_000_000))
    (static / "stimuli.json").write_text('["' + "word " * 500 + '"]')
    (static / "small.css").write_text("p { margin: 0 }")
    (static / "drawing.svg").write_text("<svg>" + " " * 600 + "</svg>")
    return folder


@pytest.fixture(scope="module")
def url(cluster) -> str:
    return cluster.create_database()


@pytest.fixture(scope="module")
def server(study, folder, url):
    with cloud_server(folder, study.python, url) as server:
        yield server.wait()


@pytest.fixture(scope="module")
def current(server) -> str:
    """The address of static/ in its present version."""
    return re.search(r'href="(/static/[0-9a-f]{12})/css/study\.css"', ask(server, "/").text)[1]


@pytest.mark.parametrize(
    "name,mimetype",
    [
        ("css/study.css", "text/css; charset=utf-8"),
        ("js/task.js", "text/javascript; charset=utf-8"),
        ("stimuli.json", "application/json"),
        ("drawing.svg", "image/svg+xml"),
    ],
)
def test_a_text_is_sent_compressed_and_kept_for_ever(server, folder, current, name, mimetype):
    written = (folder / "static" / name).read_bytes()
    answer = ask(server, f"{current}/{name}", **GZIP)
    assert answer.status == 200
    assert answer.text.encode() == written
    assert len(answer.body) < len(written) / 2
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Content-Type"].replace('"', "") == mimetype
    assert answer.headers["Cache-Control"] == FOREVER
    assert answer.headers["Vary"] == "Accept-Encoding"
    for accepted in ({}, {"Accept_Encoding": "gzip;q=0, identity"}):
        plain = ask(server, f"{current}/{name}", **accepted)
        assert "Content-Encoding" not in plain.headers
        assert plain.body == written


def test_what_is_small_is_sent_as_it_is(server, current):
    answer = ask(server, f"{current}/small.css", **GZIP)
    assert (answer.body, answer.headers["Content-Encoding"]) == (b"p { margin: 0 }", None)


def test_a_browser_that_has_the_file_is_not_sent_it_again(server, current):
    for name in ("css/study.css", "small.css", "film.mp4"):
        etag = ask(server, f"{current}/{name}", **GZIP).headers["ETag"]
        again = ask(server, f"{current}/{name}", If_None_Match=etag, **GZIP)
        assert (again.status, again.body) == (304, b"")
        assert again.headers["Cache-Control"] == FOREVER


def test_only_the_head_is_sent_if_only_that_is_asked_for(server, current):
    whole = ask(server, f"{current}/css/study.css", **GZIP)
    head = ask(server, f"{current}/css/study.css", "HEAD", **GZIP)
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == str(len(whole.body))


def test_a_film_is_sent_in_parts(server, folder, current):
    part = ask(server, f"{current}/film.mp4", Range="bytes=100-199", **GZIP)
    assert part.status == 206
    assert part.body == (folder / "static" / "film.mp4").read_bytes()[100:200]
    assert part.headers["Content-Type"] == "video/mp4"
    assert part.headers["Cache-Control"] == FOREVER


def test_a_film_that_nobody_reads_takes_little_of_the_systems_memory(server, current):
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        client.sendall(f"GET {current}/long.mp4 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        wait_for(lambda: unsent(server.port) > 100_000)
        time.sleep(0.5)
        assert unsent(server.port) < 1_000_000


def unsent(port: int) -> int:
    """Bytes that Linux keeps for those who have connected to this port (proc(5))."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    rows = [line.split() for line in lines]
    return sum(int(row[4][:8], 16) for row in rows if row[1].endswith(f":{port:04X}"))


@pytest.mark.parametrize("prefix", [OLD, "/static"])
def test_by_any_other_address_the_current_file_comes_for_a_short_time(server, folder, prefix):
    for name in ("css/study.css", "film.mp4"):
        answer = ask(server, f"{prefix}/{name}")
        assert (answer.status, answer.headers["Cache-Control"]) == (200, SHORTLY)
        assert answer.body == (folder / "static" / name).read_bytes()


def test_what_is_not_there_is_not_kept_either(server, current):
    for prefix in (current, OLD, "/static"):
        answer = ask(server, f"{prefix}/js/nothing.js")
        assert (answer.status, answer.headers["Cache-Control"]) == (404, "no-store")


def test_psiturks_own_script_is_served_compressed(server, current):
    for prefix, lifetime in ((current, FOREVER), ("/static", SHORTLY)):
        answer = ask(server, f"{prefix}/js/psiturk.js", **GZIP)
        assert answer.headers["Cache-Control"] == lifetime
        assert "var PsiTurk = function" in answer.text
        assert len(answer.body) < 4000


def test_pages_and_records_are_compressed_but_no_answer_to_a_save(server):
    ids = "hitId=H&assignmentId=A&workerId=W1&mode=sandbox"
    page = ask(server, f"/exp?{ids}", **GZIP)
    assert page.headers["Content-Encoding"] == "gzip"
    assert int(page.headers["Content-Length"]) == len(page.body) < len(page.text) / 2
    assert "W1:A" in page.text
    assert ask(server, f"/consent?{ids}").headers["Content-Encoding"] is None
    as_owner = {"Cookie": page.headers["Set-Cookie"].partition(";")[0]}
    record = '{"currenttrial": 0, "data": [], "note": "' + "a" * 2000 + '"}'
    saved = ask(
        server, "/sync/W1:A?writer=1&save=1", "PUT", record,
        Content_Type="application/json", **as_owner, **GZIP,
    )  # fmt: skip
    assert (saved.status, saved.headers["Content-Encoding"]) == (200, None)
    loaded = ask(server, "/sync/W1:A", **as_owner, **GZIP)
    assert len(loaded.body) < 200
    assert loaded.json["note"] == "a" * 2000


def test_the_experiments_page_names_all_that_its_script_will_need(server, folder, current):
    ids = "hitId=H&assignmentId=A&workerId=W2&mode=sandbox"
    page = ask(server, f"/exp?{ids}").text
    scripts = re.findall(r'rel="modulepreload" href="([^"]+)"', page)
    assert scripts[0] == f"{current}/js/task.js"
    assert f"{current}/js/participant.js" in scripts
    named = re.findall(r'rel="preload" href="([^"]+)" as="fetch"', page)
    assert {"/instructions/1-colours.html", "/stage.html", "/debriefing.html"} <= set(named)
    for address in scripts + named:
        assert ask(server, address).status == 200
    consent = ask(server, f"/consent?{ids}").text
    assert re.findall(r'rel="prefetch" href="([^"]+)"', consent) == scripts


@pytest.mark.parametrize("path", [
    "exp.html", "EXP.HTML", "layout.html", "./exp.html", "instructions/../exp.html",
    "instructions/%2e%2e/exp.html", "../config.txt", "%2e%2e/custom.py", "instructions/",
    "../templates/stage.html", "instructions/../stage.html",
])  # fmt: skip
def test_a_page_is_fetched_by_its_own_path_and_if_it_needs_no_route(server, path):
    assert ask(server, f"/{path}").status == 404
    assert "mailto:you@example.edu" in ask(server, "/debriefing.html").text, "rendered"


def test_the_version_follows_the_content(study, folder, current):
    def version() -> str:
        command = [study.python, "-c", VERSION]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True).stdout.strip()

    assert version() == f"{current}/"
    script = folder / "static" / "js" / "stimuli.js"
    written = script.read_text(encoding="utf-8")
    script.write_text(written + "\n", encoding="utf-8")
    changed = version()
    script.write_text(written, encoding="utf-8")
    assert changed != version() == f"{current}/"


def test_no_database_is_needed(server, cluster, url, current):
    name = urlsplit(url).path[1:]
    cluster.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    cluster.disconnect(url)
    try:
        answers = [ask(server, path) for path in (f"{current}/js/task.js", "/stage.html")]
    finally:
        cluster.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert [answer.status for answer in answers] == [200, 200]
