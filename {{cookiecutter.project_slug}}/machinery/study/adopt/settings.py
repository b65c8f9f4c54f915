"""config.txt of an old study: which of its values enter this study's, where, and which do not."""

import re
from configparser import Error, RawConfigParser

from study.adopt.old_study import NOTHING, OldStudy
from study.config import value_in
from study.config.settings import HIT, SECRET, SERVER, STUDY, TASK
from study.messages import StudyError

SHELL, DATABASE = "Shell Parameters", "Database Parameters"
# Where psiTurk 3 has a setting, whatever section it was in before.
PLACES = {
    **dict.fromkeys(("title", "description", "keywords", "lifetime", "us_only",
                     "approve_requirement", "number_hits_approved", "require_master_workers",
                     "require_quals",
                     "require_quals_live", "require_quals_sandbox", "block_quals",
                     "block_quals_live", "block_quals_sandbox"), HIT),
    **dict.fromkeys(("experiment_code_version", "num_conds", "num_counters", "cutoff_time",
                     "contact_email_on_error", "browser_exclude_rule", "allow_repeats"), TASK),
    **dict.fromkeys(("loglevel", "server_timeout"), SERVER),
    **dict.fromkeys(("launch_in_mode", "bonus_message"), SHELL),
    "institution": STUDY,
}  # fmt: skip
RENAMED = {"amt_keywords": "keywords", "organization_name": "institution"}
# What the host of this study decides, what is secret, and what belongs to the old one alone.
REASONS = {
    **dict.fromkeys(("host", "port", "threads", "logfile", "errorlog", "accesslog"),
                    "the host decides it"),
    **dict.fromkeys(("database_url",), "this study has a database of its own"),
    **dict.fromkeys(("table_name", "assignments_table_name", "hits_table_name",
                     "campaigns_table_name", "jobs_table_name"), "this study has its own tables"),
    **dict.fromkeys(("ad_url_domain", "ad_url_port", "ad_url_protocol", "ad_url_route", "ad_url",
                     "ad_url_host", "ad_location", "use_psiturk_ad_server", "external_url"),
                    "this study has an address of its own"),
    **dict.fromkeys(("certfile", "keyfile"), "Heroku speaks https for it"),
    **dict.fromkeys(("enable_dashboard", "do_scheduler"), "`uv run study dashboard` does it"),
    **dict.fromkeys(("advanced_quals_path", "advanced_quals_path_live",
                     "advanced_quals_path_sandbox"), "the file that it names is left to you"),
    "persistent_history_file": "it belongs to the old folder",
    "launch_in_sandbox_mode": "the shell begins in the sandbox",
}  # fmt: skip
# Settings for the example: their section, the value for a task that it knows nothing of, and why.
OF_THE_EXAMPLE = {
    "minimum_trials": (STUDY, "0", "say how many lines of data this task records at least, so that "
                       "nobody gets a code for less"),
    "allow_resume": (STUDY, "false", "with true, a task must itself go on behind what is stored"),
    "browser_exclude_rule": (TASK, "MSIE, mobile, tablet", "psiTurk's own; does the task work by "
                             "touch?"),
}  # fmt: skip
PSITURKS = (HIT, TASK, SERVER, SHELL, DATABASE, STUDY)  # sections whose names are psiTurk's
EXAMPLES = ("youremail@gmail.com", "your@email.com", "you@example.edu")
UNREAD = "nothing reads it any more"


def read_old_settings(old: OldStudy) -> RawConfigParser:
    """Read the old config.txt; empty without one. Raises StudyError if it cannot be read."""
    parser = RawConfigParser(strict=False, allow_no_value=True)
    try:
        parser.read_string(old.read_text(old.config) if old.config else "")
    except Error as error:
        line = getattr(error, "lineno", None) or error.errors[0][0]
        raise StudyError(
            f"{old.config} of the old study, line {line}, cannot be read.",
            f"Correct it in a copy of the old study, and adopt that. {NOTHING}",
        ) from error
    return parser


def merge_settings(
    text: str, old: RawConfigParser, read_by_code: set[tuple[str, str]], edited: set[str]
) -> tuple[str, list[str]]:
    """Return this study's config.txt with the old values, and a line about each of them.

    ``read_by_code`` are the sections and names that custom.py reads by itself, which stay where
    it looks for them; ``edited`` the names that a person has changed here, which stay as they are.
    """
    notes: list[str] = []
    outside: dict[str, list[str]] = {}  # names by the reason why they stay out
    for section in old.sections():
        for name, given in old.items(section):
            value, new = escape(given or ""), RENAMED.get(name, name)
            place = PLACES.get(new) if section in PSITURKS else None
            is_secret = bool(SECRET.search(name)) or name == "login_username"
            if place and new in edited:
                notes.append(f"{new} stays as you have set it here")
            elif place and value not in ("", value_in(text, place, new), *EXAMPLES):
                text = set_value(text, place, new, value)
                where = "" if (section, name) == (place, new) else f", from {name} in [{section}]"
                notes.append(f"{new} = {value}{where}")
            elif not place:
                why = "a secret does not belong in git" if is_secret else REASONS.get(name, UNREAD)
                is_kept = (section, name) in read_by_code and not is_secret
                if value and not (is_kept and why == UNREAD):
                    outside.setdefault(why, []).append(name)
            is_moved = (section, name) in read_by_code and (section, name) != (place, new)
            if is_moved and not is_secret and value_in(text, section, name) is None:
                text = set_value(text, section, name, value)
                notes.append(f"{name} = {value} in [{section}], where custom.py reads it")
    notes += [f"left out: {', '.join(names)} ({why})" for why, names in outside.items()]
    return text, notes


def add_sources(text: str, name: str, sources: dict[str, str]) -> tuple[str, list[str]]:
    """Add sources to script_sources or media_sources; also return a line about each."""
    present = (value_in(text, STUDY, name) or "").split()
    new = {source: where for source, where in sources.items() if source not in present}
    if not new:
        return text, []
    text = set_value(text, STUDY, name, " ".join([*present, *new]))
    return text, [f"{name} allows {source}: {where} needs it" for source, where in new.items()]


def set_value(text: str, section: str, name: str, value: str) -> str:
    """Return the text with a setting in its section, in the line that is there for it."""
    line = f"{name} = {value}" if value else f"{name} ="
    before, header, after = text.partition(f"[{section}]\n")
    if not header:
        return f"{text.rstrip()}\n\n\n[{section}]\n{line}\n"
    found = re.search(r"(?m)^\[", after)
    body, rest = (after[: found.start()], after[found.start() :]) if found else (after, "")
    changed, number = re.subn(
        rf"(?m)^;?[ \t]*{re.escape(name)}[ \t]*[=:].*$", lambda _: line, body, count=1
    )
    return before + header + (changed if number else f"{line}\n{body}") + rest


def escape(value: str) -> str:
    """Return a value of an old file in one line, with its percent signs as psiTurk reads them."""
    value = " ".join(value.split())
    return re.sub(r"%(?![%(])", "%%", value.replace("%%", "%")) if "%" in value else value
