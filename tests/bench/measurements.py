"""What is measured, one function for each table of the report.

Each starts the servers it compares side by side and lets crowds visit them by turns, so that
whatever else the machine is doing falls on all of them alike.
"""

from contextlib import ExitStack

from tests.bench.crowd import Outcome
from tests.bench.database import CONDITIONS, TABLE
from tests.bench.installation import Installation
from tests.bench.report import median, percentile, table, times
from tests.bench.servers import Cores, Site, open_site
from tests.bench.watch import Watch
from tests.heroku.postgres import Cluster

AT_ONCE = 32
ROUNDS = 4
PER_ROUND = 96
STEPS = ("ad", "consent", "exp", "save")
# Trials of a record that are measured: how many do them, how many are saved before, how many new.
GROWTH = {
    "100 trials": (20, 0, 100),
    "1,000 trials": (2, 0, 1000),
    "of 10,000 trials, the last 1,000": (1, 9000, 1000),
}


def added(outcomes: list[Outcome]) -> Outcome:
    """Several outcomes of one job, as if they were one."""
    total = Outcome({}, [], {})
    for outcome in outcomes:
        total.errors.extend(outcome.errors)
        for step, values in outcome.latencies.items():
            total.latencies.setdefault(step, []).extend(values)
        for phase, figures in outcome.phases.items():
            spent = total.phases.setdefault(phase, dict.fromkeys(figures, 0.0))
            for figure, value in figures.items():
                spent[figure] += value
    return total


def participations(cluster: Cluster, installations: list[Installation], cores: Cores) -> str:
    """Whole participations, 32 at once, one worker."""
    number = ROUNDS * PER_ROUND
    seen: dict[str, list[Outcome]] = {each.name: [] for each in installations}
    whole = dict.fromkeys(seen, 0)
    with ExitStack() as stack:
        sites = [stack.enter_context(open_site(each, cluster, cores)) for each in installations]
        for site in sites:
            site.visit("take_part", number=AT_ONCE, at_once=AT_ONCE)
        for _ in range(ROUNDS):
            for site in sites:
                site.database.clear()
                outcome = site.visit("take_part", number=PER_ROUND, at_once=AT_ONCE)
                seen[site.name].append(outcome)
                whole[site.name] += site.database.submitted()
    columns = [_cost(added(outcomes), number) for outcomes in seen.values()]
    for column, stored in zip(columns, whole.values(), strict=True):
        column[f"stored whole, of {number}"] = stored
    head = ("32 at once, 1 worker", *seen, "ratio")
    rows = [
        (figure, *(f"{column[figure]:.1f}" for column in columns), _ratio(figure, columns))
        for figure in columns[0]
    ]
    return table(head, *rows)


def _cost(outcome: Outcome, number: int) -> dict[str, float]:
    spent, saves = outcome.phases["participations"], outcome.latencies["save"]
    return {
        "participants per second": number / spent["seconds"],
        "server CPU, ms per participant": spent["server"] / number * 1000,
        "database CPU, ms per participant": spent["database"] / number * 1000,
        "a save, median ms": median(saves),
        "a save, p99 ms": percentile(saves, 99),
        "server's core, % busy with it": spent["server"] / spent["seconds"] * 100,
        "other core, % busy with database": spent["database"] / spent["seconds"] * 100,
        "other core, % busy with client": spent["client"] / spent["seconds"] * 100,
        "errors": len(outcome.errors),
    }


def _ratio(figure: str, columns: list[dict[str, float]]) -> str:
    compared = ("per", "a save")
    if not any(word in figure for word in compared):
        return ""
    return times(columns[-1][figure], columns[0][figure])


def flatness(cluster: Cluster, installations: list[Installation], cores: Cores) -> str:
    """What a trial costs at the beginning of a record and at its end, one trial a second.

    psiturk.js has no pace of its own: here it saves every six seconds, as ours do. What the end
    adds to the log belongs to all trials of the record.
    """
    head = (
        "one trial",
        "",
        "bytes sent",
        "server CPU, ms",
        "database CPU, ms",
        "WAL, bytes",
        "end, ms",
    )
    rows = []
    with ExitStack() as stack:
        sites = [stack.enter_context(open_site(each, cluster, cores)) for each in installations]
        for site in sites:
            site.visit("take_part", number=AT_ONCE, at_once=AT_ONCE)
            site.database.ask("CHECKPOINT")
        for site in sites:
            for what, (visitors, ready, number) in GROWTH.items():
                given = {"visitors": visitors, "ready": ready, "number": number}
                outcome = site.visit("grow", **given, psql=psql(site))
                assert not outcome.errors, outcome.errors
                spent, ended = outcome.phases["trials"], outcome.phases["end"]
                trials = visitors * number
                cpu = (spent[name] / trials * 1000 for name in ("server", "database"))
                figures = (f"{spent['sent'] / trials:,.0f}", *(f"{ms:.3f}" for ms in cpu))
                wal = spent["wal"] / trials + ended["wal"] / (visitors * (ready + number))
                end = ended["seconds"] / visitors * 1000
                rows.append((site.name, what, *figures, f"{wal:,.0f}", f"{end:.1f}"))
    return table(head, *rows)


def arrivals(
    cluster: Cluster, installation: Installation, cores: Cores, sizes: list[int], number: int
) -> str:
    """What each step of an arrival costs, beside so many participants from before."""
    rounds = 2 * ROUNDS  # many short ones, for figures that should differ by little
    seen: dict[int, list[Outcome]] = {size: [] for size in sizes}
    with ExitStack() as stack:
        sites = {
            size: stack.enter_context(
                open_site(
                    installation,
                    cluster,
                    cores,
                    earlier=size,
                    record_size=2000 if size <= 100_000 else 200,
                )
            )
            for size in sizes
        }
        for site in sites.values():
            site.visit("step_by_step", number=10)
        for _ in range(rounds):
            for size, site in sites.items():
                seen[size].append(site.visit("step_by_step", number=number))
    outcomes = {size: added(each) for size, each in seen.items()}
    head = (installation.name, "earlier", "median ms", "p99 ms", "CPU ms", "with database")
    rows = []
    for step in STEPS:
        base = _step(outcomes[sizes[0]], step, number * rounds)
        for size, outcome in outcomes.items():
            figures = _step(outcome, step, number * rounds)
            cells = [
                f"{figure:.2f}" + (f" (x{times(figure, empty)})" if size else "")
                for figure, empty in zip(figures, base, strict=True)
            ]
            rows.append((step, f"{size:,}", *cells))
    errors = sum(len(outcome.errors) for outcome in outcomes.values())
    return table(head, *rows) + f"\n\nErrors: {errors}"


def _step(outcome: Outcome, step: str, number: int) -> tuple[float, float, float, float]:
    """Median and 99th percentile, server's CPU, and that with the database's; in ms."""
    values, spent = outcome.latencies[step], outcome.phases[step]
    server, database = (spent[name] / number * 1000 for name in ("server", "database"))
    return median(values), percentile(values, 99), server, server + database


def crowds(cluster: Cluster, sites: dict[str, tuple[Installation, int, int]], cores: Cores) -> str:
    """How long /exp takes for 32 and for 200 at once. Two workers, as on a dyno, on one core.

    ``sites``: by their name in the table, how many finished before and how many came just now.
    """
    queues: dict[str, list[Outcome]] = {name: [] for name in sites}
    rushes: dict[str, list[Outcome]] = {name: [] for name in sites}
    with ExitStack() as stack:
        opened = {
            name: stack.enter_context(
                open_site(
                    installation, cluster, cores, workers=2,
                    earlier=earlier, recent=recent, record_size=200,
                )
            )
            for name, (installation, earlier, recent) in sites.items()
        }  # fmt: skip
        for site in opened.values():
            site.visit("arrive_and_save", number=AT_ONCE, at_once=AT_ONCE)
        for _ in range(2 * ROUNDS):
            for name, site in opened.items():
                queues[name].append(site.visit("arrive_and_save", number=192, at_once=AT_ONCE))
                rushes[name].append(site.visit("arrive_at_once", number=200, at_once=200))
    rows = []
    for name in sites:
        queue = added(queues[name])
        p99, save = (percentile(queue.latencies[step], 99) for step in ("exp", "save"))
        all_of_200 = [rush.phases["exp"]["seconds"] * 1000 for rush in rushes[name]]
        cpu = [
            queue.phases["exp"][who] * 1000 / 192 / len(queues[name])
            for who in ("server", "database")
        ]
        figures = (median(queue.latencies["exp"]), p99, save, p99 / save, *cpu)
        figures += (median(all_of_200), max(all_of_200))
        errors = sum(len(each.errors) for each in (*queues[name], *rushes[name]))
        rows.append((name, *(f"{figure:.1f}" for figure in figures), f"{errors}"))
    head = ("ms", "/exp, p50", "/exp, p99", "a save, p99", "ratio of p99", "CPU of /exp: server")
    head += ("database", "all of 200, median", "all of 200, longest", "errors")
    return table(head, *rows)


def blocking(cluster: Cluster, installations: list[Installation], cores: Cores) -> str:
    """Saves of 20 others, while saves of some wait for a second in the database."""
    head = ("ms", *(f"{each.name}, {what}" for each in installations for what in ("median", "max")))
    rows: dict[str, list[str]] = {}
    errors = 0
    for installation in installations:
        for waiting in (1, 4, 8):
            with open_site(installation, cluster, cores) as site:
                outcome = site.visit(
                    "beside_waiting",
                    waiting=waiting,
                    number=20,
                    seconds=1,
                    psql=psql(site),
                    table=TABLE,
                )
            errors += len(outcome.errors)
            if waiting == 1:
                cells = rows.setdefault("20 saves, nobody waits", [])
                cells += _median_and_max(outcome.latencies.get("undisturbed", []))
            cells = rows.setdefault(f"20 saves beside {waiting} that wait 1 s", [])
            cells += _median_and_max(outcome.latencies.get("beside", []))
    return table(head, *((name, *cells) for name, cells in rows.items())) + f"\n\nErrors: {errors}"


def _median_and_max(values: list[float]) -> list[str]:
    return [f"{median(values):.1f}", f"{max(values, default=float('nan')):.1f}"]


def psql(site: Site) -> list[str]:
    """The command that runs SQL from its input as the site's own role."""
    return [Cluster.binary("psql"), "-XAtq", site.database.url]


def small_dyno(
    cluster: Cluster, installations: list[Installation], cores: Cores, number: int, seconds: float
) -> str:
    """One core, two workers, so many participants in session at once, each saving every 5 s."""
    columns = []
    for installation in installations:
        with open_site(installation, cluster, cores, workers=2) as site:
            with Watch(site.memory, every=2) as memory:
                outcome = site.visit("in_session", number=number, every=5, seconds=seconds)
            spent, saves = outcome.phases["session"], outcome.latencies.get("save", [])
            columns.append(
                {
                    "errors": f"{len(outcome.errors)}",
                    "saves": f"{len(saves)}",
                    "a save, median ms": f"{median(saves):.1f}",
                    "a save, p99 ms": f"{percentile(saves, 99):.1f}",
                    "a save, slowest ms": f"{max(saves, default=float('nan')):.1f}",
                    "memory at its peak (PSS), MB": f"{memory.peak:.0f}",
                    "core, % busy": f"{spent['server'] / spent['seconds'] * 100:.0f}",
                }
            )
    head = (f"{number} in session, {seconds:.0f} s", *(each.name for each in installations))
    return table(head, *((figure, *(c[figure] for c in columns)) for figure in columns[0]))


def scaling(cluster: Cluster, installation: Installation) -> str:
    """1, 2 and 4 processes, as workers of one dyno and as dynos, free to use every core."""
    shapes = [(1, 1), (1, 2), (1, 4), (2, 1), (4, 1), (2, 2)]
    seen: dict[tuple[int, int], list[Outcome]] = {shape: [] for shape in shapes}
    peaks = dict.fromkeys(shapes, 0.0)
    with ExitStack() as stack:
        sites = {
            (dynos, workers): stack.enter_context(
                open_site(installation, cluster, Cores(), dynos=dynos, workers=workers)
            )
            for dynos, workers in shapes
        }
        for site in sites.values():
            site.visit("take_part", number=2 * AT_ONCE, at_once=AT_ONCE)
        for _ in range(ROUNDS):
            for shape, site in sites.items():
                with Watch(site.database.connections, every=0.3) as connections:
                    outcome = site.visit("take_part", number=PER_ROUND, at_once=AT_ONCE)
                seen[shape].append(outcome)
                peaks[shape] = max(peaks[shape], connections.peak)
        arrivals = {shape: _arrive_at_once(site) for shape, site in sites.items()}
    base = _rate(added(seen[shapes[0]]))
    rows = []
    for shape in shapes:
        outcome = added([*seen[shape], arrivals[shape][0]])
        spent, cells = outcome.phases["participations"], arrivals[shape][1]
        busy = sum(spent[name] for name in ("server", "database", "client")) / spent["seconds"]
        rows.append(
            (
                f"{shape[0]} x {shape[1]}",
                f"{_rate(outcome):.1f}",
                times(_rate(outcome), base),
                f"{busy:.2f}",
                f"{peaks[shape]:.0f}",
                f"{sum(cells)} in {len(cells)} of {CONDITIONS}",
                f"{max(cells) - min(cells)}",
                f"{len(outcome.errors)}",
            )
        )
    head = ("dynos x workers", "participants/s", "ratio", "cores in use", "connections at peak")
    return table((*head, "arrivals in conditions", "max - min", "errors"), *rows)


def _rate(outcome: Outcome) -> float:
    """Participants per second, of ROUNDS rounds."""
    return ROUNDS * PER_ROUND / outcome.phases["participations"]["seconds"]


def _arrive_at_once(site: Site) -> tuple[Outcome, list[int]]:
    """What 1,000 saw who came at once, and how many each condition got."""
    site.database.clear()
    outcome = site.visit("arrive_at_once", number=1000, at_once=200)
    return outcome, site.database.conditions()
