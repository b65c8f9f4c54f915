"""The report: Markdown, with what is needed to judge the figures."""

import os
import platform
import statistics
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.installation import Installation, run
from tests.heroku.postgres import Cluster

SHOWN = ("psiturk", "flask", "sqlalchemy", "gunicorn", "gevent", "psycopg", "psycopg2-binary")


def heading(installations: list[Installation]) -> str:
    """When, on what machine, with which versions."""
    model = next(
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    )
    now = datetime.now(UTC)
    version = run(Cluster.binary("postgres"), "--version").strip()
    lines = [
        f"{now:%d %B %Y, %H:%M} UTC; {os.cpu_count()} cores, {model}, Linux {platform.release()}; "
        f"{version}; {load()}",
        "",
    ]
    lines += [f"- {each.name}: {versions(each)}" for each in installations]
    return "\n".join(lines)


def versions(installation: Installation) -> str:
    """Python and the packages that a request passes through."""
    python = installation.environment / "bin" / "python"
    listed = run("uv", "pip", "list", "--quiet", "--python", python)
    found = dict(line.lower().split()[:2] for line in listed.splitlines()[2:])
    shown = [f"{name} {found[name]}" for name in SHOWN if name in found]
    return ", ".join([run(python, "--version").strip(), *shown])


def load() -> str:
    """How busy the machine is with everything, this benchmark included."""
    return "load average " + ", ".join(f"{value:.1f}" for value in os.getloadavg())


def table(*rows: tuple[str, ...]) -> str:
    """A Markdown table; the first row is its head. Columns after the first are numbers."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    rule = ("-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:]))
    lines = []
    for name, *numbers in (rows[0], rule, *rows[1:]):
        cells = [cell.rjust(width) for cell, width in zip(numbers, widths[1:], strict=True)]
        lines.append("| " + " | ".join([name.ljust(widths[0]), *cells]) + " |")
    return "\n".join(lines)


def times(value: float, base: float) -> str:
    """How many times the base a value is."""
    return f"{value / base:.2f}" if base else "–"


def percentile(values: list[float], percent: int) -> float:
    """The value that so many percent do not exceed."""
    if not values:
        return float("nan")
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]


def median(values: list[float]) -> float:
    return statistics.median(values) if values else float("nan")
