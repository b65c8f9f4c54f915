"""Many participants at once, in a process of their own.

    python -m tests.bench.crowd < job.json        # prints what happened, as JSON

They must not share a core with the server they visit, nor be slowed by whoever measures, so
`run_crowd` starts them apart. A job names one of JOBS and its arguments.
"""

import asyncio
import json
import os
import random
import secrets
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass

from tests.bench.installation import REPOSITORY
from tests.bench.processes import cpu_seconds
from tests.bench.visitor import Failed, Log, Visitor

ARRIVALS_AT_ONCE = 16  # where arriving is not what is measured


@dataclass
class Outcome:
    """What a crowd saw.

    ``latencies``: the milliseconds of each answer, by step. ``phases``: by name, its seconds and
    the CPU seconds that it cost each process that was asked for, and "client", this one.
    """

    latencies: dict[str, list[float]]
    errors: list[str]
    phases: dict[str, dict[str, float]]


def run_crowd(
    job: str, ports: list[int], pids: dict[str, list[int]], *, core: int | None = None, **arguments
) -> Outcome:
    """Run a job to its end. ``pids``: processes whose CPU time to measure, under a name."""
    pinned = [] if core is None else ["taskset", "--cpu-list", str(core)]
    given = {"job": job, "ports": ports, "pids": pids, "arguments": arguments}
    done = subprocess.run(
        [*pinned, sys.executable, "-m", "tests.bench.crowd"],
        cwd=REPOSITORY,
        input=json.dumps(given),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Outcome(**json.loads(done.stdout))


class Crowd:
    """Visitors of the same servers, and what they see."""

    def __init__(self, ports: list[int], pids: dict[str, list[int]]) -> None:
        self.log = Log()
        self.phases: dict[str, dict[str, float]] = {}
        self._ports = ports
        self._pids = pids | {"client": [os.getpid()]}
        self._series = secrets.token_hex(4)
        self._made = 0

    def visitors(self, number: int) -> list[Visitor]:
        """So many new ones."""
        self._made += number
        numbers = range(self._made - number, self._made)
        return [Visitor(self._series, each, self._ports, self.log) for each in numbers]

    async def arrived(self, number: int) -> list[Visitor]:
        """So many new ones whose task has begun."""
        visitors = self.visitors(number)
        await each(visitors, Visitor.arrive, ARRIVALS_AT_ONCE)
        return visitors

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Measure what happens within; phases of one name add up."""
        before = self._read()
        yield
        spent = self.phases.setdefault(name, dict.fromkeys(before, 0.0))
        for figure, value in self._read().items():
            spent[figure] += value - before[figure]

    def _read(self) -> dict[str, float]:
        cpu = {name: sum(map(cpu_seconds, pids)) for name, pids in self._pids.items()}
        return cpu | {"seconds": time.perf_counter(), "sent": self.log.sent}


async def each(
    visitors: list[Visitor], act: Callable[[Visitor], Awaitable[None]], at_once: int
) -> None:
    """Let each visitor do something, so many at a time. A failure ends only that visitor's part."""
    waiting = iter(visitors)

    async def one_after_the_other() -> None:
        for visitor in waiting:
            with suppress(Failed):
                await act(visitor)

    await asyncio.gather(*(one_after_the_other() for _ in range(at_once)))


async def take_part(crowd: Crowd, number: int, at_once: int) -> None:
    """Whole participations without pauses."""
    visitors = crowd.visitors(number)
    with crowd.phase("participations"):
        await each(visitors, Visitor.take_part, at_once)


async def step_by_step(crowd: Crowd, number: int) -> None:
    """One visitor at a time, and all of them do a step before the next step is measured."""
    visitors = crowd.visitors(number)
    for step in (Visitor.ad, Visitor.consent, Visitor.exp, Visitor.save):
        with crowd.phase(step.__name__):
            await each(visitors, step, at_once=1)


async def arrive_at_once(crowd: Crowd, number: int, at_once: int) -> None:
    """Everybody opens the experiment, and so is assigned a condition."""
    visitors = crowd.visitors(number)
    with crowd.phase("exp"):
        await each(visitors, Visitor.exp, at_once)
    for visitor in visitors:
        visitor.leave()


async def arrive_and_save(crowd: Crowd, number: int, at_once: int) -> None:
    """Everybody opens the experiment; when all have, everybody saves."""
    visitors = crowd.visitors(number)
    for step in (Visitor.exp, Visitor.save):
        with crowd.phase(step.__name__):
            await each(visitors, step, at_once)
    for visitor in visitors:
        visitor.leave()


async def in_session(crowd: Crowd, number: int, every: float, seconds: float) -> None:
    """So many do the task at once, for so long, and each saves every few seconds."""
    visitors = await crowd.arrived(number)
    ends = time.perf_counter() + seconds
    with crowd.phase("session"):
        await each(visitors, lambda visitor: work(visitor, every, ends), at_once=number)


async def work(visitor: Visitor, every: float, ends: float) -> None:
    """Save at regular times, whatever became of the save before."""
    due = time.perf_counter() + random.uniform(0, every)
    while due < ends:
        await asyncio.sleep(max(0, due - time.perf_counter()))
        with suppress(Failed):
            await visitor.save()
        due += every
    visitor.leave()


async def grow(crowd: Crowd, visitors: int, ready: int, number: int, psql: list[str]) -> None:
    """Some, one after the other, do so many trials after those that they have saved, and end."""
    growing = await crowd.arrived(visitors)
    if ready:
        await each(growing, lambda visitor: visitor.record_trials(ready, "ready"), at_once=1)
    for phase, act in (("trials", lambda visitor: visitor.take_trials(number)), ("end", end)):
        before = await wal_bytes(psql)
        with crowd.phase(phase):
            await each(growing, act, at_once=1)
        crowd.phases[phase]["wal"] = await wal_bytes(psql) - before


async def end(visitor: Visitor) -> None:
    await visitor.complete()
    visitor.leave()


async def wal_bytes(psql: list[str]) -> float:
    """What PostgreSQL has written to its log by now."""
    query = "SELECT pg_current_wal_insert_lsn() - '0/0'"
    process = await asyncio.create_subprocess_exec(
        *psql, "-c", query, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    return float(output)


async def beside_waiting(
    crowd: Crowd, waiting: int, number: int, psql: list[str], table: str, seconds: float
) -> None:
    """Saves of some, while those of others wait for a lock that somebody holds on their rows."""
    visitors = await crowd.arrived(waiting + number)
    held, others = visitors[:waiting], visitors[waiting:]
    await spread_over(seconds, others, lambda visitor: visitor.save("undisturbed"))
    async with rows_locked(psql, table, held, seconds):
        blocked = [asyncio.ensure_future(visitor.save("waiting")) for visitor in held]
        await asyncio.sleep(seconds / 10)
        await spread_over(seconds * 0.8, others, lambda visitor: visitor.save("beside"))
        await asyncio.gather(*blocked, return_exceptions=True)


async def spread_over(
    seconds: float, visitors: list[Visitor], act: Callable[[Visitor], Awaitable[None]]
) -> None:
    """Each visitor starts at a time of its own; returns when all are done."""
    started = []
    for visitor in visitors:
        started.append(asyncio.ensure_future(act(visitor)))
        await asyncio.sleep(seconds / len(visitors))
    await asyncio.gather(*started, return_exceptions=True)


@asynccontextmanager
async def rows_locked(psql: list[str], table: str, visitors: list[Visitor], seconds: float):
    """Lock these visitors' rows for so many seconds, as a transaction of somebody else does."""
    process = await asyncio.create_subprocess_exec(
        *psql, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    ids = ", ".join(f"'{visitor.uid}'" for visitor in visitors)
    sql = f"BEGIN; SELECT 'locked' FROM {table} WHERE uniqueid IN ({ids}) FOR UPDATE;\n"
    process.stdin.write(sql.encode())
    for _ in visitors:
        assert await process.stdout.readline() == b"locked\n"

    async def let_go() -> None:
        await asyncio.sleep(seconds)
        await process.communicate(b"COMMIT;\n")

    released = asyncio.ensure_future(let_go())
    try:
        yield
    finally:
        await released


JOBS = {
    job.__name__: job
    for job in (
        *(take_part, step_by_step, arrive_at_once, arrive_and_save),
        *(in_session, grow, beside_waiting),
    )
}


def main() -> None:
    given = json.load(sys.stdin)
    crowd = Crowd(given["ports"], given["pids"])
    asyncio.run(JOBS[given["job"]](crowd, **given["arguments"]))
    outcome = Outcome(crowd.log.latencies, crowd.log.errors, crowd.phases)
    json.dump(vars(outcome), sys.stdout)


if __name__ == "__main__":
    main()
