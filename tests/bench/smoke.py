"""Every job of the benchmark with a few participants: does it work?"""

from tests.bench.database import TABLE
from tests.bench.installation import Installation
from tests.bench.measurements import psql
from tests.bench.report import table
from tests.bench.servers import Cores, open_site
from tests.heroku.postgres import Cluster

EARLIER = 10


def smoke(cluster: Cluster, study: Installation) -> bool:
    """Print what each job did; whether all went well and the database has everybody."""
    jobs = {
        "take_part": {"number": 6, "at_once": 3},
        "step_by_step": {"number": 2},
        "arrive_at_once": {"number": 8, "at_once": 8},
        "arrive_and_save": {"number": 4, "at_once": 2},
        "in_session": {"number": 4, "every": 0.3, "seconds": 1},
        "beside_waiting": {"waiting": 1, "number": 3, "seconds": 0.3, "table": TABLE},
    }
    with open_site(study, cluster, Cores(), workers=2, earlier=EARLIER) as site:
        jobs["beside_waiting"]["psql"] = psql(site)
        outcomes = {job: site.visit(job, **arguments) for job, arguments in jobs.items()}
        rows = sum(site.database.conditions())
        submitted = site.database.submitted()
    errors = [error for outcome in outcomes.values() for error in outcome.errors]
    expected = EARLIER + sum(each["number"] + each.get("waiting", 0) for each in jobs.values())
    print(
        table(
            ("", "found", "expected"),
            ("errors", str(len(errors)), "0"),
            ("participants", str(rows), str(expected)),
            ("submitted with a whole record", str(submitted), str(jobs["take_part"]["number"])),
        )
    )
    print(*errors, sep="\n")
    return not errors and rows == expected and submitted == jobs["take_part"]["number"]
