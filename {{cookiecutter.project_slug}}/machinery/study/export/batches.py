"""The participants some at a time: read, made into lines of CSV, and kept until all are there.

A part is named by what it is made from: the participants, the versions of their rows, and
everything that shapes the lines. So a download that was interrupted finds the parts that it
made before, and makes those again in which anything has changed since. SQLite tells no
versions of rows; from there, every part is made anew.

One process for each core makes parts. All look at the database at the same moment
(PostgreSQL's exported snapshot), and the order of parts is the order of participants.
"""

import contextlib
import gc
import hashlib
import multiprocessing
import multiprocessing.connection
import os
import secrets
import signal
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from study.export.column_stats import Observed
from study.export.files import write_at_once
from study.export.source import DATABASE_ERRORS, Reader, Source, as_text

FORMAT = 2  # of a part; with another number, all are made anew
ABOUT_PARTICIPANTS = 128
MOST_BYTES = 4_000_000  # of records, unless a single one is larger
MOST_PROCESSES = 4  # a small database takes 20 connections, and participants need some
WORTH_PROCESSES = 4  # parts; fewer are made sooner than processes start


class Part(msgspec.Struct):
    """What was made of some participants: for each file, its lines, how many rows were read,
    and how many the lines are when they are counted."""

    texts: dict[str, bytes] = {}
    rows: dict[str, int] = {}
    counted: dict[str, int] = {}
    longest: int = 0  # bytes of the longest lines of one participant
    keys: list[str | None] = []  # of trials; the columns of their lines
    observed: dict[str, list[Observed]] = {}
    without_data: int = 0
    problems: list[str] = []


@dataclass(frozen=True)
class Plan:
    """The participants of one part. ``made_from`` tells their rows' versions."""

    ids: tuple[str, ...]
    size: int
    made_from: str


@dataclass(frozen=True)
class Job:
    """How parts are made; the same for all of a download. ``make`` belongs to a module, and
    its further arguments are ``how``, of which the text tells all that matters."""

    source: Source
    folder: Path
    make: Callable[..., Part]
    how: dict[str, Any] = field(default_factory=dict)
    snapshot: str = ""

    def path(self, plan: Plan) -> Path:
        """Where the part is kept."""
        shape = f"{FORMAT} {self.source.address} {self.make.__module__} {self.how} "
        return self.folder / hashlib.sha256((shape + plan.made_from).encode()).hexdigest()[:32]

    def part(self, plan: Plan, reader: Reader) -> Part:
        """A part, made unless it is there. Only its texts stay on the disk."""
        if self.path(plan).exists():
            part = self.load(plan)
        else:
            part = self.make(reader, plan.ids, **self.how)
            write_at_once(self.path(plan), _packed(part))
        part.texts = {}
        return part

    def load(self, plan: Plan) -> Part:
        """A part from the disk; its texts are views of what was read."""
        return _unpacked(memoryview(self.path(plan).read_bytes()))


def _packed(part: Part) -> list[bytes]:
    """All but the texts, after its own size, and then the texts as they are."""
    sizes = {name: len(text) for name, text in part.texts.items()}
    others = msgspec.msgpack.encode((msgspec.structs.replace(part, texts={}), sizes))
    return [len(others).to_bytes(8), others, *part.texts.values()]


def _unpacked(content: memoryview) -> Part:
    end = 8 + int.from_bytes(content[:8])
    part, sizes = msgspec.msgpack.decode(content[8:end], type=tuple[Part, dict[str, int]])
    for name, size in sizes.items():
        part.texts[name] = content[end : end + size]
        end += size
    return part


def plan_parts(reader: Reader, where: tuple[str, list], order: str = "") -> list[Plan]:
    """All participants for whom the condition holds, divided into parts; at least one part.

    A part ends after a participant whose id has a certain checksum. So when somebody is added
    or gone, the parts behind are still the same.
    """
    condition, parameters = where
    version = reader.version or f"'{secrets.token_hex(16)}'"
    wanted = ("uniqueid", f"coalesce({reader.size}, 0)", version)
    statement = f"select {', '.join(map(as_text, wanted))} from {reader.table} where {condition}"
    plans, ids, size, seen, is_end = [], [], 0, hashlib.sha256(), False
    for uniqueid, length, version in reader.rows(f"{statement} {order}", *parameters):
        if is_end or (ids and size + int(length) > MOST_BYTES):
            plans.append(Plan(tuple(ids), size, seen.hexdigest()))
            ids, size, seen = [], 0, hashlib.sha256()
        ids.append(uniqueid.decode())
        size += int(length)
        seen.update(b"%b\0%b\0" % (uniqueid, version))
        is_end = zlib.crc32(uniqueid) % ABOUT_PARTICIPANTS == 0
    return [*plans, Plan(tuple(ids), size, seen.hexdigest())]


def make_parts(job: Job, plans: list[Plan], reader: Reader) -> Iterator[Part]:
    """The parts without their texts, one after the other."""
    processes = min(getattr(os, "process_cpu_count", os.cpu_count)() or 1, MOST_PROCESSES)
    missing = [plan for plan in plans if not job.path(plan).exists()]
    if not reader.snapshot or processes < 2 or len(missing) < WORTH_PROCESSES:
        yield from (job.part(plan, reader) for plan in plans)
        return
    with _processes(processes, job) as pool:
        futures = {plan: pool.submit(_make, plan) for plan in missing}
        for plan in plans:
            yield _result(futures.pop(plan, None)) or job.part(plan, reader)


@contextlib.contextmanager
def _processes(number: int, job: Job) -> Iterator[ProcessPoolExecutor]:
    # Forked on Linux, where that is safe and quick: there are no threads yet.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    pool = ProcessPoolExecutor(number, context, initializer=_begin, initargs=(job,))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _result(future: Future | None) -> Part | None:
    """What a process made; None if it could not, so that it is tried here."""
    with contextlib.suppress(BrokenProcessPool):
        return future and future.result()


_job: Job
_reader: Reader | None = None


def _begin(job: Job) -> None:
    global _job
    _job = job
    threading.Thread(target=_end_with_first_process, daemon=True).start()
    gc.disable()  # rows hold no cycles; looking for some takes a tenth of the time
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the first process


def _end_with_first_process() -> None:
    """Nobody else would tell this process to end if the first one was killed."""
    multiprocessing.connection.wait([multiprocessing.parent_process().sentinel])
    os._exit(1)


def _make(plan: Plan) -> Part | None:
    global _reader
    try:
        _reader = _reader or _job.source.connect(_job.snapshot)
        return _job.part(plan, _reader)
    except DATABASE_ERRORS:  # such as too many connections
        _reader = None
        return None
