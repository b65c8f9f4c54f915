"""Participants in crowds: a study of this template beside psiTurk's own recipe.

    uv run python -m tests.bench.load                  # everything, about 10 minutes
    uv run python -m tests.bench.load --only dyno
    uv run python -m tests.bench.load --before DIR     # and an older study, installed there
    uv run python -m tests.bench.load --smoke          # does the benchmark itself work?

Prints Markdown. Needs Python 3.11 and 3.13, a PostgreSQL server's programs and two cores: the
servers have one, the visitors and the database the other. A ratio is the study's figure
divided by the recipe's, or a figure divided by that of the empty table, from the same run.
"""

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.bench import measurements, report
from tests.bench.installation import (
    Installation,
    generated_study,
    installed_study,
    psiturks_own_recipe,
)
from tests.bench.servers import Cores
from tests.bench.smoke import smoke
from tests.heroku.postgres import Cluster

PARTS = ("participations", "flatness", "arrivals", "crowds", "blocking", "dyno", "scaling")
EARLIER = [0, 10_000, 100_000]
A_MILLION = 1_000_000


def main() -> None:
    options = read_options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Ended."))  # and clean up
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, database_server() as cluster:
        if options.study:
            study = installed_study(options.study)
        else:
            study, _ = generated_study(Path(folder))
        if options.smoke:
            sys.exit(0 if smoke(cluster, study) else "The benchmark does not work.")
        recipe = psiturks_own_recipe(Path(tempfile.mkdtemp(dir=folder)))
        all_of_them = [recipe, study]
        if options.before:
            all_of_them.insert(1, replace(installed_study(options.before), name="earlier study"))
        for installation in all_of_them:
            installation.compile()
        print(report.heading(all_of_them))
        for part in options.only or PARTS:
            print(f"\n## {part.capitalize()}\n", flush=True)
            print(measure(part, cluster, all_of_them, options))
            print(f"\n{report.load().capitalize()}.", flush=True)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.load")
    parser.add_argument("--only", nargs="+", choices=PARTS, help="these parts, in this order")
    parser.add_argument("--study", type=Path, help="an installed study, in place of a new one")
    parser.add_argument("--before", type=Path, help="an older installed study, to compare")
    parser.add_argument("--million", action="store_true", help="arrivals beside a million, too")
    parser.add_argument("--in-session", type=int, default=500, help="how many the dyno holds")
    parser.add_argument("--seconds", type=float, default=60, help="for how long it holds them")
    parser.add_argument("--smoke", action="store_true", help="a few participants, study only")
    return parser.parse_args()


@contextmanager
def database_server() -> Iterator[Cluster]:
    cluster = Cluster()
    try:
        yield cluster
    finally:
        cluster.stop()


def measure(
    part: str,
    cluster: Cluster,
    all_of_them: list[Installation],
    options: argparse.Namespace,
) -> str:
    """The tables of one part."""
    recipe, *_, study = all_of_them
    cores = separate_cores()
    match part:
        case "participations":
            return measurements.participations(cluster, all_of_them, cores)
        case "flatness":
            return measurements.flatness(cluster, all_of_them, cores)
        case "arrivals":
            sizes = EARLIER + [A_MILLION] * options.million
            tables = [
                # psiTurk loads all rows for each arrival, so few must do.
                measurements.arrivals(cluster, recipe, cores, EARLIER[:2], number=8),
                measurements.arrivals(cluster, study, cores, sizes, number=75),
            ]
            return "\n\n".join(tables)
        case "crowds":
            sites = {each.name: (each, 0, 0) for each in all_of_them[1:]}
            sites["… after a million, and 100,000 just now"] = (study, A_MILLION, 100_000)
            return measurements.crowds(cluster, sites, cores)
        case "blocking":
            return measurements.blocking(cluster, all_of_them, cores)
        case "dyno":
            return measurements.small_dyno(
                cluster, all_of_them, cores, options.in_session, options.seconds
            )
        case "scaling":
            return measurements.scaling(cluster, study)
    raise ValueError(part)


def separate_cores() -> Cores:
    """One for the servers, another for the visitors and the database, if there are two."""
    first, *others = sorted(os.sched_getaffinity(0))
    return Cores(first, others[0] if others else first)


if __name__ == "__main__":
    main()
