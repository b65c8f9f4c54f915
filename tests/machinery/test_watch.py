"""`study watch`: the page's server, whom it answers, and what it tells."""

import json
import os
import signal
import subprocess
import sys
import urllib.request

import forks
import pytest
from lab import copy
from simulated_study import simulate
from watched import Watched

QUALITY = """
import csv, sys
from pathlib import Path
from study.signing import pseudonym, read_pseudonym_key
name = pseudonym(read_pseudonym_key(Path.cwd()), sys.argv[1])
Path("data/one").mkdir(parents=True, exist_ok=True)
with open("data/one/quality.csv", "w", newline="") as file:
    rows = [("participant", "flag", "reason", "value"), (name, "paste", "3 answers pasted", 3)]
    csv.writer(file).writerows(rows)
"""


@pytest.fixture(scope="module")
def lab(empty_lab, tmp_path_factory):
    lab = copy(empty_lab, tmp_path_factory.mktemp("watched"))
    simulate(lab.folder, lab.python, lab.url, 130)
    return lab


@pytest.fixture(scope="module")
def page(lab):
    page = Watched(lab)
    yield page
    page.process.send_signal(signal.SIGINT)
    assert page.process.wait(30) == 0


def test_its_files_come_with_a_strict_policy(page):
    for file in ("", "watch.js", "watch.css", "plotly.min.js"):
        status, _, headers = page.ask(file)
        assert status == 200
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'; script-src 'self';" in policy and "unsafe" not in policy
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "Access-Control-Allow-Origin" not in headers
    for other in ("../server.py", "server.py", "%2e%2e/server.py"):
        assert page.ask(other)[0] == 404


def test_nobody_else_is_answered(page):
    root, _, token = page.address.rstrip("/").rpartition("/")
    for address in (root + "/figures", f"{root}/{token[:-1]}x/figures", f"{root}/é/figures"):
        other = Watched.__new__(Watched)
        other.address = urllib.request.quote(address, safe=":/")
        assert other.ask()[0] == 404
    assert page.ask("figures", Host="evil.example")[0] == 404
    assert page.ask("figures", Sec_Fetch_Site="cross-site")[0] == 403
    assert page.ask("pause", "POST", Sec_Fetch_Site="cross-site")[0] == 403


def test_it_shows_the_same_numbers_as_study_status(page, lab):
    shown = page.json("figures")
    counted = json.loads(lab("status", "--json").stdout)
    for name in ("total", "cells", "gone", "places", "apart", "durations", "drop_out"):
        assert shown["overview"][name] == counted[name], name
    told = " ".join(lab("status").stdout.split())
    total = counted["total"]
    assert f"all {total['finished']} {total['in_progress']} {total['gone']}" in told
    timeline = shown["timeline"]
    for name in ("arrived", "finished", "gone"):
        assert sum(timeline[name]) == total[name], name
    assert len(timeline["arrived"]) <= 97
    assert [error["line"] for error in shown["errors"]] == [112, 87, 41]


def test_participants_are_told_a_page_at_a_time_and_their_ids_on_demand(page):
    overview = page.json("figures")["overview"]
    first, last = page.json("people"), page.json("people?offset=125")
    assert (len(first["people"]), len(last["people"]), first["number"]) == (25, 5, 130)
    assert {person["worker"] for person in first["people"]} == {None}
    assert "flags" not in first["people"][0] and not first["has_flags"]
    gone = page.json("people?state=gone&condition=25%25+congruent")
    assert gone["number"] == overview["cells"][1]["gone"]
    assert {(each["state"], each["condition"]) for each in gone["people"]} == {
        ("gone", "25% congruent")
    }
    worker = page.json("people?ids=1")["people"][3]["worker"]
    found = page.json(f"people?ids=1&worker={worker[:9].upper()}")
    assert [person["worker"] for person in found["people"]] == [worker]
    assert page.json("people?worker=%25")["number"] == 0


def test_flags_are_shown_once_there_are_some(page, lab):
    [(uniqueid, worker)] = lab.select("select uniqueid, workerid from assignments limit 1")
    forks.run(lab.python, "-c", QUALITY, uniqueid, cwd=lab.folder, check=True)
    found = page.json(f"people?ids=1&worker={worker}")
    assert found["people"][0]["flags"] == ["paste: 3 answers pasted"]
    (lab.folder / "data" / "one" / "quality.csv").write_bytes(b"\xff\x00,nonsense")
    os.utime(lab.folder / "data" / "one" / "quality.csv", (0, 0))
    assert page.json("people")["has_flags"] is False


def test_a_study_on_this_computer_has_no_pause(page):
    status, text, _ = page.ask("pause", "POST")
    assert status == 503 and "has no pause" in json.loads(text)["problem"]


def test_rows_of_any_shape_make_a_page(empty_lab, tmp_path):
    lab = copy(empty_lab, tmp_path)
    columns = [name for _, name, *_ in lab.select("pragma table_info(assignments)")]
    nothing = dict.fromkeys(columns, "null") | {"uniqueid": "'a:b'", "record_version": "0"}
    nothing |= {"workerid": "'<b>'", "assignmentid": "'b'", "hitid": "'h'"}
    odd = nothing | {"uniqueid": "'c:d'", "beginhit": "'2999-01-01 00:00:00.000000'", "cond": "7"}
    odd |= {"endhit": "'1999-01-01 00:00:00.000000'", "status": "99", "codeversion": "'1.0'"}
    odd |= {"last_place": "'<i>'", "ending": "'for a new reason'", "mode": "'other'"}
    script = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.executescript(sys.argv[2])"
    rows = ";".join(
        f"insert into assignments ([{'],['.join(row)}]) values ({','.join(row.values())})"
        for row in (nothing, odd)
    )
    subprocess.run([sys.executable, "-c", script, lab.database, rows], check=True)
    page = Watched(lab)
    try:
        overview = page.json("figures")["overview"]
        people = page.json("people")["people"]
    finally:
        page.process.kill()
    assert overview["total"]["arrived"] == len(people) == 1
    assert overview["cells"][-1]["name"] == "condition 7"
    assert people[0]["place"] == "<i>" and people[0]["minutes"] is None
