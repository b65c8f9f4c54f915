"""SONA: students come with a survey code and get their credit by opening an address."""

import re
from urllib.parse import quote

from study.recruiters import MONEY, Recruiter


class Sona(Recruiter):
    """SONA makes a survey code for each sign-up, so it identifies person and visit alike."""

    name, label = "sona", "SONA"
    person_id = "the survey code at the end of the address by which you came"
    placeholders = {"survey_code": "%SURVEY_CODE%"}
    exclude_note = """\
Note: SONA gives a person another code in each study, so codes of an earlier one keep nobody
out. Use SONA's own list of disqualifying studies."""
    form = """\
For SONA, an Online External Study. As its Study URL:
  {entry}
Participants who finish are sent to SONA and get the credit at once. For that, the app needs SONA's
completion URL (client-side): uv run study up asks for it."""
    codes = {"completed": "SONA_COMPLETION_URL"}
    code_is_shown = False
    secret_pattern = r"credit_token=\w{3,}"
    withdraw = "cancel your sign-up in SONA"
    withdraw_note = "If you did part of the study, write to us about your credit."
    code_question = """\
SONA's completion URL (client-side). SONA shows it as soon as the study there has its address.
(Enter alone: later)"""
    code_note = """\
SONA's completion URL is not set yet, so nobody would get credit. When SONA shows it, run
again: uv run study up"""
    bonus_columns = {"survey_code": "worker"} | MONEY
    to_pay = "To pay: SONA gives credit, not money, so pay these people by your own means."

    def way_back(self, code: str, worker: str) -> str:
        """Return the address that grants the credit to this survey code."""
        return re.sub(r"\bsurvey_code=[^&]*", f"survey_code={quote(worker, safe='')}", code)

    def read_code(self, typed: str) -> str:
        """Accept SONA's completion URL, the one that a participant's browser opens."""
        if "/services/" in typed:
            raise ValueError("That is the server-side completion URL. Take the client-side one.")
        has_token = re.fullmatch(r"https://[\w.:-]+/\S*[?&]credit_token=\w\S*", typed)
        if not has_token or not re.search(r"[?&]survey_code=", typed):
            needs = "It must begin with https:// and contain credit_token and survey_code."
            raise ValueError(f"{needs} Copy the whole address, up to its end.")
        return typed

    def needed_codes(self) -> dict[str, str]:
        return {}  # only SONA knows it
