"""Make the new folder a study: its Python, its lock file, a git repository, its app.

The files exist by now, and cookiecutter would delete them if this failed. So nothing
here fails: what cannot be done now is printed as commands for later.
"""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

ANSWERS = dict(json.loads(r'{{ cookiecutter.items() | list | tojson }}'))
STUDY = Path.cwd()
MACHINERY = STUDY / "machinery"
# It does the work; it was written a moment ago, and its bytecode is not wanted.
sys.path.insert(0, str(MACHINERY))
sys.dont_write_bytecode = True


def make_study() -> list[str]:
    """Choose a Python, lock the packages, fetch libraries, commit; returns what is left to do."""
    from study.heroku import preflight
    from study.heroku.git import Repository
    from study.libraries import INSTALL, install
    from study.messages import StudyError

    to_do = []
    if note := preflight.choose_python(STUDY):
        print(f"Note: {note}", flush=True)
    if reason := preflight.lock(STUDY):
        to_do += [f"uv lock    # could not be done now: {reason}", "git add uv.lock"]
        to_do += ["git commit -m Lock"]
    try:
        install(STUDY)
    except StudyError as error:
        to_do += [f"{INSTALL}    # could not be done now: {error.cause}"]
        to_do += ["git add --force static/libraries", "git commit -m Libraries"]
    project = tomllib.loads((MACHINERY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    message = f"Start the study from psiturk-heroku {project['version']}"
    repository = Repository(STUDY)
    if not repository.start(message, ANSWERS["contact_email"]):
        to_do += ["git init -b main", "git add --all", "git commit -m Start"]
    if outer := repository.outer:
        print(f"Note: a repository of its own, inside another one: {outer}")
    return to_do


def make_app() -> bool:
    """Make the app on Heroku, and buy what a typed yes allows; whether nothing is missing."""
    from study.heroku.preflight import UV

    print("\nMaking the app on Heroku:", flush=True)
    keyboard = None if ANSWERS["__is_asking"] == "True" else subprocess.DEVNULL
    up = [UV, "run", "--no-project", "python", "-B", "-m", "study.commands.up"]
    try:
        environment = os.environ | {"PYTHONPATH": str(MACHINERY)}
        return subprocess.run(up, stdin=keyboard, env=environment).returncode == 0
    except KeyboardInterrupt:  # at one of its questions; it has said what is there by now
        return False


def main() -> None:
    """Do all of it, and say what to type next."""
    if Path(".git").exists():
        return print(f"{STUDY.name} was a git repository before. To see the changes: git diff")
    to_do = make_study()
    is_up = not to_do and ANSWERS["heroku_app"] == "create" and make_app()
    to_do += ["uv run study preview"]
    if not is_up:
        to_do += ["uv run study up        # its app on Heroku; asks before anything is bought"]
    to_do += ["uv run study deploy    # puts it online"]
    print(f"\nYour study is in {STUDY}\nNext:\n  cd {STUDY.name}")
    print("\n".join(f"  {line}" for line in to_do))


main()
