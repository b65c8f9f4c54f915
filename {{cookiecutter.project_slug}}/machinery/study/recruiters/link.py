"""A plain link, for instance to a class: participants get ids and a code from the study itself."""

from study.recruiters import Recruiter


class Link(Recruiter):
    """Everybody has the same link, so the browser remembers who came by it."""

    name, label = "link", "a link"
    modes = {"link": "came by a link"}
    person_id = "the completion code that you get at the end"
    exclude_note = """\
Note: whoever comes by a plain link has an id of this study alone, so ids of an earlier one keep
nobody out."""
    form = """\
For participants, one link for all of them:
  {entry}
or, to keep with their data where they come from, such as a class:
  {entry}?label=class-a
Participants who finish get a code of their own. To look one up: uv run study verify CODE"""
    bonus_columns = {"code": "code", "label": "hit"} | Recruiter.bonus_columns
    to_pay = "To pay: whoever shows you a code in the file gets the amount beside it."
