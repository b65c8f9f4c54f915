"""`study forget`: what was promised to be kept no longer is deleted, and `study check` reminds."""

import json
from datetime import UTC, datetime

import pytest
from holdings import ADA, BOB, MARKER, TABLES, Archive, read, somebody
from lab import READY, write_rule


def set_days(archive: Archive, **days: str) -> None:
    config = archive.folder / "config.txt"
    lines = config.read_text("utf-8").splitlines()
    named = {line.partition(" =")[0]: number for number, line in enumerate(lines)}
    for name, day in days.items():
        lines[named[name]] = f"{name} = {day}"
    config.write_text("\n".join(lines), "utf-8")


def check(archive: Archive) -> list[tuple[str, str]]:
    lines = json.loads(archive("check", "--json").stdout)["lines"]
    return [(line["colour"], line["text"]) for line in lines if line["about"] == "retention"]


def test_identifiers_are_forgotten_first_and_data_later(two):
    assert two("forget", "--local").returncode == 1  # no day is named
    own = two.folder / "data" / "figures.csv"
    own.write_text("condition,mean\n0,512\n")
    two("bonuses", "--local")
    set_days(two, retention="2999-12-31")
    assert "Nothing is due yet" in two("forget", "--local").stdout
    assert check(two) == [("green", "data of participants kept until 2999-12-31")]
    set_days(two, retention_identifiers="2020-01-01")
    told = "identifiers of participants were to be deleted after 2020-01-01: uv run study forget"
    assert check(two)[0] == ("red", told)
    before = read(two.folder / "data" / "participants.csv")
    done = two("forget", "--local", "--yes")
    assert done.returncode == 0, done.stderr
    assert two.select("select count(*) from assignments") == ["0"]
    for path in two.folder.rglob("data/**/*"):
        assert not path.is_file() or ADA not in path.read_text(), path
    [kept] = two.folder.glob("data/kept-*")
    assert read(kept / "participants.csv") == read(two.folder / "data" / "participants.csv")
    assert (
        read(kept / "participants.csv") == before
        and MARKER in (kept / "questiondata.csv").read_text()
    )
    assert not (two.folder / "data" / "key").exists()
    assert check(two)[0][0] == "green"
    set_days(two, retention="2020-01-02")
    assert check(two)[1][0] == "red"
    assert two("forget", "--local", "--yes").returncode == 0
    left = [path for path in two.folder.rglob("data/**/*") if path.is_file()]
    assert left == [own]
    assert "Nothing is left" in two("forget", "--local").stdout


def test_nothing_is_forgotten_while_somebody_may_be_at_work(two):
    two.fill(
        somebody(5, "at-work-now", "a", "x") | {"status": 2, "endhit": None, "beginhit": _now()}
    )
    set_days(two, retention="2020-01-02")
    done = two("forget", "--local", "--yes")
    assert done.returncode == 1 and "1 participant came within the last day" in done.stderr
    assert len(two.select("select uniqueid from assignments")) == 4


def test_in_postgresql_too_only_amounts_are_left(lab, cluster):
    online = Archive(lab.folder, lab.python, cluster.create_database(), cluster)
    online.run(READY)
    write_rule(lab.folder, "return 0.25")
    people = [somebody(1, ADA, "a visit", MARKER), somebody(2, BOB, "a visit", MARKER)]
    online.fill(*people, commands=(["data"], ["bonuses"]))
    at_work = {"status": 2, "endhit": None, "beginhit": _now()}
    online.fill(somebody(5, "at-work-now", "a", "x") | at_work)
    set_days(online, retention="2020-01-02")
    done = online("forget", "--local", "--yes")
    assert done.returncode == 1 and "1 participant came within the last day" in done.stderr
    online.select("update assignments set status = 3 where workerid = 'at-work-now'")
    done = online("forget", "--local", "--yes")
    assert done.returncode == 0, done.stderr
    counts = [online.select(f"select count(*) from {name}") for name in TABLES]
    assert counts == [["0"], ["0"], ["0"], ["2"]]
    assert online.select("select amount from study_bonuses") == ["0.25", "0.25"]
    kept = online.dump()
    assert not [word for word in (ADA, BOB, MARKER, "at-work-now") if word.encode() in kept]


def _now() -> str:
    return f"{datetime.now(UTC).replace(tzinfo=None)}"


@pytest.mark.parametrize(
    ("days", "why"),
    [
        ({"retention": "31.12.2027"}, "'31.12.2027' is not a day such as 2027-12-31"),
        (
            {"retention": "2027-12-31", "retention_identifiers": "2028-01-01"},
            "2028-01-01 is after retention, when all data are deleted",
        ),
    ],
)
def test_a_wrong_day_is_told_with_file_and_line(two, days, why):
    set_days(two, **days)
    done = two("forget", "--local")
    name = list(days)[-1]
    lines = (two.folder / "config.txt").read_text("utf-8").splitlines()
    line = 1 + next(n for n, text in enumerate(lines) if text.startswith(f"{name} ="))
    said = f"The setting {name} cannot be used: {why}.\nCorrect it: config.txt, line {line}."
    assert done.returncode == 1 and done.stderr.strip() == said
