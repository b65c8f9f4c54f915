"""Brings the study to a newer version of the template: `study update`.

The newer version itself does it, by the update.py of its repository.
"""

import subprocess
import tempfile
from pathlib import Path

import click

from study.heroku.git import Repository, reason_of
from study.heroku.preflight import UV
from study.messages import StudyError
from study.update.merging import undisturbed
from study.update.origin import find_address, read_origin
from study.update.updating import require_clean


@click.command()
@click.option("--from", "address", default="", help="Address or folder of the template.")
@click.option("--to", "revision", default="", help="A tag, branch or commit. [default: newest]")
def update(address: str, revision: str) -> bool:
    """Bring the study to a newer version of the template.

    The machinery is replaced and the rest merged, in one commit. Nothing on Heroku is touched.
    Exits with 1 if git leaves something for you to decide.
    """
    repository = Repository(Path.cwd())
    require_clean(repository)
    address = address or find_address(read_origin(repository))
    with tempfile.TemporaryDirectory(prefix="study-update-", ignore_cleanup_errors=True) as name:
        template = fetch(address, revision, Path(name))
        command = [UV, "run", "--quiet", "--script", str(template / "update.py")]
        with undisturbed():  # Ctrl-C reaches that program, too, and it knows what to do
            return subprocess.run(command).returncode == 0


def fetch(address: str, revision: str, scratch: Path) -> Path:
    """Clone the template and check a revision out. Raises StudyError if there is none."""
    print(f"Fetching the template from {address}", flush=True)
    git, folder = Repository(scratch).git, scratch / "psiturk-heroku"
    place = str(Path(address).resolve()) if Path(address).exists() else address
    steps = [["clone", "--quiet", "--", place, str(folder)]]
    if revision:
        steps.append(["-C", str(folder), "checkout", "--quiet", "--detach", revision])
    for step in steps:
        if reason := reason_of(git(*step)):
            cause = f"The template could not be fetched from {address}: {reason}"
            raise StudyError(cause, "Nothing was changed. Another address: --from ADDRESS")
    if not (folder / "update.py").exists():
        cause = f"{address} is not this template, or a version from before `study update`."
        raise StudyError(cause, "Nothing was changed. Another address: --from ADDRESS")
    return folder
