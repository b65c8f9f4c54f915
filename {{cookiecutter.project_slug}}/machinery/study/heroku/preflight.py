"""Whether what git keeps of the study can go online; `study deploy` asks before it pushes.

Each ``find_…`` returns what is wrong in a few words, or nothing. Heroku sees only what is
committed, and git never forgets it.
"""

import os
import re
import subprocess
from pathlib import Path

from study.commands.exclude import FILE, find_wrong_lines
from study.recruiters import RECRUITERS

CLOUD_DEFAULT = r"(?i)\s*(host|port|threads|errorlog|accesslog|database_url)\s*[=:]"
LARGEST_TEXT = 2**20  # bytes; larger files are media, not settings
CODE_VARS = [name for recruiter in RECRUITERS.values() for name in recruiter.codes.values()]
CODE_ADDRESSES = [found for recruiter in RECRUITERS.values() if (found := recruiter.secret_pattern)]
# Placeholders and a database on one's own machine are no secrets.
SECRETS = {
    "an Amazon key": r"\b(AKIA|ASIA)[0-9A-Z]{16}\b",
    "an Amazon secret": r"(?i)aws_secret_access_key\W+[\w/+]{40}\b",
    "a database's password": r"(?i)\bpostgres(ql)?(\+\w+)?://[^\s:/@]+:(?!password@)[^\s@/<>${}]+@"
    r"(?!localhost|127\.)",
    "a recruiter's address": "|".join(CODE_ADDRESSES),
    "a recruiter's code": rf"(?i)^\W*({'|'.join(CODE_VARS)})[\"']?"
    r"\s*[=:]\s*[\"']?[a-z0-9-]{4,}[\"',]*\s*$",
    "a secret setting": r"(?i)^\W*(psiturk_)?(secret_key|login_pw)[\"']?\s*[=:]\s*"
    r"([\"'][^\"']{4,}[\"'],?|[^\s\"'(){}\[\]<>$,]{4,})\s*$",
}


def find_uncommitted(folder: Path) -> str:
    """Names of changed and new files."""
    changes = run(folder, "git", "status", "--porcelain").stdout.splitlines()
    return ", ".join(line[3:] for line in changes[:3]) + (", …" if changes[3:] else "")


def find_no_branch(folder: Path) -> str:
    """Why there is nothing to push."""
    head = run(folder, "git", "symbolic-ref", "--quiet", "HEAD")
    return "an old commit is checked out, or there is no repository" if head.returncode else ""


def find_old_lock(folder: Path) -> str:
    """What uv says if uv.lock is missing or older than pyproject.toml; Heroku refuses both."""
    done = run(folder, os.environ.get("UV", "uv"), "lock", "--check")
    said = done.stderr.strip().splitlines() or ["uv gives no reason"]
    return said[-1] if done.returncode else ""


def find_cloud_defaults(folder: Path) -> str:
    """Settings in config.txt that win over the host's, so that the study would not start."""
    lines = (folder / "config.txt").read_text(encoding="utf-8").splitlines()
    found = [(n, re.match(CLOUD_DEFAULT, line)) for n, line in enumerate(lines, 1)]
    return ", ".join(f"line {n} sets {match[1]}" for n, match in found if match)


def find_secrets(folder: Path) -> str:
    """The place of each secret in the files that git keeps, never the secret."""
    found = []
    for name in run(folder, "git", "ls-files", "-z").stdout.split("\0")[:-1]:
        file = folder / name
        if not file.is_file() or file.stat().st_size > LARGEST_TEXT:
            continue
        for n, line in enumerate(file.read_text("utf-8", "replace").split("\n"), 1):
            kinds = [kind for kind, pattern in SECRETS.items() if re.search(pattern, line)]
            found += [f"{kind} in {name} line {n}" for kind in kinds]
    return ", ".join(found)


def find_open_ids(folder: Path) -> str:
    """Lines of excluded.txt that are no pseudonyms, and may be somebody's id."""
    path = folder / FILE
    wrong = find_wrong_lines(path) if path.exists() else []
    return f"{FILE} line {', '.join(map(str, wrong[:3]))}" if wrong else ""


def find_todo_spots(folder: Path) -> dict[str, list[str]]:
    """The names of the marked passages that only the researcher can fill in, page by page."""
    mark = r'<mark class="todo" data-todo="([^"]*)"'
    pages = sorted((folder / "templates").rglob("*.html"))
    names = {page: re.findall(mark, page.read_text(encoding="utf-8")) for page in pages}
    return {page.relative_to(folder).as_posix(): found for page, found in names.items() if found}


# What must be so, what finds that it is not, and what to do then.
CHECKS = (
    ("everything is committed", find_uncommitted,
     'Commit: git add --all, then git commit -m "What is new"'),
    ("a branch is checked out", find_no_branch, "Go back to your branch: git switch main"),
    ("uv.lock fits pyproject.toml", find_old_lock,
     'Lock and commit: uv lock, then git commit -m "Lock" uv.lock'),
    ("config.txt leaves to Heroku what Heroku decides", find_cloud_defaults,
     "Put a ; before that line of config.txt. For your own machine, use .env (see .env.example)."),
    ("no password or key is in git", find_secrets,
     "Take it out, commit, and put it into .env or, for the app, into heroku config:set. "
     "git's history still holds it, so replace it by a new one."),
    ("no participant's id is in git", find_open_ids,
     f"Take it out of {FILE}, commit, and run: uv run study exclude FILE"),
)  # fmt: skip


def run(folder: Path, *command: str) -> subprocess.CompletedProcess:
    """Run a program in the study; one that is not there counts as failed."""
    options = {"cwd": folder, "stdin": subprocess.DEVNULL, "encoding": "utf-8"}
    try:
        return subprocess.run(command, capture_output=True, **options)
    except OSError as error:
        return subprocess.CompletedProcess(command, 127, "", str(error))
