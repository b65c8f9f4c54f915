"""Servers to measure, each as its documentation starts it, with the settings of a host."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tests.bench.crowd import Outcome, run_crowd
from tests.bench.database import SETTINGS, Database, server_pid
from tests.bench.installation import Installation, clean_environment, run
from tests.bench.processes import everywhere, pin, pss, tree
from tests.heroku import orphans
from tests.heroku.postgres import Cluster
from tests.server import Server, free_port


def serving(
    installation: Installation, url: str, workers: int, *, core: int | None = None, **settings: str
) -> Server:
    """A server on that database, which runs on one core only if it is given."""
    port = free_port()
    settings |= {"ON_CLOUD": "1", "DATABASE_URL": url, "PORT": str(port)}
    # Heroku's buildpack sets two of them, psiTurk reads the other.
    settings |= {"WEB_CONCURRENCY": str(workers), "FORWARDED_ALLOW_IPS": "*"}
    settings |= {"PSITURK_THREADS": str(workers)}
    # Visitors come with psiTurk's own links, to its recipe and ours, and faster than in any study.
    settings = {"PSITURK_SECRET_KEY": "a secret", "PSITURK_RECRUITMENT": "mturk"} | settings
    settings |= {"ARRIVALS_PER_MINUTE": "1000000"}
    settings = clean_environment(**settings)
    pinned = [] if core is None else ["taskset", "--cpu-list", str(core)]
    command = [*pinned, *installation.command]
    return Server(installation.folder, *command, port=port, starts=True, **settings)


def make_psiturks_tables(installation: Installation, url: str) -> None:
    """Make psiTurk's tables as psiTurk does, and nothing else."""
    run(
        installation.environment / "bin" / "python",
        "-c",
        "import psiturk.models, psiturk.db; psiturk.db.init_db()",
        cwd=installation.folder,
        ON_CLOUD="1",
        DATABASE_URL=url,
    )


# What Heroku's smallest plan leaves to the servers; with several dynos, `study check` has the
# researcher share them out.
CONNECTIONS = 16


@dataclass
class Cores:
    """Which core is whose: the servers', and that of the visitors and the database.

    None lets everybody run everywhere.
    """

    servers: int | None = None
    others: int | None = None


@dataclass
class Site:
    """A study that is up: its servers, its database, and who may visit it from which core."""

    name: str
    servers: list[Server]
    database: Database
    database_pid: int
    cores: Cores

    def visit(self, job: str, **arguments) -> Outcome:
        """Let a crowd do a job of crowd.py here, and measure what it costs."""
        pids = {"server": [each.process.pid for each in self.servers]}
        pids["database"] = [self.database_pid]
        ports = [each.port for each in self.servers]
        return run_crowd(job, ports, pids, core=self.cores.others, **arguments)

    def memory(self) -> float:
        """Megabytes (PSS) of all processes of the servers."""
        return sum(pss(pid) for each in self.servers for pid in tree(each.process.pid))


@contextmanager
def open_site(
    installation: Installation,
    cluster: Cluster,
    cores: Cores,
    *,
    workers: int = 1,
    dynos: int = 1,
    earlier: int = 0,
    recent: int = 0,
    record_size: int = 2000,
) -> Iterator[Site]:
    """A study on a new database, with participants from before whose records have that size.

    ``dynos``: how many servers, each with so many workers. ``recent``: so many more who arrived
    within the last half hour.
    """
    database = Database(cluster)
    pid = server_pid(cluster)
    pin(pid, everywhere() if cores.others is None else {cores.others})
    with ExitStack() as stack:
        stack.callback(database.drop)
        if earlier:
            make_psiturks_tables(installation, database.url)
            database.fill(earlier, record_size)
        if recent:
            database.fill_recent(recent)
        settings = SETTINGS.copy()
        if dynos > 1:
            settings["CONNECTIONS_PER_WORKER"] = str(CONNECTIONS // (dynos * workers))
        servers = []
        for _ in range(dynos):
            server = serving(installation, database.url, workers, core=cores.servers, **settings)
            servers.append(stack.enter_context(server))
            orphans.guard(server.process.pid)  # should this process be killed
            stack.callback(orphans.release, server.process.pid)
            server.wait(300)
            server.started_workers(workers)
        yield Site(installation.name, servers, database, pid, cores)
