"""The files that Heroku builds: made with the study, checked before a deploy.

`choose_python` and `lock` write .python-version and uv.lock for the template's hook. Each
``find_…`` returns what is wrong in a few words, or nothing: Heroku sees only what is committed,
and git never forgets it.
"""

import os
import re
import shutil
from pathlib import Path

from study.excluded import FILE, find_wrong_lines
from study.heroku.git import Repository, reason_of, run
from study.libraries import INSTALL, find_missing, read_libraries
from study.recruiters import RECRUITERS

PYTHONS = ("3.13", "3.12", "3.11")  # those that Heroku builds and studies were tried on
UV = os.environ.get("UV") or "uv"  # set by `uvx` and `uv run`
FIND_PYTHON = (UV, "python", "find", "--system", "--no-python-downloads", "--no-project")
CLOUD_DEFAULT = re.compile(r"(?i)\s*(host|port|threads|errorlog|accesslog|database_url)\s*[=:]")
NO_BRANCH = "an old commit is checked out, or there is no repository"
LARGEST_TEXT = 2**20  # bytes; larger files are media, not settings
CODE_VARS = [name for recruiter in RECRUITERS.values() for name in recruiter.codes.values()]
CODE_ADDRESSES = [found for recruiter in RECRUITERS.values() if (found := recruiter.secret_pattern)]
# Placeholders and a database on one's own machine are not secret.
SECRETS = {
    "an Amazon key": r"\b(AKIA|ASIA)[0-9A-Z]{16}\b",
    "an Amazon secret": r"(?i)aws_secret_access_key\W+[\w/+]{40}\b",
    "a database's password": r"(?i)\bpostgres(ql)?(\+\w+)?://[^\s:/@]+:(?!password@)[^\s@/<>${}]+@"
    r"(?!localhost|127\.)",
    "a recruiter's address": "|".join(CODE_ADDRESSES),
    "a recruiter's code": rf"(?i)^\W*({'|'.join(CODE_VARS)})[\"']?"
    r"\s*[=:]\s*[\"']?[a-z0-9-]{4,}[\"',]*\s*$",
    "a chat's address": r"(?i)^\W*(psiturk_)?alert_url[\"']?\s*[=:]\s*[\"']?https?://[^\s…]{5,}",
    "a secret setting": r"(?i)^\W*(psiturk_)?(secret_key|login_pw)[\"']?\s*[=:]\s*"
    r"([\"'][^\"']{4,}[\"'],?|[^\s\"'(){}\[\]<>$,]{4,})\s*$",
}


def choose_python(folder: Path) -> str:
    """Write the newest installed Python with which `uv` runs into .python-version.

    uv and pyenv read that file too: with an installed Python nothing is downloaded, and a uv
    that belongs to pyenv still runs. Returns a note for the user if there is no such Python.
    """
    found = [v for v in PYTHONS if not run(*FIND_PYTHON, v, cwd=folder.parent).returncode]
    if any(uv_runs_with(version, folder) for version in found):
        return ""
    uv_runs_with((found or PYTHONS)[0], folder)
    if found or not shutil.which(UV):
        return "`uv` does not run in the study's folder: see docs/trouble.md"
    return f"no Python from 3.11 to 3.13 is here, so uv fetches {PYTHONS[0]}"


def uv_runs_with(version: str, folder: Path) -> bool:
    """Write the version into .python-version; return whether `uv` then runs in the folder."""
    (folder / ".python-version").write_text(f"{version}\n", encoding="utf-8")
    program = Path(shutil.which("uv") or "uv")
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    if root in program.parents:  # pyenv has chosen already; its shim chooses anew, in the folder
        program = root / "shims" / "uv"
    as_typed = {name: value for name, value in os.environ.items() if name != "PYENV_VERSION"}
    return run(str(program), "--version", cwd=folder, env=as_typed).returncode == 0


def lock(folder: Path) -> str:
    """Pin every package in uv.lock; return why that failed, in a line."""
    # From outside, where a uv of pyenv runs whatever .python-version says.
    return reason_of(run(UV, "lock", "--project", str(folder), cwd=folder.parent))


def find_uncommitted(folder: Path) -> str:
    changes = Repository(folder).git("status", "--porcelain").stdout.splitlines()
    return ", ".join(line[3:] for line in changes[:3]) + (", …" if changes[3:] else "")


def find_cloud_defaults(folder: Path) -> str:
    """Settings in config.txt that override the host's, so that the study would not start."""
    lines = enumerate((folder / "config.txt").read_text(encoding="utf-8").splitlines(), 1)
    found = [f"line {n} sets {set_[1]}" for n, line in lines if (set_ := CLOUD_DEFAULT.match(line))]
    return ", ".join(found)


def find_secrets(folder: Path) -> str:
    """The place of each secret in the committed files, never the secret."""
    found = []
    for name in Repository(folder).git("ls-files", "-z").stdout.split("\0")[:-1]:
        file = folder / name
        if not file.is_file() or file.stat().st_size > LARGEST_TEXT:
            continue
        for n, line in enumerate(file.read_text("utf-8", "replace").split("\n"), 1):
            kinds = [kind for kind, pattern in SECRETS.items() if re.search(pattern, line)]
            found += [f"{kind} in {name} line {n}" for kind in kinds]
    return ", ".join(found)


def find_plain_ids(folder: Path) -> str:
    """Lines of excluded.txt that are not pseudonyms, and may be somebody's id."""
    wrong = find_wrong_lines(folder / FILE) if (folder / FILE).exists() else []
    return f"{FILE} line {', '.join(map(str, wrong[:3]))}" if wrong else ""


def find_missing_libraries(folder: Path) -> str:
    """Libraries that are missing, changed, or left out by git: many ignore folders named dist."""
    if missing := find_missing(folder):
        return missing
    tracked = Repository(folder).git("ls-files", "-z").stdout.split("\0")
    files = [f"static/{path}" for each in read_libraries(folder) for path in each.static_files]
    return ", ".join(f"{file} is not in git" for file in files if file not in tracked)


# What must be true, what finds where it is not, and the remedy.
CHECKS = (
    ("everything is committed", find_uncommitted,
     'Commit: git add --all, then git commit -m "What is new"'),
    ("a branch is checked out",
     lambda folder: "" if Repository(folder).branch else NO_BRANCH,
     "Go back to your branch: git switch main"),
    ("every library is in static/libraries", find_missing_libraries,
     f"Fetch it: {INSTALL}, then commit it: git add --force static/libraries"),
    ("uv.lock fits pyproject.toml",  # Heroku refuses one that is missing or older
     lambda folder: reason_of(run(UV, "lock", "--check", cwd=folder)),
     'Lock and commit: uv lock, then git commit -m "Lock" uv.lock'),
    ("config.txt leaves to Heroku what Heroku decides", find_cloud_defaults,
     "Put a ; before that line of config.txt. For your own machine, use .env (see .env.example)."),
    ("no password or key is in git", find_secrets,
     "Take it out, commit, and put it into .env or, for the app, into heroku config:set. "
     "git's history still contains it, so replace it with a new one."),
    ("no participant's id is in git", find_plain_ids,
     "Take it out of excluded.txt, commit, and run: uv run study exclude FILE"),
)  # fmt: skip
