"""`study report`: a page of any download, whose figures the scripts for Python and R give too."""

import html
import json
import os
import random
import re
import subprocess
from pathlib import Path

import forks
import pytest
from downloads import PEOPLE, TRIALS, person, trials, write_download
from live_study import participant

NAMES = ("75% congruent", "25% congruent")
STRIP = re.compile(
    r'class="label"><b>[^<]+</b> <span>(?:condition (?P<cond>\d+), )?n = (?P<n>[\d,]+)</span>'
    r'.*?class="value"><b>(?P<mean>\S+) (?:ms|%)</b> <span>(?P<interval>.*?)</span>',
    re.DOTALL,
)
# Damages a download in many ways and makes a page of each.
DAMAGE = """
import random, sys
from pathlib import Path
from study.report.download import read_download
from study.report.page import write_page
folder, chance = Path(sys.argv[1]), random.Random(1)
whole = {path: path.read_bytes() for path in sorted(folder.glob("*.csv"))}
ODD = [b'"', b",", b"\\r\\n", b"\\n", b"\\r", b"\\0", b"\\xff", b"NaN", b"-1e308", b"1e308", b"[1",
       b"{}", b"", "\\u2028".encode(), b"9" * 400, b"true", b"0", b'""', b"practice",
       b"\\xef\\xbb\\xbf", b"x" * 200_000]
for _ in range(60):
    for path, text in whole.items():
        text = bytearray(text)
        for _ in range(chance.choice((0, 1, 1, 3, 30))):
            place = chance.randrange(len(text) + 1)
            text[place : place + chance.choice((0, 1, 5, 500))] = chance.choice(ODD)
        path.write_bytes(text)
    page = write_page(read_download(folder, "congruent"), "Damaged")
    assert page.rstrip().endswith("</html>")
print("fine")
"""


@pytest.fixture
def report(empty_lab, tmp_path):
    """Make the page of a folder; gives the page and what the command printed."""

    def make(folder: Path, *options: str) -> tuple[str, str]:
        command = ["-m", "study", "report", str(folder), *options]
        done = forks.run(empty_lab.python, *command, cwd=empty_lab.folder)
        assert done.returncode == 0, done.stderr
        return (folder / "report.html").read_text(encoding="utf-8"), done.stdout

    return make


def read(page: str) -> str:
    """The text that a page shows."""
    body = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


# ------------------------------------------------------------------ the same figures three times


def record(number: int, chance: random.Random) -> dict:
    """Practice, and trials of which some are wrong and some missed."""
    rows = [{"phase": "PRACTICE", "congruent": True, "rt": 5000.0, "correct": True}]
    for n in range(24):
        congruent = n % 4 > 0 or number == 3  # participant 3 has no incongruent trial
        row = {"phase": "TEST", "congruent": congruent, "correct": chance.random() < 0.85}
        rt = round(chance.lognormvariate(6.4, 0.3) + 80 * (not congruent), 2)
        rows.append(row | {"rt": None if n == number else rt})
    named = ({"condition": NAMES[number % 2]} | row for row in rows)
    data = [
        {"current_trial": n, "dateTime": 1764000000000 + n, "trialdata": row}
        for n, row in enumerate(named)
    ]
    return {"data": data, "eventdata": [], "questiondata": {"engagement": "6"}}


@pytest.fixture
def downloaded(lab) -> Path:
    """The real download of a study with people who finished, left, and tried it."""
    chance, rows = random.Random(5), []
    for number in range(16):
        fields = {"datastring": json.dumps(record(number, chance)), "mode": "link"}
        lasted = None if number > 12 else 5 + chance.random() * 4
        rows.append(participant(number, 100 - number, lasted, **fields))
    lab.fill(*rows, participant(16, mode="debug"))
    done = lab("data")
    assert done.returncode == 0, done.stderr
    return lab.folder / "data"


def figures(page: str) -> list[str]:
    """The figures of a page, in the words of the scripts."""
    shown = page.replace("\N{MINUS SIGN}", "-")
    finished = re.search(r"(\d+) of (\d+) participants finished", shown)
    low, high = re.search(r"took between ([\d.]+) and ([\d.]+) minutes", shown).groups()
    median = re.search(r"<b>([\d.]+) min</b>", shown)[1]
    lines = [f"Finished: {finished[1]} of {finished[2]}"]
    lines.append(f"Minutes: median {median}, quartiles {low} to {high}")
    charts = {
        "Response time, ms": shown.partition("mean</h3>")[2],
        "Right answers, %": shown.partition(">Accuracy<")[2],
        "Incongruent - congruent, ms": shown.partition(">Effect within")[2],
    }
    for what, chart in charts.items():
        for strip in STRIP.finditer(chart.partition("</section>")[0]):
            who = f"condition {strip['cond']}" if strip["cond"] else "all"
            found = f"{strip['mean']} {strip['interval']}, n = {strip['n']}"
            lines.append(f"{what}, {who}: {found}")
    return lines


@pytest.mark.slow
def test_report_and_both_scripts_give_the_same_figures(downloaded, report, lab):
    page, _ = report(downloaded)
    expected = figures(page)
    assert len(expected) == 11
    assert "Finished: 13 of 16" in expected
    assert expected[-3].endswith("n = 12")  # without participant 3
    commands = (["uv", "run", "--quiet", "--script", "analysis.py"], ["Rscript", "analysis.R"])
    running = [
        subprocess.Popen(command, cwd=lab.folder, stdout=subprocess.PIPE, text=True)
        for command in commands
    ]
    for script in running:
        assert script.communicate(timeout=300)[0].splitlines() == expected, script.args


def test_the_page_says_who_took_part_and_what_was_left_out(downloaded, report):
    text = read(report(downloaded)[0])
    assert "13 of 16 participants finished" in text
    assert "75% congruent condition 0" in text
    assert "1 of mode debug" in text  # in the words of the download
    assert "left out: practice 13" in text
    assert "left out: of participants who have not finished 75" in text
    assert "1 participant who finished lack right answers of one kind" in text


# ------------------------------------------------------------------ downloads of any shape

WHOLE = PEOPLE + person("aa11") + person("bb22", 1, 12)
ODD = {
    "empty": ({"participants": PEOPLE, "trialdata": TRIALS}, "Nobody has taken part yet"),
    "without bytes": ({"participants": "", "trialdata": ""}, "Nobody has taken part yet"),
    "one participant": ({"participants": PEOPLE + person("aa11")}, "1 of 1 participant finished"),
    "nobody finished": ({"participants": PEOPLE + person("aa11", status=2)}, "0 of 1 participant"),
    "no participants.csv": ({"participants": None}, "2 participants recorded trials"),
    "no trialdata.csv": ({"trialdata": None}, "trialdata.csv is not in the folder"),
    "ragged": (
        {"trialdata": TRIALS + trials("aa11", 1) + '"aa11",3\r\n' + trials("aa11", 1)},
        "trialdata.csv, line 3: left out, 2 cells instead of 7",
    ),
    "Latin-1": (
        {"participants": (PEOPLE + person("aa11").replace("link", "Stra\xdfe")).encode("latin-1")},
        "participants.csv, line 2: not UTF-8",
    ),
    "UTF-16 with tabs": (
        {"participants": WHOLE.replace(",", "\t").encode("utf-16")},
        "2 of 2 participants finished",
    ),
    "semicolons": (
        {"participants": "\ufeff" + WHOLE.replace(",", ";")},
        "2 of 2 participants finished",
    ),
    "not numbers": (
        {"trialdata": TRIALS + "".join(
            f'"aa11",{n},"TEST","mixed",true,{rt},true\r\n'
            for n, rt in enumerate(("NaN", "inf", "1e308", "-1e308", "1e308", "x", "9" * 400)))},
        "from values too far apart to be drawn",
    ),
    "JSON": (
        {"trialdata": TRIALS + '"aa11",0,"TEST","[1,""a""]",true,"{""a"":1}",true\r\n'},
        "list or object, n = 1",
    ),
    "an open quotation mark": (
        {"trialdata": TRIALS + trials("aa11", 2) + '"aa11",2,"TEST' + trials("bb22", 3)},
        "trialdata.csv, line 4: left out",
    ),
    "the same column twice": (
        {"trialdata": TRIALS.replace("phase", "rt") + trials("aa11")},
        "trialdata.csv, line 1: a second column rt",
    ),
    "psiTurk's own file": (
        {"trialdata": "w1:a1,0,1764000000000,{}\r\n"},
        "trialdata.csv, line 1: no column participant",
    ),
    "three kinds of trials": (
        {"trialdata": TRIALS + "".join(
            f'"aa11",{n},"TEST","mixed",{n},500,true\r\n' for n in range(3))},
        "has more than two values",
    ),
    "another task": (
        {"trialdata": '"participant","choice"\r\n"aa11","left"\r\n"bb22","left"\r\n'},
        "choice text, n = 2 left 2",
    ),
    "flags": (
        {"quality": '"participant","flag","reason","value"\r\n"aa11","paste","pasted twice",2\r\n'},
        "paste pasted twice 1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ODD)
def test_data_of_any_shape_make_a_page(case, report, tmp_path):
    files, expected = ODD[case]
    page, printed = report(write_download(tmp_path, **files))
    assert expected in read(page)
    problem = re.search(r"\w+\.csv, line \d+|is not in the folder", expected)
    assert not problem or problem[0] in printed


def test_the_rows_before_a_broken_line_count(report, tmp_path):
    table = TRIALS + trials("aa11", 6) + "a\rb,1\r\n" + trials("bb22", 6)
    text = read(report(write_download(tmp_path, trialdata=table))[0])
    assert "trialdata.csv, line 8: no table from here on" in text
    assert "trialdata.csv 6 rows" in text


def test_no_damage_to_the_files_stops_the_report(empty_lab, tmp_path):
    quality = '"participant","flag","reason","value"\r\n"aa11","paste","pasted",2\r\n'
    write_download(tmp_path, quality=quality)
    done = forks.run(empty_lab.python, "-c", DAMAGE, str(tmp_path), cwd=empty_lab.folder)
    assert done.stdout == "fine\n", done.stderr


def test_a_thousand_columns_make_less_than_a_megabyte(report, tmp_path):
    header = ",".join(f'"key{n}"' for n in range(1000))
    rows = (",".join(str((n * row) % 997 / 3) for n in range(1000)) for row in range(60))
    table = "".join(f'"aa11",{row}\r\n' for row in rows)
    page, _ = report(write_download(tmp_path, trialdata=f'"participant",{header}\r\n{table}'))
    assert "key999" in page
    assert len(page.encode()) < 1_000_000


# ------------------------------------------------------------------ what a page may tell, and where


def test_no_id_of_a_recruiter_and_no_single_persons_words_are_on_the_page(report, tmp_path):
    header = '"participant","PROLIFIC_PID","subject","group"\r\n'
    rows = '"aa11","5f1a2b","my id is 5f1a2b","left"\r\n"bb22","5f9c8d","something else","left"\r\n'
    write_download(tmp_path, trialdata=header + rows * 3, identifiers='"workerid"\r\n"5f1a2b"\r\n')
    page, _ = report(tmp_path)
    assert "5f1a2b" not in page
    assert "5f9c8d" not in page
    assert "something else" not in page
    text = read(page)
    assert "PROLIFIC_PID of trialdata.csv holds ids of a recruiter" in text
    assert "2 different texts in 6 rows, not shown" in text
    assert "left 6" in text


def test_files_that_have_real_ids_instead_of_a_header_are_not_shown(report, tmp_path):
    page, _ = report(write_download(tmp_path, trialdata='"w1:a1",0,1764000000000,"{}"\r\n' * 3))
    assert "w1:a1" not in page


def test_the_page_needs_nothing_else_and_runs_nothing_of_the_data(report, tmp_path):
    evil = "<script>alert(1)</script>"
    people = PEOPLE.replace("browser", evil) + person("aa11") + person("bb22")
    page, _ = report(write_download(tmp_path, participants=people.replace("firefox", evil)))
    assert html.escape(evil) in page
    assert not re.search(r"<script|<link|\b(src|href)=|url\(|@import|https?:", page)


def test_the_newest_download_is_taken_and_that_of_robots_only_if_there_is_no_other(lab):
    def newest() -> str:
        done = forks.run(lab.python, "-m", "study", "report", cwd=lab.folder)
        return (done.stdout + done.stderr).strip()

    assert "Download them first: uv run study data" in newest()
    write_download(lab.folder / "data" / "simulated")
    assert newest().startswith("data/simulated/report.html: 2 participants")
    write_download(lab.folder / "data" / "pilot")
    write_download(lab.folder / "data")
    os.utime(lab.folder / "data" / "participants.csv", (0, 0))
    assert newest().startswith("data/pilot/report.html")


def test_any_two_kinds_of_trials_can_be_compared(empty_lab, report, tmp_path):
    table = TRIALS.replace("congruent", "load") + trials("aa11") + trials("bb22")
    write_download(tmp_path, trialdata=table)
    page, _ = report(tmp_path, "--effect", "load")
    assert "Load = false trials took 51 ms longer than load = true ones" in read(page)
    command = ["-m", "study", "report", str(tmp_path), "--effect", "size"]
    done = forks.run(empty_lab.python, *command, cwd=empty_lab.folder)
    assert done.returncode == 1
    assert "trialdata.csv has no column size." in done.stderr
