"""The figures of a running study: each person counted once, on SQLite as on PostgreSQL."""

import json
import os

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
    environment = os.environ | {"PSITURK_DATABASE_URL": url or lab.url} | settings
    done = forks.run(lab.python, "-c", COLLECT, cwd=lab.folder, env=environment)
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


def test_before_anybody_came_there_are_figures_too(empty_lab, tmp_path):
    found = collect(empty_lab, f"sqlite:///{tmp_path}/none.db")
    assert found["total"]["arrived"] == 0 and len(found["cells"]) == 2
