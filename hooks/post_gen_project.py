"""Make the new folder a study: a git repository, its lock file, a first commit, its app.

The files exist by now, and cookiecutter would delete them if this failed. So nothing
here fails: what cannot be done now is printed as commands for later.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

ANSWERS = dict(json.loads(r'{{= cookiecutter.items() | list | tojson =}}'))
STUDY = Path.cwd()
# Inside a git hook, git's own variables would lead to the other repository.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}


def run(*command: str, cwd: Path = STUDY, quiet: bool = True) -> subprocess.CompletedProcess:
    """Run a program without a shell. One that is not installed counts as failed."""
    options = {"cwd": cwd, "env": ENVIRONMENT, "stdin": subprocess.DEVNULL, "encoding": "utf-8"}
    try:
        return subprocess.run(command, capture_output=quiet, **options)
    except OSError as error:
        return subprocess.CompletedProcess(command, 127, "", str(error))


def lock() -> list[str]:
    """Fix the version of every package; returns the commands left to do."""
    # `uvx` says where its uv is. Run outside the folder: pyenv's uv obeys .python-version.
    made = run(os.environ.get("UV") or "uv", "lock", "--project", str(STUDY), cwd=STUDY.parent)
    reason = made.stderr.strip().splitlines()[-1:] or ["no reason given"]
    to_do = [f"uv lock    # could not be done now: {reason[0].strip()}", "git add uv.lock"]
    return [*to_do, "git commit -m Lock"] if made.returncode else []


def commit(message: str) -> list[str]:
    """Start the history, whatever the user's git settings; returns the commands left to do."""
    git = ["git", "-c", "commit.gpgsign=false", "-c", "core.excludesFile="]
    if run("git", "config", "user.email").returncode:
        git += ["-c", "user.name=psiturk-heroku", "-c", f"user.email={ANSWERS['contact_email']}"]
    run("git", "init", "--quiet", "--initial-branch=main")
    run(*git, "add", "--all")
    failed = run(*git, "commit", "--quiet", "--no-verify", "-m", message).returncode
    return ["git init -b main", "git add --all", "git commit -m Start"] if failed else []


def cruft_compares() -> bool:
    """Whether cruft makes a study only to compare it; if not, commit what it writes later."""
    # For `cruft update` and `cruft diff` the template is in a folder named repo; where /proc
    # is missing, the terminal stands in the other study.
    template = Path(f"/proc/{os.getppid()}/cwd").resolve()
    if template.name == "repo" or Path(os.environ.get("PWD", ""), ".cruft.json").exists():
        return True
    state = {"template": ANSWERS["_template"], "commit": ANSWERS["_commit"], "checkout": None}
    state |= {"context": {"cookiecutter": ANSWERS}, "directory": None}
    text = json.dumps(state, ensure_ascii=False, indent=2) + "\n"
    Path(".cruft.json").write_text(text, encoding="utf-8")
    return False


def main() -> None:
    if "_commit" in ANSWERS and cruft_compares():
        return
    if Path(".git").exists():
        return print(f"{STUDY.name} was a git repository before. To see the changes: git diff")
    to_do = lock() + commit(f"Start the study from psiturk-heroku {ANSWERS['_version']}")
    up = ["uv run study up    # makes the app on Heroku, which is not done yet"]
    if ANSWERS["heroku_app"] == "create" and not to_do:
        print("\nMaking the app on Heroku:", flush=True)
        up = up if run(sys.executable, "-B", "-m", "study.heroku", quiet=False).returncode else []
    print(f"\nYour study is in {STUDY}\nNext:\n  cd {STUDY.name}")
    if outer := run("git", "rev-parse", "--show-toplevel", cwd=STUDY.parent).stdout.strip():
        to_do += [f"# a repository of its own, inside another one: {outer}"]
    if run("uv", "--version").returncode:
        to_do += ['# `uv` does not run in this folder: see the end of README.md']
    print("\n".join(f"  {line}" for line in [*to_do, "uv run study preview", *up]))


main()
