"""Who gets which condition, however many come at once, and how many finish."""

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from dynos import arrive

CELLS = {"PSITURK_NUM_CONDS": "3", "PSITURK_NUM_COUNTERS": "2"}
COUNTED = "SELECT cond, counterbalance, count(*) FROM assignments WHERE {} GROUP BY 1, 2"


@pytest.fixture(scope="module")
def study(studies):
    return studies(recruitment="prolific", num_conditions="2")


def counts(cluster, url: str, where: str = "mode = 'prolific'") -> Counter:
    rows = cluster.run(COUNTED.format(where), database=urlsplit(url).path[1:]).splitlines()
    return Counter({tuple(row.split("|")[:2]): int(row.split("|")[2]) for row in rows})


@pytest.mark.slow
def test_conditions_are_exact_with_two_dynos_and_four_workers(dynos, cluster):
    url = cluster.create_database(connections=20)
    servers = dynos(2, url, WEB_CONCURRENCY="2", CONNECTIONS_PER_WORKER="4")
    with ThreadPoolExecutor(24) as at_once:
        arrivals = [(servers[n % 2], f"w{n}") for n in range(120)]
        staff = [(servers[n % 2], f"staff{n}", "a", "preview") for n in range(7)]
        pages = list(at_once.map(lambda who: arrive(*who).page.status, arrivals + staff))
    assert set(pages) == {200}
    assert set(counts(cluster, url).values()) == {20}
    assert len(counts(cluster, url)) == 6


def test_the_same_person_many_times_at_once_gets_one_row_and_one_condition(dynos, cluster):
    url = cluster.create_database(connections=20)
    [server] = dynos(1, url, WEB_CONCURRENCY="2")
    with ThreadPoolExecutor(20) as at_once:
        reloads = list(at_once.map(lambda _: arrive(server, "hasty"), range(20)))
        others = list(at_once.map(lambda n: arrive(server, "many", f"a{n}"), range(20)))
    assert {visit.page.status for visit in reloads} == {200}
    [condition] = {visit.condition for visit in reloads}
    assert condition is not None
    assert Counter(visit.page.error for visit in others) == {None: 1, 1010: 19}
    assert counts(cluster, url).total() == 2


def test_only_those_who_finished_or_still_may_count(dynos, cluster):
    url = cluster.create_database()
    database = urlsplit(url).path[1:]
    [server] = dynos(1, url, PSITURK_NUM_COUNTERS="1")
    for n in range(9):
        arrive(server, f"first{n}")
    assert sorted(counts(cluster, url).values()) == [3, 3, 3]
    # Condition 0: all finished. 1: long gone. 2: one finished, credited by psiTurk's shell.
    cluster.run(
        "UPDATE assignments SET status = 3 WHERE cond = 0",
        "UPDATE assignments SET status = 4 WHERE cond = 0",
        "UPDATE assignments SET beginhit = beginhit - interval '31 minutes' WHERE cond > 0",
        "UPDATE assignments SET status = 5 WHERE uniqueid = "
        "(SELECT min(uniqueid) FROM assignments WHERE cond = 2)",
        database=database,
    )
    later = [arrive(server, f"later{n}") for n in range(5)]
    given = Counter(each.condition for each in later)
    assert given == {1: 3, 2: 2}
    cluster.run("DELETE FROM assignments WHERE cond = 0", database=database)
    again = [arrive(server, f"again{n}") for n in range(3)]
    assert {each.condition for each in again} == {0}
    kept = "SELECT cond, number FROM study_cells WHERE state = 'finished' ORDER BY 1"
    assert cluster.run(kept, database=database) == "2|1\n"


def test_targets_and_weights(dynos, cluster):
    url = cluster.create_database()
    settings = {"PSITURK_NUM_COUNTERS": "1", "PSITURK_CONDITION_WEIGHTS": "2, 1, 1"}
    [server] = dynos(1, url, **settings, PSITURK_CONDITION_TARGETS="6,2,100")
    for n in range(8):
        arrive(server, f"w{n}")
    assert counts(cluster, url) == {("0", "0"): 4, ("1", "0"): 2, ("2", "0"): 2}
    for n in range(8, 20):
        arrive(server, f"w{n}")
    assert counts(cluster, url) == {("0", "0"): 6, ("1", "0"): 2, ("2", "0"): 12}


def test_a_table_that_psiturk_made_before_is_taken_over(dynos, study, cluster):
    url = cluster.create_database()
    database = urlsplit(url).path[1:]
    make = "import psiturk.models; from psiturk.db import init_db; init_db()"
    study.run("python", "-c", make, env=os.environ | {"DATABASE_URL": url, "ON_CLOUD": "1"})
    cluster.run(
        "INSERT INTO assignments (uniqueid, assignmentid, workerid, hitid, cond, counterbalance, "
        "codeversion, mode, status, beginhit) SELECT 'w' || n || ':a', 'a', 'w' || n, 'h', "
        "n % 2, 0, '1.0', 'prolific', 3, now() - interval '1 day' FROM generate_series(1, 10) n",
        database=database,
    )
    servers = dynos(2, url, PSITURK_NUM_COUNTERS="1")
    newcomers = [arrive(servers[n % 2], f"new{n}") for n in range(5)]
    assert {each.condition for each in newcomers} == {2}
    assert arrive(servers[0], "w3").page.status == 403
    indexes = cluster.run(
        "SELECT indexname FROM pg_indexes WHERE tablename = 'assignments'", database=database
    )
    assert "assignments_lower_workerid" in indexes.split()


def test_the_cost_of_an_arrival_does_not_grow_with_earlier_participants(dynos, cluster):
    url = cluster.create_database()
    database = urlsplit(url).path[1:]
    [server] = dynos(1, url)
    arrive(server, "first")
    cluster.run(  # a half has finished; the others may still, and every other of them has saved
        "INSERT INTO assignments (uniqueid, assignmentid, workerid, hitid, cond, counterbalance, "
        "codeversion, mode, status, beginhit, datastring) SELECT 'x' || n || ':a', 'a', 'x' || n, "
        "'h', n % 3, n % 2, '1.0', 'prolific', 2 + n / 2 % 2, now() AT TIME ZONE 'UTC' - "
        "n % 25 * interval '1 minute', CASE WHEN n / 4 % 2 = 0 THEN '{}' END "
        "FROM generate_series(1, 20000) n",
        "ANALYZE assignments",
        database=database,
    )
    # A session that has ended has reported all that it read.
    cluster.run("SELECT pg_sleep(1.5)", "SELECT pg_stat_reset()", database=database)
    for n in range(10):
        assert arrive(server, f"w{n}").page.status == 200
    cluster.run("SELECT pg_sleep(1.5)", database=database)
    rows = dict(
        line.split("|")
        for line in cluster.run(
            "SELECT relname, seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables",
            database=database,
        ).splitlines()
    )
    # That ten arrivals looked at: of study_cells, six cells and 31 minutes for each.
    assert int(rows["assignments"]) < 1000
    assert int(rows["study_cells"]) < 10 * 6 * 33


def test_the_simulation_tells_what_a_design_gives(study):
    shown = study.run("study", "conditions", env=os.environ | CELLS)
    assert shown.stdout.count("\n") == 9  # the cells, their heading and two hints
    settings = {"PSITURK_NUM_CONDS": "2", "PSITURK_CONDITION_TARGETS": "10, 20"}
    command = ("study", "conditions", "--simulate", "--drop-out")
    everybody = study.run(*command, "0", "--minutes", "5", env=os.environ | settings)
    assert "30 participants begin, 60 an hour" in everybody.stdout
    assert "Every target is reached in 100% of the runs." in everybody.stdout
    few = study.run(*command, "0.5", "--minutes", "25", env=os.environ | settings)
    assert "Every target is reached in 0% of the runs." in few.stdout
    assert "raise it" in few.stdout
    settings["PSITURK_CONDITION_TARGETS"] = "1, 2, 3"
    wrong = study.run("study", "conditions", env=os.environ | settings)
    assert wrong.returncode == 1
    assert "condition_targets" in wrong.stderr
    assert "Traceback" not in wrong.stderr


@pytest.mark.parametrize(("text", "problem"), [("{", "line 1 column 2"), ("{}", "it is empty")])
def test_a_broken_conditions_json_is_explained(study, text, problem):
    file = study.path / "conditions.json"
    file.write_text(text)
    wrong = study.run("study", "conditions")
    file.unlink()
    assert wrong.returncode == 1 and "Traceback" not in wrong.stderr
    assert "conditions.json must be a JSON object" in wrong.stderr and problem in wrong.stderr
