"""Days of a study and their alerts, with a clock of their own, in the study's own Python.

    sent = play(study, database, {"a quiet day": [["wait", 60]]})

As a script it reads such days from its standard input. Each step is done to the study's database,
its servers or its clock (methods of Day), and what a chat on this machine gets is printed. The
database, the rules, what looks after them and the POST are the real ones.
"""

import dataclasses
import datetime
import json
import os
import sys
import threading
import uuid
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

SECONDS = 10  # between two looks


def play(study, database: Path, days: dict[str, list]) -> dict[str, list[dict]]:
    """Return the messages of each day: when each was sent (seconds since its begin), its JSON."""
    import forks

    settings = os.environ | {"PSITURK_DATABASE_URL": f"sqlite:///{database}"}
    settings["PSITURK_MINUTES"] = "7"  # what these days take for usual
    script = Path(__file__).resolve()
    done = forks.run(study.python, script, cwd=study.path, env=settings, input=json.dumps(days))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


class Chat(HTTPServer):
    """Takes what is posted, unless it is told to fail."""

    def __init__(self, now):
        super().__init__(("127.0.0.1", 0), Take)
        self.now, self.taken, self.status = now, [], 200
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/secret"


class Take(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.status == 200:
            self.server.taken.append({"at": self.server.now(), "json": body})
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_) -> None:
        pass


class Day:
    """The study of the present folder. Each method is a step."""

    def __init__(self):
        from psiturk.db import db_session, engine
        from psiturk.models import Participant
        from study import config
        from study.database.schema import create_tables

        db_session.remove()
        engine.dispose()
        Path(engine.url.database).unlink(missing_ok=True)
        create_tables()
        self.settings, self.engine, self.session = config.load(), engine, db_session
        self.participant, self.share = Participant, 0
        self.begin = self.now = datetime.datetime(2026, 11, 28, 9)
        self.chat = Chat(lambda: int((self.now - self.begin).total_seconds()))
        self.pending, self.servers = 0, []
        self.start()

    def start(self, number: int = 1) -> None:
        """So many servers start, besides those that run."""
        from study.alerts.looking import Observer
        from study.alerts.monitor import Monitor
        from study.alerts.posting import post
        from study.database.alerts import AlertStore

        for _ in range(number):
            store = AlertStore(self.engine)
            facts = (self.engine, store, self.settings, lambda: self.pending, self.tell_time)
            send = partial(post, self.chat.url)
            self.servers.append(Monitor(store, Observer(*facts).look, send, self.tell_time))

    def tell_time(self) -> datetime.datetime:
        return self.now

    def kill(self) -> None:
        """All servers are gone."""
        self.servers = []

    def lose_leader(self) -> None:
        """The server that looks after alerts is gone; the first one, as it came first."""
        del self.servers[0]

    def turn_round(self) -> None:
        """From now on the server that came last looks first."""
        self.servers.reverse()

    def wait(self, minutes: float, seconds: int = SECONDS) -> None:
        """Time passes, and the servers look; a long time is played with fewer looks."""
        end = self.now + datetime.timedelta(minutes=minutes)
        while self.now < end:
            self.now += datetime.timedelta(seconds=seconds)
            for server in self.servers:
                server.tick()

    def arrive(
        self, number: int, ago: float = 0, status: int = 2, cond: int = 0, lasted=None
    ) -> None:
        """So many came some minutes ago; whoever lasted so many minutes has finished."""
        begin = self.now - datetime.timedelta(minutes=ago)
        for _ in range(number):
            name = uuid.uuid4().hex
            row = self.participant(
                workerid=name, assignmentid=name, hitid="h", mode="prolific", cond=cond,
                counterbalance=0, codeversion="1.0", beginhit=begin, status=status,
                datastring="{}", ipaddress="", browser="", platform="", language="",
            )  # fmt: skip
            if lasted is not None:
                row.status, row.endhit = 3, begin + datetime.timedelta(minutes=lasted)
            self.session.add(row)
        self.session.commit()

    def meet_error(self, number: int, message: str = "TypeError: x is undefined") -> None:
        from study.database.browser_errors import Kind, count_browser_error

        for each in range(number):
            browser = ("Firefox", "Chrome")[each % 2]
            kind = Kind(message, "static/js/task.js", 12, "/exp", browser)
            count_browser_error(self.engine, kind, self.now)

    def fail_saves(self, number: int) -> None:
        from study.database.schema import SQL

        values = {"kind": "save-failed", "day": self.now.date(), "number": number}
        with self.engine.begin() as connection:
            connection.execute(SQL["count_event"], values)

    def boot(self, server: str) -> None:
        from study.database.alerts import note_start

        note_start(self.engine, server, self.now)

    def lose_database(self, is_lost: bool = True) -> None:
        """The database is away, or here again. SQLite's file cannot be opened then."""
        self.engine.dispose()
        file = Path(self.engine.url.database)
        here, there = (file, file.with_suffix(".away"))
        if is_lost:
            here.rename(there)
            here.mkdir()
        else:
            here.rmdir()
            there.rename(here)

    def answer(self, status: int) -> None:
        """From now on the chat answers so."""
        self.chat.status = status

    def fill_database(self, share: float) -> None:
        """The database fills to that share, as PostgreSQL would say; SQLite has no limit."""
        self.share = share

    def set_targets(self, *targets: int) -> None:
        options = dataclasses.replace(self.settings.study, condition_targets=tuple(targets))
        self.settings.__dict__["study"] = options


def main() -> None:
    from study.alerts import looking
    from study.overview import counting

    def collect(*args):  # SQLite tells no size
        return dataclasses.replace(count(*args), share=day.share)

    count, looking.collect = looking.collect, collect
    counting.utc_now = lambda: day.now
    sent = {}
    for title, steps in json.load(sys.stdin).items():
        day = Day()
        for name, *values in steps:
            getattr(day, name)(*values)
        sent[title] = day.chat.taken
    print(json.dumps(sent))


if __name__ == "__main__":
    main()
