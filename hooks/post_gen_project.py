"""Make the new folder a study: a git repository, its lock file, a first commit.

The files exist by now, and cookiecutter would delete them if this failed. So nothing
here fails: what cannot be done now is printed as commands for later.
"""

import json
import os
import subprocess
from pathlib import Path

ANSWERS = dict(json.loads(r'{{= cookiecutter.items() | list | tojson =}}'))
STUDY = Path.cwd()
# Inside a git hook, git's own variables would lead to the other repository.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}


def run(*command: str, cwd: Path = STUDY) -> subprocess.CompletedProcess:
    """Run a program without a shell. One that is not installed counts as failed."""
    options = {"cwd": cwd, "env": ENVIRONMENT, "stdin": subprocess.DEVNULL, "encoding": "utf-8"}
    try:
        return subprocess.run(command, **options, capture_output=True)
    except OSError as error:
        return subprocess.CompletedProcess(command, 127, "", str(error))


def lock() -> list[str]:
    """Fix the version of every package; returns the commands left to do."""
    # `uvx` says where its uv is. Run outside the folder: pyenv's uv obeys .python-version.
    made = run(os.environ.get("UV") or "uv", "lock", "--project", str(STUDY), cwd=STUDY.parent)
    reason = made.stderr.strip().splitlines()[-1:] or ["no reason given"]
    to_do = [f"uv lock    # could not be done now: {reason[0].strip()}"]
    return to_do + ["git add uv.lock", "git commit -m Lock"] if made.returncode else []


def commit(message: str) -> list[str]:
    """Start the history, whatever the user's git settings; returns the commands left to do."""
    settings = ["-c", "commit.gpgsign=false", "-c", "core.excludesFile="]
    if run("git", "config", "user.email").returncode:
        settings += ["-c", "user.name=psiturk-heroku"]
        settings += ["-c", f"user.email={ANSWERS['contact_email']}"]
    run("git", "init", "--quiet", "--initial-branch=main")
    run("git", *settings, "add", "--all")
    done = run("git", *settings, "commit", "--quiet", "--no-verify", "-m", message)
    commands = ["git init -b main", "git add --all", "git commit -m Start"]
    return commands if done.returncode else []


def record_for_cruft() -> None:
    """Write the file that cruft writes after this hook, so that the first commit holds it."""
    state = {"template": ANSWERS["_template"], "commit": ANSWERS["_commit"], "checkout": None}
    state |= {"context": {"cookiecutter": ANSWERS}, "directory": None}
    text = json.dumps(state, ensure_ascii=False, indent=2) + "\n"
    Path(".cruft.json").write_text(text, encoding="utf-8")


def cruft_compares() -> bool:
    """`cruft update` and `cruft diff` make a study only to compare its files with another."""
    # They copy the template into a folder named repo; where /proc is missing, the terminal
    # stands in the other study.
    template = Path(f"/proc/{os.getppid()}/cwd").resolve()
    return template.name == "repo" or Path(os.environ.get("PWD", ""), ".cruft.json").exists()


def main() -> None:
    if "_commit" in ANSWERS and cruft_compares():
        return
    if Path(".git").exists():
        return print(f"{STUDY.name} was a git repository before. To see the changes: git diff")
    if "_commit" in ANSWERS:
        record_for_cruft()
    to_do = lock() + commit(f"Start the study from psiturk-heroku {ANSWERS['_version']}")
    print(f"\nYour study is in {STUDY}\nNext:\n  cd {STUDY.name}")
    outer = run("git", "rev-parse", "--show-toplevel", cwd=STUDY.parent).stdout.strip()
    if outer:
        to_do += [f"# a repository of its own, inside another one: {outer}"]
    if run("uv", "--version").returncode:
        to_do += ["# `uv` does not run in this folder: see \"Installing uv\" in README.md"]
    print("\n".join(f"  {line}" for line in [*to_do, "uv run study preview"]))


main()
