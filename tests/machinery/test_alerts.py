"""What a researcher's chat is told, by days that are played with a clock of their own."""

import json
import os
import signal
import time
from contextlib import ExitStack
from dataclasses import dataclass
from urllib.parse import urlsplit

import forks
import pytest
from alert_day import Chat, play
from heroku.postgres import Cluster
from participant import Participant
from server import Server, cloud_server, wait_for

KEPT = "Nothing is lost: browsers keep what participants do, and send it again."
ERROR = "TypeError: x is undefined (static/js/task.js, line 12)"
OTHER = "ReferenceError: y is not defined (static/js/task.js, line 12)"
MINUTE = 60
# Half an hour in which three finish, one drops out, and two meet an error that is no burst.
BUSY = [["arrive", 3, 8, 3, 0, 7], ["arrive", 1, 20, 6], ["meet_error", 2], ["wait", 30, 60]]
# What happens on each day, and what is told of it: by when at the latest (seconds), and the text.
DAYS = {
    "a quiet day": (
        [["boot", "web.1"], *BUSY * 8, ["fail_saves", 2], ["boot", "web.1"], *BUSY * 8],
        [],
    ),
    "saves fail": (
        [["wait", 1], ["fail_saves", 5], ["wait", 5]],
        [
            (2, f"5 saves have failed within a minute. {KEPT}"),
            (3, "Saves work again."),
        ],
    ),
    "the database is away": (
        [["wait", 1], ["lose_database"], ["wait", 4], ["lose_database", False], ["wait", 5]],
        [
            (2, f"The database does not answer, so nothing can be saved. {KEPT}"),
            (7, "Saves work again."),
        ],
    ),
    "the same error in several browsers": (
        [["wait", 1], ["meet_error", 3], ["wait", 30]],
        [
            (2, f"3 participants have met an error: {ERROR}"),
            (12, f"Nobody has met this error for 10 minutes: {ERROR}"),
        ],
    ),
    "an error of a few in a crowd": (
        [["arrive", 100], ["wait", 1], ["meet_error", 4], ["wait", 5]],
        [],
    ),
    "nobody finishes": (
        [["arrive", 6], ["wait", 15], ["arrive", 1, 7, 3, 0, 7], ["wait", 5]],
        [
            (
                11.5,
                "Nobody has finished for 10 minutes, although 6 participants began early enough. "
                "Most need 7 minutes.",
            ),
            (16, "Somebody has finished again."),
        ],
    ),
    "some drop out and nobody comes any more": (
        [["arrive", 20, 12, 3, 0, 7], ["arrive", 4, 11, 6], ["wait", 90, 60]],
        [],
    ),
    "many drop out": (
        [["arrive", 12, 60, 6], ["arrive", 9, 60, 3, 0, 7], ["wait", 1], ["arrive", 30, 9, 3, 0, 7],
         ["wait", 5]],
        [
            (1, "12 of 21 participants have dropped out (57%)."),
            (2, "The share of drop-outs is down to 24%."),
        ],
    ),
    "conditions fill up": (
        [["set_targets", 3, 3], ["arrive", 3, 30, 3, 0, 7], ["wait", 2], ["arrive", 3, 30, 3, 1, 7],
         ["wait", 5]],
        [
            (1, 'The condition "75% congruent" is full: 3 of 3 have finished. Who comes now gets '
                "another one."),
            (3, "The target is reached: 6 of 6 participants have finished. Who comes now can still "
                "take part, so stop recruiting."),
        ],
    ),
    "the database fills up": (
        [["fill_database", 0.82], ["wait", 1], ["fill_database", 0.78], ["wait", 2],
         ["fill_database", 0.7], ["wait", 5]],
        [
            (1, "The database is 82% full. From 90% on, nobody new is taken. How to go on: "
                "uv run study check"),
            (4, "The database is down to 70%."),
        ],
    ),
    "the server restarts": (
        [["boot", "web.1"], ["wait", 20], ["boot", "web.1"], ["boot", "web.2"], ["wait", 5],
         ["boot", "web.1"], ["wait", 1], ["wait", 70, 60]],
        [
            (26, "The server was restarted 2 times within an hour. Its log says why."),
            (88, "The server has run for an hour without a restart."),
        ],
    ),
    "versions are released": (
        [["boot", "web.1"], *[["boot", "release"], ["wait", 1], ["boot", "web.1"]] * 3,
         ["wait", 9]],
        [],
    ),
    "two servers": (
        [["start", 1], ["wait", 1], ["fail_saves", 3], ["wait", 5]],
        [(2, f"3 saves have failed within a minute. {KEPT}"), (3, "Saves work again.")],
    ),
    "the database is away from two servers": (
        [["start", 1], ["wait", 1], ["turn_round"], ["lose_database"], ["wait", 4],
         ["lose_database", False], ["fail_saves", 9], ["wait", 5]],
        [
            (2, f"The database does not answer, so nothing can be saved. {KEPT}"),
            (8, "Saves work again."),
        ],
    ),
    "a server is restarted meanwhile": (
        [["wait", 1], ["meet_error", 3], ["wait", 1], ["kill"], ["start"], ["wait", 15]],
        [
            (2, f"3 participants have met an error: {ERROR}"),
            (13, f"Nobody has met this error for 10 minutes: {ERROR}"),
        ],
    ),
    "the server that leads is gone": (
        [["start", 1], ["wait", 1], ["lose_leader"], ["wait", 0.7], ["fail_saves", 4], ["wait", 5]],
        [(3, f"4 saves have failed within a minute. {KEPT}"), (4, "Saves work again.")],
    ),
    "the chat is away": (
        [["wait", 1], ["answer", 503], ["meet_error", 3], ["wait", 5], ["answer", 200],
         ["wait", 7]],
        [
            (12, f"3 participants have met an error: {ERROR}"),
            (13, f"Nobody has met this error for 10 minutes: {ERROR}"),
        ],
    ),
    "the chat is away until all is over": (
        [["wait", 1], ["answer", 429], ["fail_saves", 3], ["wait", 3], ["answer", 200],
         ["wait", 5]],
        [(9, f"3 saves have failed within a minute. {KEPT}\nSaves work again.")],
    ),
    "two faults at once": (
        [["wait", 1], ["meet_error", 3], ["meet_error", 3, "ReferenceError: y is not defined"],
         ["wait", 5]],
        [
            (2, f"3 participants have met an error: {ERROR}\n"
                f"3 participants have met an error: {OTHER}"),
        ],
    ),
    "a fault comes back": (
        [["wait", 1], *[["fail_saves", 3], ["wait", 3]] * 2],
        [(2, f"3 saves have failed within a minute. {KEPT}"), (3, "Saves work again."),
         (5, f"3 saves have failed within a minute. {KEPT}"), (6, "Saves work again.")],
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def sent(studies, tmp_path_factory) -> dict[str, list[dict]]:
    """The messages of all days."""
    study = studies(num_conditions="2")
    database = tmp_path_factory.mktemp("alerts") / "participants.db"
    return play(study, database, {name: steps for name, (steps, _) in DAYS.items()})


@pytest.mark.parametrize("name", DAYS)
def test_a_fault_is_told_once_within_a_minute_and_its_end_once(sent, name):
    _, expected = DAYS[name]
    told = [(message["at"], message["json"]["text"]) for message in sent[name]]
    assert [text for _, text in told] == [text for _, text in expected]
    for (at, _), (latest, _) in zip(told, expected, strict=True):
        assert at <= latest * MINUTE


@dataclass
class Online:
    """Two servers with two workers each, of one study, and its database and chat."""

    servers: list[Server]
    cluster: Cluster
    url: str
    chat: Chat

    @property
    def told(self) -> list[str]:
        """What the chat was told, by lines."""
        texts = (message["json"]["text"] for message in self.chat.taken)
        return [line for text in texts for line in text.removeprefix("Stroop Task: ").splitlines()]

    def query(self, sql: str) -> str:
        return self.cluster.run(sql, database=urlsplit(self.url).path[1:]).strip()

    def allow_writes(self, is_allowed: bool) -> None:
        """Let the database take writes again, or none, as after a failover."""
        name, mode = urlsplit(self.url).path[1:], "off" if is_allowed else "on"
        sql = f"ALTER DATABASE {name} SET default_transaction_read_only = {mode}"
        self.cluster.run(sql, database="postgres")
        self.cluster.disconnect(self.url)


@pytest.fixture(scope="module")
def online(studies, cluster):
    study, url = studies(num_conditions="2"), cluster.create_database()
    with ExitStack() as stack:
        chat = stack.enter_context(Chat(time.monotonic))
        stack.callback(chat.shutdown)
        variables = {"ALERT_URL": chat.url, "WEB_CONCURRENCY": "2"}
        servers = [
            stack.enter_context(cloud_server(study.path, study.python, url, DYNO=name, **variables))
            for name in ("web.1", "web.2")
        ]
        online = Online([server.wait() for server in servers], cluster, url, chat)
        wait_for(lambda: online.query("SELECT count(*) FROM study_leases") == "1")
        time.sleep(1)  # in which who leads has looked once
        yield online


def test_two_servers_tell_each_fault_once(online):
    first, second = online.servers
    for number, server in enumerate((first, second, first)):
        tell_of_error(server, number)
    wait_for(lambda: len(online.told) == 1, 60)
    for _ in range(2):
        os.kill(first.started_workers(2)[0], signal.SIGKILL)
    wait_for(lambda: len(online.told) == 2, 120)  # perhaps another process leads now
    at_work = Participant(second.address, f"{7:024x}", mode="prolific")
    assert at_work.open("/exp").status == 200
    online.allow_writes(False)
    assert {at_work.save({"data": []}).status for _ in range(3)} == {503}
    wait_for(lambda: len(online.told) == 3, 90)
    errors, restarts, saves = online.told
    assert errors == (
        "3 participants have met an error: TypeError: psiTurk is undefined "
        "(static/js/task.js, line 12)"
    )
    assert restarts == "The server was restarted 2 times within an hour. Its log says why."
    assert saves.endswith(KEPT)
    online.allow_writes(True)
    failed = "SELECT sum(count) FROM study_incidents WHERE kind = 'save-failed'"
    wait_for(lambda: online.query(failed) == "3")
    said = first.output + second.output
    assert online.chat.url not in said and "Traceback" not in said


def tell_of_error(server: Server, number: int) -> None:
    participant = Participant(server.address, f"{number:024x}", mode="prolific")
    assert participant.open("/pub").status == 200
    error = {"message": "TypeError: psiTurk is undefined", "page": "/exp"}
    error["places"] = [[f"{server.address}/static/js/task.js", 12]]
    assert participant.browser.request("POST", "/mistakes", data=error).status == 204


@pytest.fixture
def chat():
    with Chat(time.monotonic) as chat:
        yield chat
        chat.shutdown()


def test_a_test_message_is_sent_and_the_address_is_not_shown(lab, chat, monkeypatch):
    said = lab("alert")
    assert said.returncode == 1
    assert "heroku config:set ALERT_URL=https://… --app my-study" in said.stderr
    monkeypatch.setenv("ALERT_URL", chat.url)
    said = lab("alert")
    assert said.returncode == 0, said.stderr
    [message] = chat.taken
    assert message["json"]["text"].startswith("Stroop Task: This is a test.")
    for status, address in ((404, chat.url), (200, "hooks.slack.com/secret")):
        chat.status = status
        monkeypatch.setenv("ALERT_URL", address)
        said = lab("alert")
        assert said.returncode == 1 and "ALERT_URL" in said.stderr
        assert "secret" not in said.stdout + said.stderr


# Addresses as chats give them, where the text is posted, and what is sent.
FORMS = {
    "https://hooks.slack.com/services/T0/B0/x": ("Slack", {"text": "1 &lt; 2 &amp; 3"}),
    "https://discord.com/api/webhooks/1/x": (
        "Discord",
        {"content": "1 < 2 & 3", "allowed_mentions": {"parse": []}},
    ),
    "https://prod-1.westeurope.logic.azure.com:443/workflows/x?sig=y": ("Teams", None),
    "https://a.0.environment.api.powerplatform.com:443/powerautomate/x?sig=y": ("Teams", None),
    "https://ntfy.sh/topic": ("ntfy", {"topic": "topic", "message": "1 < 2 & 3"}),
    "https://ntfy.example.edu/sub/topic/": ("ntfy", {"topic": "topic", "message": "1 < 2 & 3"}),
    "https://chat.example.edu/hooks/x": ("", {"text": "1 < 2 & 3"}),
    "https://slack.com.example.edu/x": ("", {"text": "1 < 2 & 3"}),
}
NO_ADDRESSES = ("hooks.slack.com/x", "ftp://example.edu/x", "https://", "https://[x", "https://h:x/")
WRITE = """
import json, sys
from study.alerts.posting import CHATS, for_any, name_chat
from study.messages import StudyError

def describe(url):
    try:
        name = name_chat(url)
    except StudyError:
        return None
    return name, *CHATS.get(name, (for_any,))[0]("1 < 2 & 3", url)

print(json.dumps([describe(url) for url in json.load(sys.stdin)]))
"""


def test_each_chat_gets_its_form(empty_lab):
    addresses = [*FORMS, *NO_ADDRESSES]
    done = forks.run(
        empty_lab.python, "-c", WRITE, cwd=empty_lab.folder, input=json.dumps(addresses)
    )
    assert done.returncode == 0, done.stderr
    found = dict(zip(addresses, json.loads(done.stdout), strict=True))
    assert [found[address] for address in NO_ADDRESSES] == [None] * len(NO_ADDRESSES)
    for address, (chat, payload) in FORMS.items():
        assert found[address][0] == chat
        if chat == "Teams":
            [attachment] = found[address][2]["attachments"]
            assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
            [block] = attachment["content"]["body"]
            assert block == {"type": "TextBlock", "text": "1 < 2 & 3", "wrap": True}
        else:
            assert found[address][2] == payload
    assert found["https://ntfy.sh/topic"][1] == "https://ntfy.sh/"
    assert found["https://ntfy.example.edu/sub/topic/"][1] == "https://ntfy.example.edu/sub/"
