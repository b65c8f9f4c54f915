"""`study dashboard` in a generated study, with an Amazon of its own."""

import json
import re
from contextlib import contextmanager
from pathlib import Path

from participant import Answer, Browser
from server import Server, free_port, wait_for

AMAZON = Path(__file__).parent / "amazon"
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}


class Dashboard:
    """A running dashboard as its researcher's browser sees it."""

    def __init__(self, server: Server, calls_file: Path) -> None:
        self.server, self.calls_file = server, calls_file
        self.browser = Browser(server.address)

    @property
    def password(self) -> str:
        return re.search(r"name: researcher   password: (\S+)", self.server.output)[1]

    def log_in(self, password: str) -> Answer:
        form = {"username": "researcher", "password": password}
        return self.browser.post("/dashboard/login", **form)

    def api(self, path: str, method: str = "GET", data: dict | None = None):
        """The answer of psiTurk's own interface, as its pages ask for it."""
        answer = self.browser.request(method, f"/api/{path}", data=data)
        assert answer.status in (200, 201), answer.text
        return answer.json

    def asked_amazon_to(self, operation: str) -> list[dict]:
        calls = [json.loads(line) for line in self.calls_file.read_text().splitlines()]
        return [call["arguments"] for call in calls if call["operation"] == operation]


@contextmanager
def running(study, folder: Path, database: str, *options: str):
    """`study dashboard` with an Amazon of its own."""
    calls_file = folder / "amazon.jsonl"
    calls_file.touch()
    port = free_port()
    settings = KEYS | {
        "PYTHONPATH": str(AMAZON),
        "AMAZON_CALLS": str(calls_file),
        "DATABASE_URL": database,
        "PSITURK_AD_URL_DOMAIN": "study.example.edu",
        "PYTHONUNBUFFERED": "1",
    }
    command = (study.path / ".venv/bin/study", "dashboard", "--port", str(port), *options)
    with Server(study.path, *command, port=port, **settings) as server:
        server.wait()
        wait_for(lambda: "password: " in server.output)
        yield Dashboard(server, calls_file)
        assert "Traceback" not in server.output
        assert "Warning" not in server.output
