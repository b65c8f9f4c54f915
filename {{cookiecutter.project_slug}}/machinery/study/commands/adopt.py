"""Brings the experiment of an older psiTurk study into this one: `study adopt PATH`."""

import subprocess
import sys
import tempfile
from pathlib import Path

import click

from study.adopt.adoption import make_plan
from study.adopt.plan import REPORT, Plan, carry_out
from study.adopt.trial import try_pages
from study.commands.preview import serving_apart
from study.heroku.git import Repository
from study.messages import StudyError
from study.robots.browser import find_programs
from study.signing import private

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("path", type=PATH)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")
@click.option("--try/--no-try", "tries", default=True, help="Open the pages afterwards.")
def adopt(path: Path, dry_run: bool, tries: bool) -> bool:
    """Bring over the experiment of an older psiTurk study.

    PATH is its folder, or the repository that holds it; it is only read. Exits with 1 if something
    is left to you, with 2 if nothing could be adopted.
    """
    folder = Path.cwd()
    repository = Repository(folder)
    try:
        plan = make_plan(path, folder)
        print(plan.summary())
        if plan.is_carried_out(folder):
            print("Everything of it is here already.")
            return True
        if dry_run:
            print("Nothing was changed.")
            return not plan.to_do
        carry_out(plan, folder, repository)
    except StudyError as error:
        print(f"\n{error}", file=sys.stderr)
        sys.exit(2)
    undo = f"git revert {repository.head[:8]}"
    print(f"\nAdopted, in one commit; to undo it: {undo}. All of it is in {REPORT}.", flush=True)
    add_environment(plan, folder)
    has_packages = add_packages(plan, repository)
    is_fine = try_out() if tries else True
    print("Now take part yourself: uv run study preview")
    return is_fine and has_packages and not plan.to_do


def add_packages(plan: Plan, repository: Repository) -> bool:
    """Add the packages that custom.py imports; return whether all could be added."""
    missing = {}
    for package, where in plan.requirements.items():
        print(f"Adding the package {package} ({where})", flush=True)
        if subprocess.run(["uv", "add", "--quiet", package]).returncode:
            missing[package] = where
    for package, where in missing.items():
        print(f"{where}: {package} could not be added. If it is a file of yours, put it here;")
        print("if the package has another name: uv add NAME")
    if len(missing) < len(plan.requirements):
        repository.git("add", "pyproject.toml", "uv.lock")
        repository.commit("Add the packages of the adopted custom.py")
    return not missing


def add_environment(plan: Plan, folder: Path) -> None:
    """Write what custom.py needs on this computer into .env, which git ignores."""
    path = folder / ".env"
    present = path.read_text(encoding="utf-8") if path.exists() else ""
    if lines := [f"{k}={value}\n" for k, value in plan.environment.items() if k not in present]:
        with open(path, "w", encoding="utf-8", opener=private) as file:
            file.write("".join([present, *lines]))


def try_out() -> bool:
    """Open the adopted study's pages and tell what goes wrong; return whether all is well."""
    browser = next(iter(find_programs()), None)
    print("\nTrying it ...", flush=True)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="adopt-") as folder,
            serving_apart(f"sqlite:///{folder}/participants.db") as (address, key, _),
        ):
            visits = try_pages(address, key, browser, Path(folder, "browser"))
    except StudyError as error:
        print(error)
        return False
    for name, problems in visits.items():
        print(f"  {name}: {'; '.join(problems) or 'fine'}")
    if not browser:
        print("  (No Chromium or Chrome was found, so only the server was asked.)")
    return not any(visits.values())
