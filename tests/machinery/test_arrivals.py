"""Many arrivals at once, whom they count for, and what one of them can do to the others."""

import os
import shutil
import sqlite3
import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from signal import SIGCONT, SIGSTOP
from urllib.parse import urlsplit

import pytest
from dynos import arrive
from server import Server, free_port, wait_for

CELLS = {"PSITURK_NUM_CONDS": "2", "PSITURK_NUM_COUNTERS": "1"}
COUNTS = "SELECT cond, sum(number) FROM study_cells WHERE state = '{}' GROUP BY 1 ORDER BY 1"
CUSTOM = """
from psiturk.models import Participant


def custom_get_condition(mode):
    # In another transaction than the machinery's, so it sees what is committed.
    return Participant.query.count() % 2, 0
"""
# As a study of 0.1.0 has it.
COUNTS_OF_0_1_0 = """
CREATE TABLE study_counts (codeversion VARCHAR(128), mode VARCHAR(128), cond INTEGER,
  counterbalance INTEGER, finished INTEGER NOT NULL,
  PRIMARY KEY (codeversion, mode, cond, counterbalance));
CREATE FUNCTION study_count() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO study_counts VALUES (NEW.codeversion, NEW.mode, NEW.cond, NEW.counterbalance, 1)
  ON CONFLICT (codeversion, mode, cond, counterbalance)
  DO UPDATE SET finished = study_counts.finished + 1;
  RETURN NULL;
END $$;
CREATE TRIGGER study_inserted AFTER INSERT ON assignments
  FOR EACH ROW WHEN (NEW.status = 4) EXECUTE FUNCTION study_count()
"""
LOCK = "SELECT pg_advisory_xact_lock(7227140533)"
WAITING = """SELECT count(*) FROM pg_stat_activity
  WHERE datname = current_database() AND wait_event_type = 'Lock'"""
CUT = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE datname = current_database() AND wait_event_type = 'Lock'"""
READ_BY_0_1_0 = "SELECT cond, finished FROM study_counts WHERE mode = 'prolific' ORDER BY 1"


@pytest.fixture(scope="module")
def study(studies):
    return studies(recruitment="prolific", num_conditions="2")


def arrive_together(servers: list[Server], number: int, name: str = "w") -> Counter:
    """So many at once; how many got each condition."""
    with ThreadPoolExecutor(number) as at_once:
        several = at_once.map(
            lambda n: arrive(servers[n % len(servers)], f"{name}{n}").condition, range(number)
        )
        return Counter(several)


def ask(cluster, url: str, *sql: str) -> str:
    return cluster.run(*sql, database=urlsplit(url).path[1:])


def insert(number: int, cond: int, minutes_ago: float, name: str, **columns: str) -> str:
    """SQL that puts in participants of a condition who arrived so long ago."""
    columns = {"status": "1"} | columns
    return (
        "INSERT INTO assignments (uniqueid, assignmentid, workerid, hitid, cond, counterbalance, "
        f"codeversion, mode, beginhit, {', '.join(columns)}) SELECT '{name}' || n || ':a', 'a', "
        f"'{name}' || n, 'h', {cond}, 0, '1.0', 'prolific', "
        f"now() AT TIME ZONE 'UTC' - interval '{minutes_ago} minutes', "
        f"{', '.join(columns.values())} "
        f"FROM generate_series(1, {number}) n"
    )


@contextmanager
def locked(cluster, url: str, sql: str):
    """Hold the locks of a statement, as a transaction of somebody else does."""
    psql = [cluster.binary("psql"), "-XAtq", url]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(psql, **pipes) as process:
        process.stdin.write(f"BEGIN; {sql}; SELECT 'locked';\n")
        process.stdin.flush()
        assert "locked\n" in iter(process.stdout.readline, "")
        try:
            yield
        finally:
            process.communicate("COMMIT;\n", timeout=30)


def test_those_who_wait_together_are_enrolled_in_one_transaction(dynos, cluster):
    url = cluster.create_database()
    [server] = dynos(1, url)
    arrive(server, "first")
    rows = """SELECT count(*), count(DISTINCT xmin::text) < 6 FROM assignments
      WHERE workerid LIKE 'w%'"""
    with ThreadPoolExecutor(15) as at_once:
        with locked(cluster, url, LOCK):
            waiting = [at_once.submit(arrive, server, f"w{n}") for n in range(12)]
            waiting += [at_once.submit(arrive, server, "w0", f"b{n}") for n in range(3)]
            wait_for(lambda: ask(cluster, url, WAITING) == "1\n")
            reload = arrive(server, "first")
        arrived = [each.result() for each in waiting]
    assert reload.page.status == 200  # while nobody could be enrolled
    assert Counter(each.page.error for each in arrived) == {None: 12, 1010: 3}
    conditions = Counter(each.condition for each in [reload, *arrived])
    assert (conditions[None], abs(conditions[0] - conditions[1])) == (3, 1)
    assert ask(cluster, url, rows) == "12|t\n"


def test_conditions_of_the_researchers_own_see_everybody_before(study, dynos, cluster, tmp_path):
    folder = tmp_path / "study"
    shutil.copytree(study.path, folder, ignore=shutil.ignore_patterns(".venv"), symlinks=True)
    with (folder / "custom.py").open("a") as custom:
        custom.write(CUSTOM)
    servers = dynos(1, cluster.create_database(), folder, WEB_CONCURRENCY="2")
    assert arrive_together(servers, 16) == {0: 8, 1: 8}


def test_a_worker_that_hangs_with_the_lock_lets_others_pass_and_then_goes_on(dynos, cluster):
    url = cluster.create_database()
    hangs, other = dynos(2, url)
    [worker] = hangs.workers()
    with ThreadPoolExecutor(2) as at_once:
        try:
            with locked(cluster, url, "LOCK TABLE study_cells IN ACCESS EXCLUSIVE MODE"):
                delayed = at_once.submit(arrive, hangs, "delayed")
                wait_for(lambda: ask(cluster, url, WAITING) == "1\n")
                os.kill(worker, SIGSTOP)
            passed = arrive(other, "passed")
            assert hangs.workers() == [worker]  # nobody has ended it
        finally:
            os.kill(worker, SIGCONT)
        conditions = {passed.condition, delayed.result().condition}
    assert conditions == {0, 1}
    assert hangs.workers() == [worker]


def test_a_connection_that_is_cut_while_many_wait_costs_nobody_the_place(dynos, cluster):
    url = cluster.create_database()
    [server] = dynos(1, url)
    with ThreadPoolExecutor(6) as at_once:
        with locked(cluster, url, LOCK):
            waiting = [at_once.submit(arrive, server, f"w{n}") for n in range(6)]
            wait_for(lambda: ask(cluster, url, WAITING) == "1\n")
            ask(cluster, url, CUT)
            wait_for(lambda: ask(cluster, url, WAITING) == "1\n")
        conditions = Counter(each.result().condition for each in waiting)
    assert conditions == {0: 3, 1: 3}


def test_a_database_that_is_read_only_for_now_is_away_not_broken(dynos, cluster):
    url = cluster.create_database()
    [server] = dynos(1, url)
    early = arrive(server, "early")
    change = f"ALTER DATABASE {urlsplit(url).path[1:]} {{}} default_transaction_read_only {{}}"
    cluster.run(change.format("SET", "= on"))
    cluster.disconnect(url)
    assert arrive(server, "late").page.status == early.save({"data": []}).status == 503
    cluster.run(change.format("RESET", ""))
    cluster.disconnect(url)
    assert arrive(server, "late").page.status == early.save({"data": []}).status == 200


def test_who_has_saved_nothing_counts_for_two_minutes(dynos, cluster):
    url = cluster.create_database()
    [server] = dynos(1, url)

    def next_ones(number: int = 6) -> Counter:
        """The conditions of those who come next, who are then forgotten."""
        given = [arrive(server, f"next{n}").condition for n in range(number)]
        ask(cluster, url, "DELETE FROM assignments WHERE workerid LIKE 'next%'")
        return Counter(given)

    # Pages that were opened by nobody do not move the others.
    ask(cluster, url, insert(60, cond=1, minutes_ago=4, name="forged"))
    assert next_ones() == {0: 3, 1: 3}
    # A page on a slow line, and people at work: by their first save, or by a record of 0.1.0.
    ask(cluster, url, insert(2, cond=0, minutes_ago=1, name="slow"))
    assert next_ones() == {0: 2, 1: 4}
    ask(cluster, url, insert(2, cond=1, minutes_ago=29, name="saved", first_saved="now()"))
    assert next_ones() == {0: 3, 1: 3}
    ask(cluster, url, insert(2, cond=0, minutes_ago=29, name="old", datastring="'{}'"))
    assert next_ones() == {0: 2, 1: 4}
    # Whoever saves, finishes, goes back, gets another condition or is deleted.
    ask(cluster, url, "UPDATE assignments SET first_saved = now() WHERE workerid = 'forged1'")
    assert ask(cluster, url, COUNTS.format("saved")) == "0|2\n1|3\n"
    ask(cluster, url, "UPDATE assignments SET status = 3 WHERE workerid = 'forged1'")
    ask(cluster, url, "UPDATE assignments SET datastring = '{}' WHERE workerid = 'forged1'")
    assert ask(cluster, url, COUNTS.format("finished")) == "1|1\n"
    ask(cluster, url, "UPDATE assignments SET cond = 0 WHERE workerid = 'forged1'")
    assert ask(cluster, url, COUNTS.format("finished")) == "0|1\n"
    ask(cluster, url, "UPDATE assignments SET status = 2 WHERE workerid = 'forged1'")
    assert ask(cluster, url, COUNTS.format("finished")) == ""
    assert ask(cluster, url, COUNTS.format("saved")) == "0|3\n1|2\n"
    ask(cluster, url, "DELETE FROM assignments WHERE workerid NOT LIKE 'forged%'")
    assert ask(cluster, url, COUNTS.format("saved")) == "0|1\n"
    assert ask(cluster, url, COUNTS.format("arrived")) == "1|59\n"


def test_counts_of_version_0_1_0_are_taken_over_and_its_servers_go_on(study, dynos, cluster):
    url = cluster.create_database()
    make = "import psiturk.models; from psiturk.db import init_db; init_db()"
    study.run("python", "-c", make, env=os.environ | {"DATABASE_URL": url, "ON_CLOUD": "1"})
    ask(cluster, url, COUNTS_OF_0_1_0)
    ask(cluster, url, insert(3, cond=1, minutes_ago=90, name="finished", status="4"))
    ask(cluster, url, insert(2, cond=0, minutes_ago=9, name="saved", datastring="'{}'"))
    assert ask(cluster, url, READ_BY_0_1_0) == "1|3\n"
    [server] = dynos(1, url)
    assert [arrive(server, f"w{n}").condition for n in range(2)] in ([0, 0], [0, 1])
    ask(cluster, url, "UPDATE assignments SET status = 4 WHERE workerid = 'saved1'")
    assert ask(cluster, url, READ_BY_0_1_0) == "0|1\n1|3\n"


def test_on_sqlite_the_same_people_count(study, tmp_path):
    file, port = tmp_path / "participants.db", free_port()
    settings = CELLS | {"PSITURK_DATABASE_URL": f"sqlite:///{file}", "PSITURK_PORT": str(port)}

    def change(sql: str, since: str = "-0 minutes") -> None:
        with closing(sqlite3.connect(file)) as database, database:
            database.execute(
                f"UPDATE assignments SET beginhit = datetime('now', ?), {sql}", [since]
            )

    with Server(study.path, study.python, "-m", "study.server", port=port, **settings) as server:
        server.wait()
        assert arrive_together([server], 8) == {0: 4, 1: 4}
        change("cond = 1", "-4 minutes")  # without a save
        assert arrive_together([server], 4, "x") == {0: 2, 1: 2}
        change("cond = 1, datastring = '{}'", "-29 minutes")
        assert arrive_together([server], 4, "y") == {0: 4}
        change("cond = 1, status = 4", "-60 minutes")
        assert arrive_together([server], 4, "z") == {0: 4}
