"""Prolific: participants come with three ids and are taken back with a completion code."""

from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from study.recruiters import Bonus, Files, Recruiter, add_up, group_by

PREVIEWS_COUNT = """\
preview_ids in config.txt is empty: whoever of you tries the study on Prolific is counted as a \
participant. Put your own Prolific ids there"""


class Prolific(Recruiter):
    """The names in its form are those of November 2026."""

    name, label = "prolific", "Prolific"
    placeholders = {
        "PROLIFIC_PID": "{{%PROLIFIC_PID%}}",
        "STUDY_ID": "{{%STUDY_ID%}}",
        "SESSION_ID": "{{%SESSION_ID%}}",
    }
    person_id = "your Prolific ID"
    id_columns = ("participant id", "prolific_pid")
    form = """\
For Prolific. In the study's form, as its address:
  {entry}
For the IDs choose "I'll use URL parameters", for the end "I'll redirect them using a URL".
Participants who finish go back to Prolific with the completion code. Both must have the same
code; to see the app's: heroku config:get {code_var} --app {app}"""
    codes = {
        "completed": "COMPLETION_CODE",
        "screened-out": "SCREENED_OUT_CODE",
        "declined": "DECLINED_CODE",
        "left-early": "LEFT_EARLY_CODE",
    }
    secret_pattern = r"submissions/complete\?cc=\w{4,}"
    withdraw = "return your submission on Prolific"
    messages = "with Prolific's messages"
    home = "https://app.prolific.com"
    to_pay = """\
To pay: on Prolific, open the study whose ID the file's name ends with. Above its submissions
choose More, then Bulk bonus payment, and paste the lines of the file. They count in the
study's own currency."""

    def to_psiturk(self, worker: str, study: str, session: str) -> tuple[str, str, str]:
        return worker, session, study

    def way_back(self, code: str, worker: str) -> str:
        return f"https://app.prolific.com/submissions/complete?{urlencode({'cc': code})}"

    def read_code(self, typed: str) -> str:
        """Also accept the address of which the code is a part."""
        if "://" in typed:
            typed = parse_qs(urlsplit(typed).query).get("cc", [""])[0]
        return super().read_code(typed)

    def check(self, setting: Callable[[str, str], str], address: str) -> Iterator[tuple[str, str]]:
        yield from super().check(setting, address)
        if not setting("Study", "preview_ids"):
            yield "yellow", PREVIEWS_COUNT

    def bonus_files(self, bonuses: list[Bonus], currency: str, again: bool, key: str) -> Files:
        """Return a file without a header for each study on Prolific, in the form that it takes."""
        return {
            f"-{quote(study, safe='')}.txt": [
                [worker, add_up(group)] for worker, group in group_by("worker", found).items()
            ]
            for study, found in group_by("hit", bonuses).items()
        }
