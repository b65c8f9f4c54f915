"""Several servers of one study on one database, as its dynos are, and who arrives there.

dynos    a function that starts so many servers of the file's `study`, perhaps of another folder,
         with the conditions that the file's CELLS say
"""

import re
from contextlib import ExitStack
from pathlib import Path

import pytest
from participant import Participant
from server import Server, cloud_server


@pytest.fixture
def dynos(request, study):
    with ExitStack() as stack:

        def start(count: int, url: str, folder: Path = study.path, **settings: str) -> list[Server]:
            settings = request.module.CELLS | settings
            servers = [
                stack.enter_context(cloud_server(folder, study.python, url, **settings))
                for _ in range(count)
            ]
            return [server.wait() for server in servers]

        yield start


def arrive(
    server: Server, worker: str, assignment: str = "a", mode: str = "prolific"
) -> Participant:
    """Somebody who has opened the experiment; ``condition`` is None if they were refused."""
    participant = Participant(server.address, worker, assignment, mode=mode)
    participant.page = participant.open("/exp")
    found = re.search(r'data-condition="(\d)"', participant.page.text)
    participant.condition = int(found[1]) if found else None
    return participant
