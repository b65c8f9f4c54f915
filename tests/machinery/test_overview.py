"""The figures of a running study: each person counted once, on SQLite as on PostgreSQL."""

import json
import os
from urllib.parse import urlsplit

import forks
import pytest
from lab import Lab
from live_study import fill, participant
from simulated_study import simulate

COLLECT = """
import json
from pathlib import Path
from study import config
from study.database.reader import open_participants
from study.overview import collect
settings = config.read(Path.cwd())
print(json.dumps(collect(open_participants(settings), settings).to_dict()))
"""
LOOK_CLOSER = """
import dataclasses, json, sys
from pathlib import Path
from study import config
from study.database.reader import open_participants
from study.overview import collect
from study.overview.people import Search, list_people
from study.overview.timeline import collect_timeline
settings = config.read(Path.cwd())
participants = open_participants(settings)
timeline = collect_timeline(participants, settings, collect(participants, settings))
stretches = [timeline[name] for name in ("arrived", "finished", "gone")]
lists = []
for search in json.load(sys.stdin):
    people, number = list_people(participants, settings, Search(**search))
    shown = [{**vars(each), "arrived": None, "worker": each.worker[:6]} for each in people]
    lists.append([number, shown])
print(json.dumps([stretches, lists], default=str))
"""
SAMPLED = """
from study.overview import counting
counting.SAMPLE = 200_000
"""
# A save of half a kilobyte each second, the last one at noon.
SAVES = """
insert into study_entries
select 'somebody', 1, n, n, 1, timestamp '2999-01-01 12:00' - (4000 - n) * interval '1 second',
  decode(repeat(md5(n::text), 32), 'hex')
from generate_series(1, 4000) n
"""
NAMES = """
import json, pathlib, sys
from study.overview.names import FILE, read_names
folder = pathlib.Path(sys.argv[1])
(folder / FILE).parent.mkdir(parents=True, exist_ok=True)
found = []
for text in json.load(sys.stdin):
    (folder / FILE).write_text(text, encoding="utf-8")
    found.append(read_names(folder, 2))
print(json.dumps(found))
"""


def people() -> list[dict]:
    """Made when needed, because what is told depends on the time."""
    return [
        participant(0, 300, lasted=4),
        participant(1, 200, lasted=6),
        participant(2, 100, lasted=20, status=7),
        participant(3, 90, lasted=None),  # began, and is over psiTurk's cutoff_time
        participant(4, 12, lasted=5, status=3),
        participant(5, 8, lasted=None, status=1),
        participant(6, 6, lasted=None, status=6),
        participant(7, 5, mode="debug"),
        participant(8, 5, mode="debug"),
        participant(9, 5, mode="sandbox"),
        participant(10, 20, lasted=None, status=1, datastring=None),  # opened the page, no more
    ]


def collect(lab: Lab, url: str = "", **settings: str) -> dict:
    return run(lab, COLLECT, url or lab.url, **settings)


def run(lab: Lab, program: str, url: str, given: object = None, **settings: str):
    """What a program of the study, with that database, prints as JSON."""
    environment = os.environ | {"PSITURK_DATABASE_URL": url} | settings
    options = {"cwd": lab.folder, "env": environment, "input": json.dumps(given)}
    done = forks.run(lab.python, "-c", program, **options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def databases(empty_lab, cluster, tmp_path_factory) -> list[str]:
    """The same people in an SQLite file and in PostgreSQL."""
    file = tmp_path_factory.mktemp("overview") / "participants.db"
    urls = [f"sqlite:///{file}", cluster.create_database()]
    for url in urls:
        fill(empty_lab.folder, empty_lab.python, people(), url)
    return urls


def test_both_databases_give_the_same_figures(empty_lab, databases):
    one, other = (collect(empty_lab, url) for url in databases)
    for name in one.keys() - {"moment", "size", "first_arrival", "last_arrival", "last_finish"}:
        assert one[name] == other[name], name
    assert one["size"] == 0 < other["size"]


def test_everybody_is_finished_in_progress_or_gone(empty_lab, databases):
    found = collect(empty_lab, databases[0])
    states = ("finished", "in_progress", "gone", "arrived")
    assert [found["total"][state] for state in states] == [4, 1, 3, 8]
    assert [[cell[state] for state in states] for cell in found["cells"]] == [
        [3, 0, 2, 5],
        [1, 1, 1, 3],
    ]
    assert found["gone"] == {"closed": 1, "silent": 1, "nothing": 1}
    assert (found["dropped_out"], found["drop_out"]) == (3, 3 / 7)
    assert found["apart"] == {"debug": 2, "sandbox": 1}
    assert found["durations"] == {
        **{"quarter": 4.5, "median": 5.5, "three_quarters": 13.0, "number": 4},
        "bins": {"40": 1, "50": 1, "60": 1, "200": 1},
    }
    assert (found["recently_arrived"], found["recently_finished"]) == (2, 1)


def test_only_the_version_that_is_balanced_counts_towards_the_targets(empty_lab, databases):
    newer = {"PSITURK_EXPERIMENT_CODE_VERSION": "2.0"}
    found = collect(empty_lab, databases[0], **newer)
    assert found["total"]["arrived"] == 0 and found["other_versions"] == {"1.0": 4}
    assert found["drop_out"] is None and found["durations"]["median"] is None


def test_conditions_have_their_names_and_targets(empty_lab, databases):
    cells = collect(empty_lab, databases[0], PSITURK_NUM_COUNTERS="2")["cells"]
    assert [cell["name"] for cell in cells][:2] == [
        "75% congruent, order 0",
        "75% congruent, order 1",
    ]
    # Somebody was given a condition that the study has no more.
    cells = collect(empty_lab, databases[0], PSITURK_NUM_CONDS="1")["cells"]
    assert [cell["name"] for cell in cells] == ["condition 0", "condition 1, order 0"]
    assert [cell["finished"] for cell in cells] == [3, 1]


def test_names_are_read_from_the_list_of_conditions(empty_lab, tmp_path):
    texts = {
        'CONDITIONS = [{ name: "a" }, // name: "no"\n { name: \'"b"\' }];': ["a", '"b"'],
        'CONDITIONS = [{ hint: \'name: "no"\', name: `a` }, { name: "b", x: 1 }];': ["a", "b"],
        'CONDITIONS = ["fast", "slow"];': ["condition 0", "condition 1"],
        'CONDITIONS = [{ name: "a" }, { name: "a" }];': ["condition 0", "condition 1"],
        "": ["condition 0", "condition 1"],
    }
    given = {"cwd": empty_lab.folder, "input": json.dumps(list(texts))}
    done = forks.run(empty_lab.python, "-c", NAMES, tmp_path, **given, check=True)
    assert json.loads(done.stdout) == list(texts.values())


def test_a_simulated_study_adds_up(empty_lab, tmp_path):
    url = f"sqlite:///{tmp_path}/participants.db"
    simulate(empty_lab.folder, empty_lab.python, url, 60, orders=2)
    found = collect(empty_lab, url, PSITURK_NUM_COUNTERS="2", PSITURK_CONDITION_TARGETS="50")
    total = found["total"]
    assert total["arrived"] == 60 == sum(cell["arrived"] for cell in found["cells"])
    assert sum(found["gone"].values()) == total["gone"] > 0
    assert found["durations"]["number"] == total["finished"] > 30
    assert found["apart"] == {"debug": 3} and found["incidents"]["wrong-browser"] > 0


@pytest.fixture(scope="module")
def over(empty_lab, cluster, tmp_path_factory) -> list[str]:
    """A study that is over, in an SQLite file and in PostgreSQL."""
    file = tmp_path_factory.mktemp("over") / "participants.db"
    urls = [f"sqlite:///{file}", cluster.create_database()]
    for url in urls:
        options = {"orders": 2, "drop_out": 0.5, "running": False}
        simulate(empty_lab.folder, empty_lab.python, url, 80, **options)
    return urls


def test_both_databases_tell_the_same_of_places_times_and_people(empty_lab, over):
    orders = {"PSITURK_NUM_COUNTERS": "2"}
    one, other = (collect(empty_lab, url, **orders) for url in over)
    for name in ("total", "cells", "gone", "places", "apart", "incidents"):
        assert one[name] == other[name], name
    assert sum(one["places"].values()) > 20 and one["places"]["TEST, block 1"]
    searches = [
        {}, {"offset": 75}, {"state": "gone", "limit": 80}, {"state": "finished"},
        {"condition": "75% congruent, order 1"}, {"condition": "no such condition"},
        {"worker": "A"}, {"worker": "%"},
    ]  # fmt: skip
    one, other = (run(empty_lab, LOOK_CLOSER, url, searches, **orders) for url in over)
    assert [sum(numbers) for numbers in one[0]] == [sum(numbers) for numbers in other[0]]
    assert one[1] == other[1]
    [everybody, end, gone, *_, nobody, _, percent] = one[1]
    assert (everybody[0], len(everybody[1]), len(end[1])) == (80, 25, 5)
    assert {each["place"] for each in gone[1]} > {"TEST, block 1", None}
    assert nobody == percent == [0, []]


def test_of_a_crowds_saves_a_part_is_enough_to_know_the_last(empty_lab, over, cluster):
    url = over[1]
    cluster.run(SAVES, database=urlsplit(url).path[1:])
    assert collect(empty_lab, url)["last_save"] == "2999-01-01T12:00:00Z"
    sampled = run(empty_lab, SAMPLED + COLLECT, url)["last_save"]
    assert "2999-01-01T11:30:00Z" < sampled <= "2999-01-01T12:00:00Z"


def test_before_anybody_came_there_are_figures_too(empty_lab, tmp_path):
    found = collect(empty_lab, f"sqlite:///{tmp_path}/none.db")
    assert found["total"]["arrived"] == 0 and len(found["cells"]) == 2
