"""Sends a text to a chat, in the form that it takes: one POST of JSON to a secret address.

Checked in November 2026: api.slack.com/messaging/webhooks, discord.com/developers/docs/resources/
webhook, learn.microsoft.com (Teams workflows take adaptive cards), docs.ntfy.sh/publish.
"""

import json
from collections.abc import Callable
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from study.messages import StudyError

SECONDS = 10
LONGEST = 1900  # characters; Discord takes 2,000
WHAT_TO_DO = "Set ALERT_URL to the address that your chat gave you: docs/alerts.md says how."
Payload = dict[str, object]


def for_any(text: str, url: str) -> tuple[str, Payload]:
    """Slack's form, which Mattermost, Rocket.Chat, Google Chat and others take too."""
    return url, {"text": text}


def for_slack(text: str, url: str) -> tuple[str, Payload]:
    for sign, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(sign, written)
    return url, {"text": text}


def for_discord(text: str, url: str) -> tuple[str, Payload]:
    return url, {"content": text, "allowed_mentions": {"parse": []}}


def for_teams(text: str, url: str) -> tuple[str, Payload]:
    blocks = [{"type": "TextBlock", "text": line, "wrap": True} for line in text.splitlines()]
    card = {"type": "AdaptiveCard", "version": "1.4", "body": blocks}
    kind = "application/vnd.microsoft.card.adaptive"
    return url, {"type": "message", "attachments": [{"contentType": kind, "content": card}]}


def for_ntfy(text: str, url: str) -> tuple[str, Payload]:
    """ntfy takes JSON at its root, with the topic in it."""
    parts = urlsplit(url)
    folder, _, topic = parts.path.rstrip("/").rpartition("/")
    return urlunsplit(parts._replace(path=f"{folder}/")), {"topic": topic, "message": text}


# The ends of hosts' names. Teams' addresses are those of Power Automate.
CHATS: dict[str, tuple[Callable[[str, str], tuple[str, Payload]], tuple[str, ...]]] = {
    "Slack": (for_slack, ("slack.com", "slack-gov.com")),
    "Discord": (for_discord, ("discord.com", "discordapp.com")),
    "Teams": (
        for_teams,
        ("logic.azure.com", "powerplatform.com", "powerautomate.com", "webhook.office.com"),
    ),
    "ntfy": (for_ntfy, ("ntfy.sh",)),
}


def name_chat(url: str) -> str:
    """Return the name of the chat that has this address; empty if it is another one.

    Raises StudyError, which does not show the address, if it is none.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host = ""
    if not host or parts.scheme not in ("http", "https") or not url.isascii() or " " in url:
        raise StudyError("ALERT_URL is no address that begins with https://", WHAT_TO_DO)
    if host.startswith("ntfy."):  # of one's own
        return "ntfy"
    ends = {f".{end}": name for name, (_, ends) in CHATS.items() for end in ends}
    return next((name for end, name in ends.items() if f".{host}".endswith(end)), "")


class Stay(HTTPRedirectHandler):
    """Follows no redirect, as the message would stay behind."""

    def redirect_request(self, *_) -> None:
        return None


def post(url: str, text: str) -> None:
    """Send a text. Raises StudyError, which does not show the address, if it is not taken."""
    write, _ = CHATS.get(name_chat(url), (for_any, ()))
    address, payload = write(text[:LONGEST], url)
    headers = {"Content-Type": "application/json", "User-Agent": "psiturk-heroku"}
    request = Request(address, json.dumps(payload).encode(), headers, method="POST")
    try:
        with build_opener(Stay).open(request, timeout=SECONDS):
            return
    except HTTPError as error:
        reason = f"it answered {error.code}"
    except (OSError, HTTPException, ValueError) as error:  # some of them quote the address
        reason = type(getattr(error, "reason", error)).__name__
    raise StudyError(f"The address in ALERT_URL did not take a message ({reason}).", WHAT_TO_DO)
