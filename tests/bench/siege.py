"""What a visitor meets, and what a server holds, while others keep it waiting.

    uv run python -m tests.bench.siege STUDY

Two workers, PostgreSQL, no router in front. While each siege lasts, one visitor opens the
invitation and saves, each time on a new connection. STUDY is the folder of an installed study.
"""

import argparse
import statistics
import time
from pathlib import Path

from tests.bench.installation import installed_study
from tests.bench.servers import Cores, open_site
from tests.bench.watch import Watch
from tests.heroku.postgres import Cluster
from tests.participant import Participant
from tests.slow_clients import ENDLESS_LINE, HALF_HEAD, PIECE, Siege, half_body

SECONDS = 40
MEGABYTE = 1_000_000
READ = b"GET /static/js/participant.js HTTP/1.1\r\nHost: x\r\n\r\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    options = parser.parse_args()
    cluster = Cluster()
    try:
        for name in SIEGES:
            if options.only in name:
                measure(name, options, cluster)
    finally:
        cluster.stop()


def measure(name: str, options, cluster: Cluster) -> None:
    print(name, end=": ", flush=True)
    installation = installed_study(options.study.resolve())
    with open_site(installation, cluster, Cores(), workers=2) as site:
        port = site.servers[0].port
        visitor, attacker = (Participant(f"http://127.0.0.1:{port}", w, "a") for w in ("v", "x"))
        for each in (visitor, attacker):
            assert each.open("/exp").status == 200
        cookie = "; ".join(f"{c.name}={c.value}" for c in attacker.browser.cookies)
        record, before = visitor.record(), site.memory()
        with Watch(site.memory, every=0.2) as memory:
            with SIEGES[name](port, cookie) as siege:
                seen = visit(visitor, record, options.seconds)
            time.sleep(2)
            after = site.memory()
        print(
            f"{seen}; {siege.opened} opened, {siege.closed} closed by the server; "
            f"PSS {before:.0f} before, {memory.peak:.0f} at most, {after:.0f} MB 2 s after"
        )


def visit(visitor: Participant, record: dict, seconds: float) -> str:
    """Say how long the visitor's requests took, and how many failed."""
    times, failed = [], 0
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for ask in (lambda: visitor.open("/pub"), lambda: visitor.save(record)):
            started = time.monotonic()
            try:
                assert ask().status == 200
                times.append(time.monotonic() - started)
            except (OSError, AssertionError):
                failed += 1
        time.sleep(0.05)
    if len(times) < 2:
        return f"{len(times)} answered, {failed} failed"
    p99 = statistics.quantiles(times, n=100, method="inclusive")[98]
    return (
        f"{len(times)} answered, median {1000 * statistics.median(times):.1f} ms, "
        f"p99 {1000 * p99:.1f} ms, longest {max(times):.2f} s, {failed} failed"
    )


def half_bodies(count: int, length: int, sent: int, drip: bytes = b""):
    return lambda port, cookie: Siege(
        port, half_body("/sync/x:a", cookie, length, sent), connections=count, drip=drip
    )


def save(cookie: str, body: bytes) -> bytes:
    return half_body("/sync/x:a", cookie, len(body), 10)[:-10] + body


SIEGES = {
    "nobody": lambda port, cookie: Siege(port, b"", connections=1),
    "2,100 half heads": lambda port, cookie: Siege(port, HALF_HEAD, connections=2100, drip=b"a"),
    "2,100 idle": lambda port, cookie: Siege(port, b"", connections=2100),
    "2,100 slow bodies": half_bodies(2100, 7 * MEGABYTE, 20, drip=b"a"),
    "4 endless lines": lambda port, cookie: Siege(
        port, ENDLESS_LINE, connections=4, drip=PIECE * 16 * b"a"
    ),
    "60 unfinished bodies of 7.9 MB": half_bodies(60, 7_900_000, 7_890_000),
    "8 saves of 7.8 MB": lambda port, cookie: Siege(
        port, 4 * save(cookie, b'{"data":[' + 2_600_000 * b"[]," + b"0]}"), connections=8
    ),
    "2,100 who read nothing": lambda port, cookie: Siege(
        port, 10 * READ, connections=2100, drip=b" ", reads=False
    ),
}
if __name__ == "__main__":
    main()
