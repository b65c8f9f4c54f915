"""Whatever is sent to a study: no crash, no traceback, and nobody else's record is touched.

A few hundred requests; more: REQUESTS=20000 uv run pytest -n0 -s tests/machinery/test_fuzz.py
"""

import json
import os
from urllib.parse import urlsplit

import pytest
from fuzz import Attacker
from participant import Participant
from server import Server, free_port


@pytest.mark.slow
def test_random_requests_do_no_harm(studies, cluster):
    study, url, port = studies(recruitment="prolific", num_conditions="2"), "", free_port()
    url = cluster.create_database()
    with Server(
        study.path, study.python, "-m", "study.server",
        port=port, PORT=str(port), ON_CLOUD="1", DATABASE_URL=url,
    ) as server:  # fmt: skip
        victim = Participant(server.wait().address, "victim", "a", mode="prolific")
        victim.open("/exp")
        record = victim.record()
        victim.save(record)
        count = int(os.environ.get("REQUESTS", "600"))
        findings = Attacker(server.address, seed=count).run(count)
        print(dict(sorted(findings.statuses.items(), key=str)))
        assert findings.wrong == []
        assert {200, 400, 403, 404, 405} <= set(findings.statuses)
        assert victim.load().json == record
        row = cluster.run(
            "SELECT row_to_json(a) FROM assignments a WHERE workerid = 'victim'",
            database=urlsplit(url).path[1:],
        )
        assert json.loads(row)["status"] == 1
    assert "Traceback" not in server.output
    assert "victim" not in server.output
