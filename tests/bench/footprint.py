"""Size, start and memory of a study's server, beside psiTurk's own recipe.

    uv run python -m tests.bench.footprint

Both serve from PostgreSQL with ON_CLOUD, as they would on a host. Needs Python 3.11 and 3.13,
and a PostgreSQL server's programs. "Cold" is a start that has to compile every module, while
the files themselves are in the system's cache.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.installation import Installation, generated_study, psiturks_own_recipe
from tests.bench.processes import pss
from tests.bench.servers import serving
from tests.heroku.postgres import Cluster
from tests.participant import Participant

REPEATS = 5
REQUESTS = 30


def main() -> None:
    cluster = Cluster()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        recipe = Path(folder, "recipe")
        recipe.mkdir()
        try:
            installations = [psiturks_own_recipe(recipe), *generated_study(Path(folder))]
            columns = [measure(installation, cluster) for installation in installations]
        finally:
            cluster.stop()
    show([installation.name for installation in installations], columns)


def measure(installation: Installation, cluster: Cluster) -> dict[str, float]:
    """Each figure under the name it is shown with."""
    print(f"measuring: {installation.name}", file=sys.stderr)
    url = cluster.create_database()
    figures = {"installed, MB": installation.size(bytecode=False)}
    cold = [boot(installation, url, PYTHONDONTWRITEBYTECODE="1") for _ in range(REPEATS)]
    installation.compile()
    figures["installed with bytecode, MB"] = installation.size(bytecode=True)
    boot(installation, url)  # compiles the study's own files
    warm = [boot(installation, url) for _ in range(REPEATS)]
    figures["start to first page, s"] = statistics.median(warm)
    figures["start to first page, cold, s"] = statistics.median(cold)
    for workers in (1, 2):
        name = f"memory (PSS), {workers} worker{'s'[: workers - 1]}, MB"
        figures[name] = memory(installation, url, workers)
    return figures


def boot(installation: Installation, url: str, **settings: str) -> float:
    """Seconds from the start of the process to the first page."""
    started = time.perf_counter()
    with serving(installation, url, 1, **settings) as server:
        server.wait()
        return time.perf_counter() - started


def memory(installation: Installation, url: str, workers: int) -> float:
    """Megabytes of the master and its workers together, once they have worked."""
    with serving(installation, url, workers) as server:
        server.wait().started_workers(workers)
        for number in range(REQUESTS):
            participant = Participant(server.address, worker=f"{workers}-{number}")
            assert participant.open("/exp").status == 200
        return sum(map(pss, [server.process.pid, *server.workers()]))


def show(names: list[str], columns: list[dict[str, float]]) -> None:
    """A table of the figures, those after the first column with their ratio to it."""
    print(f"{'':32}" + "".join(f"{name:>22}" for name in names))
    for figure, base in columns[0].items():
        cells = [f"{base:.2f}"]
        cells += [f"{c[figure]:.2f} (x{c[figure] / base:.2f})" for c in columns[1:]]
        print(f"{figure:32}" + "".join(f"{cell:>22}" for cell in cells))


if __name__ == "__main__":
    main()
