"""SONA: students come with a survey code and get their credit by opening an address."""

from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit, urlunsplit

from study.recruiters import Recruiter


class Sona(Recruiter):
    """SONA makes a survey code for each sign-up, so it identifies person and visit alike."""

    name, label = "sona", "SONA"
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
    bonus_header = ("survey_code", "amount", "currency")
    to_pay = "To pay: SONA gives credit, not money, so pay these people by your own means."

    def way_back(self, code: str, worker: str) -> str:
        """Return the address that grants the credit to this survey code."""
        parts = urlsplit(code)
        query = dict(parse_qsl(parts.query)) | {"survey_code": worker}
        return urlunsplit(parts._replace(query=urlencode(query)))

    def read_code(self, typed: str) -> str:
        """Accept SONA's completion URL, the one that a participant's browser opens."""
        parts = urlsplit(typed)
        query = parse_qs(parts.query, keep_blank_values=True)
        if "/services/" in parts.path:
            raise ValueError("That is the server-side completion URL. Take the client-side one.")
        is_whole = query.get("credit_token", [""])[0] and "survey_code" in query
        if parts.scheme != "https" or not parts.hostname or not is_whole:
            raise ValueError(
                "It must begin with https:// and contain credit_token and survey_code. Copy the "
                "whole address, up to its end."
            )
        return typed

    def needed_codes(self) -> dict[str, str]:
        return {}  # only SONA knows it
