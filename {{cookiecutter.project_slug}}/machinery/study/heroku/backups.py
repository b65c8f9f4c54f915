"""Copies of the app's database that Heroku keeps: their names, and how to end them."""

import re
from collections.abc import Iterator

from study.heroku.cli import Heroku

# A line of `heroku pg:backups`: the name, and the day.
BACKUP = re.compile(r"^\W*([a-z]\d{3,})\W+(\d{4}-\d\d-\d\d)", re.MULTILINE)
QUERIES = {"backups": ("pg:backups",), "schedules": ("pg:backups:schedules",)}


def describe_backups(heroku: Heroku) -> Iterator[str]:
    """Yield a line for each backup with the command that deletes it, and one for the schedule."""
    answers, app = heroku.read_all(QUERIES), heroku.app
    for name, day in BACKUP.findall(answers["backups"].out.partition("=== Copies")[0]):
        delete = f"heroku pg:backups:delete {name} --confirm {app} --app {app}"
        yield f"Heroku's backup {name} of {day}. To delete it: {delete}"
    if answers["backups"].exit_code:
        yield f"Heroku's backups, which could not be listed: heroku pg:backups --app {app}"
    if "daily at" in answers["schedules"].out:
        stop = f"heroku pg:backups:unschedule DATABASE_URL --app {app}"
        yield f"Heroku makes backups every day. From tomorrow on without them. To stop it: {stop}"
