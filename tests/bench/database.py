"""One database of a benchmark: earlier participants put in, and what is there afterwards."""

import json
from urllib.parse import urlsplit

from tests.heroku.postgres import Cluster

TABLE = "assignments"
CONDITIONS = 4
CODE_VERSION = "bench"
# The same for both servers, in the environment, because their config.txt differ.
SETTINGS = {
    "PSITURK_NUM_CONDS": str(CONDITIONS),
    "PSITURK_NUM_COUNTERS": "1",
    "PSITURK_EXPERIMENT_CODE_VERSION": CODE_VERSION,
}
# Four of five have finished and one has dropped out, long before any cutoff_time.
FILL = """
INSERT INTO {table} (uniqueid, assignmentid, workerid, hitid, ipaddress, browser, platform,
  language, cond, counterbalance, codeversion, beginhit, beginexp, endhit, bonus, status, mode,
  datastring)
SELECT 'early' || n || ':task' || n, 'task' || n, 'early' || n, 'hit0', '192.0.2.7', 'firefox',
  'linux', 'en', n % {conditions}, 0, '{version}', come, come + interval '2 minutes',
  CASE WHEN n % 5 < 4 THEN come + interval '20 minutes' END, 0,
  CASE WHEN n % 5 < 4 THEN 4 ELSE 2 END, 'live', '{record}'
FROM generate_series(1, {number}) n,
  LATERAL (SELECT now() AT TIME ZONE 'UTC' - interval '1 day' - n * interval '1 second') t (come)
"""
# All of the last half hour, within psiTurk's cutoff_time; every other has saved something.
RECENT = """
INSERT INTO {table} (uniqueid, assignmentid, workerid, hitid, cond, counterbalance, codeversion,
  beginhit, bonus, status, mode, datastring)
SELECT 'recent' || n || ':task' || n, 'task' || n, 'recent' || n, 'hit0', n % {conditions}, 0,
  '{version}', now() AT TIME ZONE 'UTC' - n * interval '25 minutes' / {number}, 0, 1, 'live',
  CASE WHEN n % 8 < 4 THEN '{{}}' END
FROM generate_series(1, {number}) n
"""


def a_record(size: int) -> str:
    """A record of about so many bytes, as psiTurk's client saves it."""
    trial = {"uniqueid": "early:task", "current_trial": 0, "dateTime": 1764000000000}
    trial["trialdata"] = {"phase": "test", "word": "green", "colour": "blue", "rt": 512.25}
    trials = [trial | {"current_trial": n} for n in range(size // len(json.dumps(trial)))]
    return json.dumps({"data": trials, "eventdata": [], "questiondata": {}})


class Database:
    """A database of its own on the cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self.url = cluster.create_database()
        self._cluster = cluster
        self._name = urlsplit(self.url).path[1:]

    def ask(self, sql: str) -> list[list[str]]:
        """Run one statement; the rows, as text."""
        lines = self._cluster.run(sql, database=self._name).splitlines()
        return [line.split("|") for line in lines]

    def fill(self, number: int, record_size: int) -> None:
        """Put earlier participants into psiTurk's table, and let PostgreSQL tidy up after it."""
        names = {"table": TABLE, "conditions": CONDITIONS, "version": CODE_VERSION}
        self.ask(FILL.format(**names, number=number, record=a_record(record_size)))
        self.ask(f"VACUUM ANALYZE {TABLE}")

    def fill_recent(self, number: int) -> None:
        """Put in people who have just arrived and not finished."""
        names = {"table": TABLE, "conditions": CONDITIONS, "version": CODE_VERSION}
        self.ask(RECENT.format(**names, number=number))
        self.ask(f"VACUUM ANALYZE {TABLE}")

    def clear(self) -> None:
        """Forget all participants."""
        self.ask(f"DELETE FROM {TABLE}")
        self.ask(f"VACUUM ANALYZE {TABLE}")

    def submitted(self) -> int:
        """How many have submitted, with the whole of their record stored."""
        whole = "status = 4 AND length(datastring) > 15000 AND datastring LIKE '{%}'"
        return int(self.ask(f"SELECT count(*) FROM {TABLE} WHERE {whole}")[0][0])

    def conditions(self) -> list[int]:
        """How many participants each condition has."""
        cells = f"SELECT count(*) FROM {TABLE} GROUP BY cond, counterbalance"
        return [int(row[0]) for row in self.ask(cells)]

    def connections(self) -> int:
        """How many connections the servers hold."""
        user = urlsplit(self.url).username
        counted = f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{user}'"
        return int(self.ask(counted)[0][0])

    def drop(self) -> None:
        self._cluster.drop_database(self.url)


def server_pid(cluster: Cluster) -> int:
    """The process id of PostgreSQL's first process."""
    return int(cluster.run(r"SELECT split_part(pg_read_file('postmaster.pid'), E'\n', 1)"))
