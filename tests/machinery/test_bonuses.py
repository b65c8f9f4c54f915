"""`study bonuses`: what the researcher's rule gives, once for each participant, to the cent."""

import csv
import os
import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import forks
import pytest
from lab import READY, STUDY, copy, person, write_rule
from live_study import NAME

PILOT = "5b9ab28d4f0c9e0001a2b3c4"


def rows_of(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.fixture(scope="module")
def runs(empty_lab, tmp_path_factory):
    """A first run, the same again, one with somebody new, and one that writes all again."""
    lab = copy(empty_lab, tmp_path_factory.mktemp("prolific"))
    take_the_example(lab.folder / "custom.py")
    lab.fill(
        person(1, 35),
        person(2, 20),
        person(2, 15, assignmentid="again", uniqueid="worker02:again"),
        person(2, 5, assignmentid="pilot", uniqueid="worker02:pilot", hitid=PILOT),
        person(3, 0),
        person(4, 40, status=2),
        person(5, 40, mode="debug"),
        person(6, 40, mode="preview"),
        person(7, 40, mode="live"),
    )
    first = (*lab.bonuses(), {path.name: rows_of(path) for path in lab.files})
    second = (*lab.bonuses(), list(lab.files))
    lab.fill(person(8, 7))
    known = set(lab.files)
    third = (*lab.bonuses(), [rows_of(path) for path in lab.files if path not in known])
    known = set(lab.files)
    again = (*lab.bonuses("--again"), [path for path in lab.files if path not in known])
    return lab, first, second, third, again


class TestForProlific:
    def test_each_study_of_prolific_gets_the_lines_that_its_form_takes(self, runs):
        _, (code, _, files), *_ = runs
        assert code == 0
        by_study = {re.sub(r".*-|\.txt", "", name): rows for name, rows in files.items()}
        assert by_study == {
            STUDY: [["worker01", "0.35"], ["worker02", "0.35"]],  # 20 and 15, in one line
            PILOT: [["worker02", "0.05"]],
        }

    def test_it_says_how_many_how_much_and_where_to_paste(self, runs):
        _, (_, said, _), *_ = runs
        assert "Bonuses of 2 participants, 0.75 USD in total, highest 0.40." in said
        assert "Nothing has been paid yet" in said
        assert "Without a bonus: 1 finished participant." in said
        assert "Bulk bonus payment" in said

    def test_who_came_by_another_way_is_left_out_and_that_is_said(self, runs):
        _, (_, said, _), *_ = runs
        left_out = "1 finished participant of mode live, who did not come through Prolific"
        assert f"Left out: {left_out}" in said
        assert "debug" not in said and "preview" not in said

    def test_nobody_else_on_this_machine_can_read_the_files(self, runs):
        lab, *_ = runs
        assert {path.stat().st_mode & 0o777 for path in lab.files} == {0o600}

    def test_the_same_again_writes_nothing_and_tells_of_the_first_run(self, runs):
        _, (*_, first), (code, said, files), *_ = runs
        assert code == 0 and len(files) == len(first)
        assert re.search(r"Written before, 2\d{3}-[\d: -]{11} UTC: 4 bonuses, 0.75 USD", said)
        assert "Nobody new gets a bonus" in said

    def test_afterwards_only_who_is_new_is_written(self, runs):
        _, _, _, (code, said, files), _ = runs
        assert code == 0 and files == [[["worker08", "0.07"]]]
        assert "Bonuses of 1 participant, 0.07 USD in total" in said

    def test_everybody_can_be_written_again_and_is_not_to_be_paid_twice(self, runs):
        *_, (code, said, files) = runs
        assert code == 0
        assert all("-again-" in path.name for path in files)
        assert sorted(row for path in files for row in rows_of(path)) == [
            ["worker01", "0.35"], ["worker02", "0.05"], ["worker02", "0.35"], ["worker08", "0.07"],
        ]  # fmt: skip
        assert "Written to a file before: 5 of them (0.82 USD)" in said

    def test_psiturks_own_column_is_left_alone(self, runs):
        lab, *_ = runs
        assert lab.select("select distinct bonus from assignments") == [(0.0,)]


def test_a_run_in_the_same_second_as_another_overwrites_no_file(empty_lab, tmp_path):
    lab = copy(empty_lab, tmp_path)
    take_the_example(lab.folder / "custom.py")
    lab.fill(person(1, 35))
    folder = lab.folder / "data" / "bonuses"
    folder.mkdir(parents=True)
    now = datetime.now(UTC)
    for seconds in range(60):
        stamp = f"{now + timedelta(seconds=seconds):%Y-%m-%d-%H%M%S}"
        (folder / f"{stamp}-local-prolific-{STUDY}.txt").write_text("taken,1\n")
    assert lab.bonuses()[0] == 0
    written = [path for path in lab.files if rows_of(path) != [["taken", "1"]]]
    assert [rows_of(path) for path in written] == [[["worker01", "0.35"]]]
    assert len(lab.files) == 61


def take_the_example(custom: Path) -> None:
    """Take the # away from the rule that stands in custom.py."""
    text = custom.read_text(encoding="utf-8")
    before, found, rule = text.partition("# @bonus\n")
    assert found
    custom.write_text(before + re.sub(r"(?m)^# ?", "", found + rule), encoding="utf-8")


def test_a_participant_whom_the_rule_cannot_judge_is_told_and_the_others_are_written(lab):
    lab.rule(
        "answers = {'1': 0.30, '2': -1, '3': float('nan'), '4': True, '5': None, '6': '0.50'}",
        "number = participant.worker[-1]",
        "return participant.questions['missing'] if number == '7' else answers[number]",
    )
    lab.fill(person(1, mode="debug", uniqueid="trial:run"))
    broken = [person(8, datastring="{"), person(9, datastring=None)]
    lab.fill(*(person(n) for n in range(1, 8)), *broken)
    code, said = lab.bonuses()
    assert code == 1
    assert [rows_of(path) for path in lab.files] == [[["worker01", "0.30"]]]
    assert "For 8 participants the rule in custom.py gave no amount" in said
    for reason in (
        "it returned -1, which is below 0",
        "it returned nan, which is not an amount",
        "it returned True, which is not a number",
        "it returned None, which is not a number",
        "it returned '0.50', which is not a number",
        "there is no 'missing' (custom.py line ",
        "JSONDecodeError",
        "nothing was saved",
    ):
        assert reason in said
    assert re.search(r"Test run \w{16}, in no file: 0.30 USD", said)
    assert "worker0" not in said
    lab("data")
    with (lab.folder / "data" / "participants.csv").open() as file:
        names = [row["participant"] for row in csv.DictReader(file)]
    assert set(re.findall(r"(?m)^  (\w{16}): ", said)) == set(names[1:])


@pytest.mark.parametrize(
    ("added", "reason"),
    [
        ("", "custom.py has no bonus rule"),
        ("\n@bonus\ndef a(p): ...\n\n@bonus\ndef b(p): ...\n", "more than one bonus rule: a and b"),
        (
            "\nimport reqeusts\n",
            "ModuleNotFoundError: No module named 'reqeusts'\nIf it is a package: uv add",
        ),
    ],
    ids=["none", "two", "misspelt-import"],
)
def test_a_custom_py_without_a_rule_of_its_own_is_told(lab, added, reason):
    with (lab.folder / "custom.py").open("a") as custom:
        custom.write(added)
    lab.fill(person(1))
    code, said = lab.bonuses()
    assert code == 1 and reason in said
    assert not lab.files


def test_amounts_are_exact_to_the_cent_and_half_a_cent_counts_up(empty_lab):
    typed = ["0.1 + 0.2", "0.285", "0.005", "0.0049", "35 * 0.01", "Fraction(1, 3)", "7",
             "Decimal('1.005')", "2.675", "-0.0", "1e6"]  # fmt: skip
    code = "from decimal import Decimal; from fractions import Fraction\n"
    code += "from study.commands.bonuses import read_amount\n"
    code += f"print(*map(read_amount, [{','.join(typed)}]))"
    done = forks.run(empty_lab.python, "-c", code, cwd=empty_lab.folder)
    expected = "0.30 0.29 0.01 0.00 0.35 0.33 7.00 1.01 2.68 -0.00 1000000.00"
    assert done.stdout.split() == expected.split()


def test_for_mturk_psiturks_shell_finds_the_amounts(lab):
    lab.recruit_by("mturk")
    lab.rule("return 0.25 * (1 + (participant.assignment == 'again'))")
    lab.fill(
        person(1, mode="live", status=5),
        person(1, mode="live", assignmentid="again", uniqueid="worker01:again"),
        person(2, mode="sandbox"),
    )
    code, said = lab.bonuses()
    assert code == 0
    (header, *lines), *others = [rows_of(path) for path in lab.files]
    assert not others and header == ["WorkerId", "AssignmentId", "Amount"]
    assert sorted(lines) == [["worker01", "again", "0.50"], ["worker01", "assignment01", "0.25"]]
    paid = "select assignmentid, bonus from assignments order by bonus"
    assert lab.select(paid) == [("assignment02", 0), ("assignment01", 0.25), ("again", 0.5)]
    assert "worker bonus --auto --all" in said and f"--app {NAME}" in said


def test_for_sona_and_a_link_each_person_is_one_line_below_a_header(lab):
    lab.rule("return 1.5")
    for name in ("sona", "link"):
        lab.fill(
            person(1, mode=name, hitid="class-a", uniqueid=f"worker01:{name}"),
            person(1, mode=name, hitid="class-b", uniqueid=f"worker01:{name}-again"),
        )
    lab.recruit_by("sona")
    assert lab.bonuses()[0] == 0
    assert rows_of(lab.files[0]) == [
        ["survey_code", "amount", "currency"], ["worker01", "3.00", "USD"],
    ]  # fmt: skip
    lab.recruit_by("link")
    assert lab.bonuses()[0] == 0
    header, line = next(rows_of(path) for path in lab.files if "link" in path.name)
    assert header == ["code", "label", "worker", "amount", "currency"]
    assert line[1:] == ["class-b", "worker01", "3.00", "USD"]
    verified = lab("verify", *line[0].split())
    assert verified.returncode == 0 and verified.stdout.count("worker worker01") == 2
    before = lab.files
    lab.bonuses("--again")
    [again] = set(lab.files) - set(before)
    header, line = rows_of(again)
    assert header[-1] == "written before" and re.fullmatch(r"\d{4}-\d\d-\d\d", line[-1])


# Ends the process as kill -9 would, at one moment of a run.
BEFORE_COMMIT = """
from sqlalchemy import Engine, event
event.listen(Engine, "commit", lambda connection: __import__("os")._exit(9))
"""
BEFORE_RENAME = """
import os, sys
sys.addaudithook(lambda name, args: os._exit(9) if name == "os.rename" else None)
"""


@pytest.mark.parametrize(
    ("kill", "remembered", "said_next"),
    [
        (BEFORE_COMMIT, 0, "Bonuses of 1 participant"),
        (BEFORE_RENAME, 1, "An earlier run was interrupted, but its file is complete"),
    ],
    ids=["before-it-remembers", "before-the-file-has-its-name"],
)
def test_killed_half_way_it_pays_nobody_twice_and_forgets_nobody(lab, kill, remembered, said_next):
    lab.rule("return 0.50")
    lab.fill(person(1))
    custom = lab.folder / "custom.py"
    custom.write_text(custom.read_text() + kill)
    assert lab.bonuses()[0] == 9
    assert [path.suffix for path in lab.files] == [".part"]
    assert lab.select("select count(*) from study_bonuses") == [(remembered,)]
    custom.write_text(custom.read_text().removesuffix(kill))
    code, said = lab.bonuses()
    assert code == 0 and said_next in said
    assert [rows_of(path) for path in lab.files] == [[["worker01", "0.50"]]]
    assert "Nobody new" in lab.bonuses()[1]


def test_a_database_older_than_the_ledger_is_told(lab):
    with closing(sqlite3.connect(lab.database)) as connection:
        connection.execute("drop table study_bonuses")
    lab.fill(person(1))
    code, said = lab.bonuses()
    assert code == 1 and "uv run study preview" in said


# Writes a bonus as a colleague would, while this rule is asked.
COLLEAGUE = (
    "import os, psycopg",
    "with psycopg.connect(os.environ['COLLEAGUES_DATABASE']) as database:",
    "    values = (participant.worker + ':' + participant.assignment,)",
    "    database.execute(\"insert into study_bonuses values (%s, 1, 'USD', now())\", values)",
    "return 1",
)


def test_two_researchers_at_the_same_moment_do_not_write_the_same_bonus(live):
    settings = os.environ | {"PSITURK_DATABASE_URL": live.url}
    forks.run(live.python, "-c", READY, cwd=live.folder, env=settings, check=True)
    live.fill([person(1)])
    write_rule(live.folder, *COLLEAGUE)
    both = live("bonuses", COLLEAGUES_DATABASE=live.url.replace("postgres://", "postgresql://"))
    assert both.returncode == 1
    assert "Somebody else wrote bonuses of this study at the same moment" in both.stderr
    assert list((live.folder / "data" / "bonuses").iterdir()) == []
    live.fill([person(2)])
    write_rule(live.folder, "return 0.50")
    done = live("bonuses")
    assert done.returncode == 0, done.stderr
    assert "1 bonus, 1.00 USD" in done.stdout
    (file,) = (live.folder / "data" / "bonuses").iterdir()
    assert rows_of(file) == [["worker02", "0.50"]]
