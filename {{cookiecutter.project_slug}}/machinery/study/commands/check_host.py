"""What `study check` finds on another host than Heroku: its database, key and address."""

from collections.abc import Iterator

from study.commands.check import CheckContext, Finding
from study.commands.check_app import open_invitation
from study.database.reader import find_key, open_participants
from study.messages import StudyError, pluralize


def database(context: CheckContext) -> Iterator[Finding]:
    """The data must be in a Postgres that answers."""
    try:
        context.participants = open_participants(context.settings)
        people = context.participants.count_by("mode").total()
    except StudyError as error:
        yield "red", f"{error.cause} {error.remedy}"
        return
    if context.participants.engine.dialect.name == "sqlite":
        yield "red", "DATABASE_URL names a file, which most hosts delete at every restart"
    else:
        yield "green", f"{context.participants.place}, {pluralize(people, 'participant')}"


def key(context: CheckContext) -> Iterator[Finding]:
    """The study needs a secret key, which all its servers share."""
    try:
        find_key(context.settings)
    except StudyError:
        yield "yellow", "there is no secret key yet; the server makes one at its first start"
    else:
        is_set = context.settings.value("Server Parameters", "secret_key")
        yield "green", f"in {'PSITURK_SECRET_KEY' if is_set else 'the database'}"


def address(context: CheckContext) -> Iterator[Finding]:
    """The study must show its invitation at the address in config.txt."""
    domain = context.settings.value("HIT Configuration", "ad_url_domain")
    if domain:
        yield open_invitation(context, domain)
    else:
        yield "yellow", "ad_url_domain in config.txt is empty: write the study's address there"
