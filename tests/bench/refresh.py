"""What a refresh of `study watch` costs the database, beside what saves cost it.

    uv run python -m tests.bench.refresh [an installed study]

Prints Markdown. Needs a PostgreSQL server's programs. The database has 10,000 participants; first
nobody is at work, then all are, each with 20 saves that no record has yet. CPU time is that of all
of PostgreSQL's processes.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.database import SETTINGS, Database, server_pid
from tests.bench.installation import clean_environment, generated_study, installed_study
from tests.bench.load import database_server
from tests.bench.processes import cpu_seconds
from tests.bench.report import load, table
from tests.bench.servers import make_psiturks_tables

PARTICIPANTS, SAVES_OF_EACH = 10_000, 20
REFRESHES, SAVES = 20, 3_000
SECONDS_BETWEEN_SAVES, SECONDS_BETWEEN_REFRESHES = 6, 10
RELEASE = """
from study import config
config.load()
from study.database.schema import create_tables
create_tables()
"""
REFRESH = f"""
from pathlib import Path
from study import config
from study.database.browser_errors import read_browser_errors
from study.database.reader import open_participants
from study.overview import collect
from study.overview.people import Search, list_people
from study.overview.timeline import collect_timeline
settings = config.read(Path.cwd())
participants = open_participants(settings)
for _ in range({REFRESHES}):
    collect_timeline(participants, settings, collect(participants, settings))
    read_browser_errors(participants)
    list_people(participants, settings, Search())
"""
ADD = f"""
from study import config
config.load()
from psiturk.db import engine
from study.database.engine import Database
from study.database.entries import Save
from study.database.participants import Records
records = Records(Database(engine.url), 64_000_000)
window, _ = records.open_window("saving:saving", "o" * 32)
trial = '{{"phase":"TEST","block":1,"trial":3,"word":"red","colour":"blue","rt":512.25}}'
for number in range(1, {SAVES} + 1):
    save = Save(window, number, f'[["trial",1764000000000,{{trial}}]]')
    records.add("saving:saving", "o" * 32, window, save)
"""
SAVING = """INSERT INTO assignments (uniqueid, workerid, assignmentid, hitid, mode, owner, status,
  cond, counterbalance, codeversion, beginhit, bonus, record_version)
SELECT 'saving:saving', 'saving', 'saving', 'h', 'live', repeat('o', 32), 1, 0, 0, 'bench',
  now() AT TIME ZONE 'UTC', 0, 0"""
ALL_AT_WORK = f"""INSERT INTO study_entries
SELECT uniqueid, 2, n, n, 100 * n, now() AT TIME ZONE 'UTC' - n * interval '6 seconds', entries
FROM assignments, generate_series(1, {SAVES_OF_EACH}) n,
  (SELECT entries FROM study_entries LIMIT 1) AS one"""


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, database_server() as cluster:
        given = sys.argv[1:]
        study = installed_study(Path(given[0])) if given else generated_study(Path(folder))[0]
        database = Database(cluster)

        def run(*arguments: str | Path) -> float:
            """Run Python in the study; return the CPU time of the database, in seconds."""
            before = cpu_seconds(server_pid(cluster))
            environment = clean_environment(PSITURK_DATABASE_URL=database.url, **SETTINGS)
            python = study.environment / "bin" / "python"
            subprocess.run([python, *arguments], cwd=study.folder, env=environment, check=True)
            return cpu_seconds(server_pid(cluster)) - before

        make_psiturks_tables(study, database.url)
        database.fill(PARTICIPANTS, record_size=15_000)
        run("-c", RELEASE)
        database.ask(SAVING)
        save = run("-c", ADD) / SAVES
        rows = [("one save", f"{save * 1000:.3f}", "")]
        for name in ("nobody", "all"):
            if name == "all":
                database.ask(ALL_AT_WORK)
            tidy(database)
            refresh = run("-c", REFRESH) / REFRESHES
            saves = PARTICIPANTS * SECONDS_BETWEEN_REFRESHES / SECONDS_BETWEEN_SAVES * save
            shown = f"{refresh * 1000:.1f}"
            rows.append((f"a refresh, {name} at work", shown, f"{refresh / saves:.2%}"))
        head = (
            f"{PARTICIPANTS:,} participants",
            "database CPU, ms",
            f"of what they save in {SECONDS_BETWEEN_REFRESHES} s",
        )
        print(table(head, *rows))
        print(f"\n{load()}")
        database.drop()


def tidy(database: Database) -> None:
    """As the database does by itself, some minutes after so many changes."""
    for name in ("assignments", "study_entries"):
        database.ask(f"VACUUM ANALYZE {name}")


if __name__ == "__main__":
    main()
