"""A study that is being watched: `study watch`, and what its page asks for."""

import json
import os
import re
import subprocess
import urllib.error
import urllib.request


class Watched:
    """What `study watch` serves: the study of a lab or, through Heroku's command, of its app."""

    def __init__(self, study) -> None:
        command = [study.python, "-m", "study", "watch", "--no-browser"]
        if is_online := hasattr(study, "machine"):
            environment = study.machine.environment | {"PYTHONPATH": ""}
        else:
            environment = os.environ | {"PSITURK_DATABASE_URL": study.url}
        command += [] if is_online else ["--local"]
        pipes = {"stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(command, cwd=study.folder, env=environment, **pipes)
        said = self.process.stdout.readline()
        self.address = re.search(r"http://127\.0\.0\.1:\d+/[\w-]{32}/", said)[0]

    def ask(self, path: str = "", method: str = "GET", **headers: str) -> tuple[int, str, dict]:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.address + path, headers=names, method=method)
        try:
            answer = urllib.request.urlopen(request, timeout=60)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return answer.status, answer.read().decode(), dict(answer.headers)

    def json(self, path: str) -> dict:
        status, text, _ = self.ask(path)
        assert status == 200, text
        return json.loads(text)
