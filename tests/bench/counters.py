"""What it costs to know how many finished in each condition, counted anew or kept by a trigger.

    uv run python -m tests.bench.counters [an installed study]

Prints Markdown. Needs a PostgreSQL server's programs. An arrival reads the counts while others
wait for it, so that must not take longer the more have taken part; a completion pays for the
trigger.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.database import CODE_VERSION, CONDITIONS, SETTINGS, TABLE, Database
from tests.bench.installation import clean_environment, generated_study, installed_study
from tests.bench.load import database_server
from tests.bench.report import table
from tests.bench.servers import make_psiturks_tables

SIZES = (1_000, 100_000, 1_000_000)
CELL = f"codeversion = '{CODE_VERSION}' AND mode = 'live'"
INDEX = f"""CREATE INDEX finished ON {TABLE} (codeversion, mode, cond, counterbalance)
  WHERE status IN (3, 4, 5, 7)"""
COUNT = f"""SELECT cond, counterbalance, count(*) FROM {TABLE}
  WHERE {CELL} AND status IN (3, 4, 5, 7) GROUP BY 1, 2"""
READ = f"SELECT cond, counterbalance, number FROM study_cells WHERE {CELL} AND state = 'finished'"
# 100 participants who dropped out long ago complete after all, each in a statement of its own.
COMPLETE = f"""DO $$ DECLARE who record; BEGIN
  FOR who IN SELECT uniqueid FROM {TABLE} WHERE status = 2 ORDER BY uniqueid LIMIT 100 LOOP
    UPDATE {TABLE} SET status = 3, endhit = now() WHERE uniqueid = who.uniqueid;
  END LOOP; END $$"""


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, database_server() as cluster:
        given = sys.argv[1:]
        study = installed_study(Path(given[0])) if given else generated_study(Path(folder))[0]
        rows = []
        for size in SIZES:
            database = Database(cluster)
            make_psiturks_tables(study, database.url)
            database.fill(size, record_size=200)
            settings = {"DATABASE_URL": database.url, "ON_CLOUD": "1", **SETTINGS}
            release = [study.environment / "bin" / "python", "-m", "study.server", "release"]
            environment = clean_environment(**settings)
            subprocess.run(
                release, cwd=study.folder, env=environment, stdout=subprocess.DEVNULL, check=True
            )
            kept, read = milliseconds(database, READ), database.ask(READ)
            with_trigger = milliseconds(database, COMPLETE, repeat=1) / 100
            database.ask("DROP FUNCTION study_count() CASCADE")
            without = milliseconds(database, COMPLETE, repeat=1) / 100
            database.ask(INDEX)
            database.ask(f"VACUUM ANALYZE {TABLE}")
            counted = milliseconds(database, COUNT)
            assert sum(int(row[2]) for row in read) == size * 4 // 5 and len(read) == CONDITIONS
            figures = (kept, counted, with_trigger, without)
            rows.append((f"{size:,}", *(f"{figure:.3f}" for figure in figures)))
            database.drop()
    head = ("participants", "kept by a trigger, ms", "counted by a partial index, ms")
    print(table((*head, "a completion with the trigger, ms", "without, ms"), *rows))


def milliseconds(database: Database, sql: str, repeat: int = 20) -> float:
    """The least time that PostgreSQL itself needs for a statement."""
    timed = f"""DO $timed$ DECLARE began timestamptz; best interval := '1 hour'; BEGIN
      FOR n IN 1..{repeat} LOOP
        began := clock_timestamp();
        EXECUTE $sql${sql}$sql$;
        best := least(best, clock_timestamp() - began);
      END LOOP;
      CREATE TABLE IF NOT EXISTS timing (ms float);
      DELETE FROM timing;
      INSERT INTO timing VALUES (extract(epoch FROM best) * 1000);
    END $timed$"""
    database.ask(timed)
    return float(database.ask("SELECT ms FROM timing")[0][0])


if __name__ == "__main__":
    main()
