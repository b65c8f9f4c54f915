"""Single requests to a server, with all that is in the answer."""

import gzip
import http.client
import json
from dataclasses import dataclass

from server import Server


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        packed = self.headers["Content-Encoding"] == "gzip"
        return (gzip.decompress(self.body) if packed else self.body).decode()

    @property
    def json(self):
        return json.loads(self.text)

    @property
    def policy(self) -> dict[str, list[str]]:
        """The Content-Security-Policy: its directives with their sources."""
        parts = self.headers["Content-Security-Policy"].split(";")
        return {words[0]: words[1:] for words in map(str.split, parts)}


def ask(
    server: Server, path: str, method: str = "GET", body: str | None = None, **headers: str
) -> Answer:
    """One request, nothing followed and nothing added; _ in a header's name stands for -."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, names)
    response = connection.getresponse()
    answer = Answer(response.status, response.headers, response.read())
    connection.close()
    return answer
