"""`study data` beside psiTurk's `psiturk download_datafiles`: time and memory.

    uv run python -m tests.bench.download [PARTICIPANTS]

All commands read the same table in one PostgreSQL: 3,000 participants of 100 trials. Rounds go
through all of them in turn, so that whatever else the machine does falls on all alike; shown are
medians, and CPU time, which other work changes less. Memory is the peak (PSS) in a run of its own.
Then both read 30,000 participants once, and with PARTICIPANTS `study data` reads that many alone.
"""

import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from tests.bench.footprint import pss
from tests.bench.installation import (
    Installation,
    clean_environment,
    generated_study,
    psiturks_own_recipe,
    run,
)
from tests.heroku.postgres import Cluster

PARTICIPANTS, TRIALS, ROUNDS = 3000, 100, 3
MORE = 30_000
COMPACT = (",", ":")  # as JSON.stringify in a browser writes
# psiTurk's shell asks Amazon's network for keys when there are none, and waits for an answer.
NO_AMAZON = {"AWS_EC2_METADATA_DISABLED": "true"}
FILL = """
import json, sys
from datetime import datetime, timedelta
from psiturk.db import engine, init_db
from psiturk.models import Participant
init_db()
columns = ("workerid", "assignmentid", "hitid", "mode", "codeversion")
with engine.begin() as connection:
    for number, line in enumerate(sys.stdin):
        row = {name: f"{name}{number:06}" for name in columns}
        row |= {"mode": "prolific", "codeversion": "1.0", "hitid": "study"}
        row["uniqueid"] = f"{row['workerid']}:{row['assignmentid']}"
        row |= {"beginhit": datetime(2026, 11, 1) + timedelta(seconds=number), "status": 3}
        row |= {"cond": number % 2, "counterbalance": 0, "bonus": 0, "datastring": line.strip()}
        connection.execute(Participant.__table__.insert(), row)
"""
# The same records again and again, under new ids.
MULTIPLY = """
insert into assignments (uniqueid, workerid, assignmentid, hitid, mode, codeversion, beginhit,
                         status, cond, counterbalance, bonus, datastring)
select 'copy' || n || ':' || uniqueid, 'copy' || n || workerid, assignmentid, hitid, mode,
       codeversion, beginhit + n * interval '1 hour', status, cond, counterbalance, bonus,
       datastring
from assignments, generate_series({first}, {last}) as n
where uniqueid not like 'copy%'
"""


def main() -> None:
    many = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    cluster = Cluster()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        try:
            url = cluster.create_database()
            commands = prepare(Path(folder), url)
            show(compare(commands))
            grow(cluster, url, PARTICIPANTS, MORE)
            show_once(MORE, commands, "psiTurk's recipe", "study data")
            if many:
                grow(cluster, url, MORE, many)
                show_once(many, commands, "study data")
        finally:
            cluster.stop()


def grow(cluster: Cluster, url: str, present: int, number: int) -> None:
    """Multiply the participants, to that number or (if PARTICIPANTS do not divide it) fewer."""
    first, end = present // PARTICIPANTS, number // PARTICIPANTS
    statement = MULTIPLY.format(first=first, last=end - 1)
    cluster.run(statement, database=urlsplit(url).path[1:])


class Command:
    """A download, to be run in its folder."""

    def __init__(self, installation: Installation, *words: str, url: str):
        program, *rest = words
        self.words = [str(installation.environment / "bin" / program), *rest]
        self.folder = installation.folder
        self.environment = clean_environment(PSITURK_DATABASE_URL=url, **NO_AMAZON)

    def start(self) -> subprocess.Popen:
        return subprocess.Popen(
            self.words,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def prepare(folder: Path, url: str) -> dict[str, Command]:
    """Install both, fill the database, and have every module compiled."""
    (folder / "recipe").mkdir()
    recipe = psiturks_own_recipe(folder / "recipe")
    # The boto3 of 2019 that uv finds for the recipe does not start on any Python of today.
    python = recipe.environment / "bin" / "python"
    run("uv", "pip", "install", "--quiet", "--python", python, "boto3>=1.34")
    _, study = generated_study(folder)
    run("uv", "sync", "--quiet", "--locked", "--group", "parquet", cwd=study.folder)
    for installation in (recipe, study):
        installation.compile()
    python = study.environment / "bin" / "python"
    everybody = map(record, range(PARTICIPANTS))
    records = "\n".join(json.dumps(each, separators=COMPACT) for each in everybody)
    subprocess.run(
        [python, "-c", FILL], cwd=study.folder, input=records, text=True, check=True,
        env=clean_environment(PSITURK_DATABASE_URL=url),
    )  # fmt: skip
    ours = ("python", "-m", "study", "data", "--local")
    return {
        "psiTurk's recipe": Command(recipe, "psiturk", "download_datafiles", url=url),
        "psiTurk, our versions": Command(study, "psiturk", "download_datafiles", url=url),
        "study data": Command(study, *ours, url=url),
        "… --json-trials": Command(study, *ours, "--json-trials", url=url),
        "… --parquet": Command(study, *ours, "--parquet", url=url),
        "… --psiturk": Command(study, *ours, "--psiturk", url=url),
    }


def compare(commands: dict[str, Command]) -> dict[str, list[float]]:
    """Seconds, seconds of CPU and megabytes of each command."""
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            runs[name].append(run_once(command))
            print(f"{name}: %.2f s, CPU %.2f s" % runs[name][-1], file=sys.stderr)
    return {
        name: [*map(statistics.median, zip(*runs[name], strict=True)), peak(commands[name])]
        for name in commands
    }


def run_once(command: Command) -> tuple[float, float]:
    """Seconds from the start of a command to its end, which must be a good one, and of CPU."""
    shutil.rmtree(command.folder / "data", ignore_errors=True)
    started = time.perf_counter()
    _, status, used = os.wait4(command.start().pid, 0)
    if status:
        raise SystemExit(f"{command.words} failed")
    return time.perf_counter() - started, used.ru_utime + used.ru_stime


def peak(command: Command) -> float:
    """The most megabytes that a command had."""
    most, process = 0.0, command.start()
    while process.poll() is None:
        most = max(most, megabytes(process.pid))
        time.sleep(0.05)
    return most


def megabytes(pid: int) -> float:
    """Of a process; none if it has just ended."""
    try:
        return pss(pid)
    except (OSError, ValueError):
        return 0


def show(figures: dict[str, list[float]]) -> None:
    """A table; after each figure, how many times better it is than psiTurk's recipe."""
    print(f"{PARTICIPANTS:,} participants of {TRIALS} trials, {os.cpu_count()} cores")
    print(f"{'':24}{'seconds':>14}{'CPU seconds':>16}{'peak MB':>16}")
    base = figures["psiTurk's recipe"]
    for name, found in figures.items():
        cells = [f"{f:8.2f} {b / f:5.1f}x" for f, b in zip(found, base, strict=True)]
        print(f"{name:24}{'  '.join(cells)}")


def show_once(number: int, commands: dict[str, Command], *names: str) -> None:
    """What these commands take for so many participants, and how many times faster each is than
    the first."""
    print(f"\n{number // PARTICIPANTS * PARTICIPANTS:,} participants of {TRIALS} trials")
    base = 0.0
    for name in names:
        seconds, cpu = run_once(commands[name])
        base = base or seconds
        most = peak(commands[name])
        figures = f"{seconds:.1f} s {base / seconds:.1f}x, CPU {cpu:.1f} s, at most {most:.0f} MB"
        print(f"{name}: {figures}", flush=True)


def record(number: int) -> dict:
    """What the template's Stroop task saves, as psiTurk's client sends it."""
    chance, begin = random.Random(number), 1_764_000_000_000 + number
    uniqueid = f"worker{number:06}:assignment{number:06}"
    moves = [("focus", value) for value in ("off", "on") * 3]
    events = [("initialized", None), ("window_resize", [1280, 800]), *moves]
    return {
        "condition": number % 2,
        "counterbalance": 0,
        "workerId": f"worker{number:06}",
        "assignmentId": f"assignment{number:06}",
        "hitId": "study",
        "currenttrial": TRIALS,
        "bonus": 0,
        "data": [
            {"uniqueid": uniqueid, "current_trial": n, "dateTime": begin + 2000 * n,
             "trialdata": trial(chance, n)}
            for n in range(TRIALS)
        ],
        "questiondata": {
            "comprehension_attempts": 1, "engagement": "7", "difficulty": "4",
            "strategy": "I tried to blur my eyes,\nand \"named\" the colour",
        },
        "eventdata": [
            {"eventtype": kind, "value": value, "timestamp": begin + 1000 * n, "interval": 1000}
            for n, (kind, value) in enumerate(events)
        ],
        "useragent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
        "mode": "prolific",
        "id": uniqueid,
    }  # fmt: skip


def trial(chance: random.Random, number: int) -> dict:
    """One trial of it. Some are missed, and have no response."""
    colours = ("red", "green", "blue", "yellow")
    missed = chance.random() < 0.02
    return {
        "phase": "PRACTICE" if number < 8 else "TEST",
        "block": (number + 38) // 46,
        "condition": "75% congruent",
        "trial": number + 1,
        "word": chance.choice(colours),
        "colour": chance.choice(colours),
        "congruent": chance.random() < 0.5,
        "response": None if missed else chance.choice("rgby"),
        "correct": not missed and chance.random() < 0.9,
        "rt": None if missed else round(chance.uniform(300, 1500), 2),
    }


if __name__ == "__main__":
    main()
