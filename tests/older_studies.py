"""Studies as earlier versions of this template made them, and how these are kept.

tests/older/ has them as archives, for a checkout need not have the history of the repository. Of
the machinery, which an update replaces whole, two modules are in them. To make one again, where
git has the commit: `uv run python -m tests.older_studies NAME`
"""

import io
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
FOLDER = Path(__file__).parent / "older"
SLUG = "colour-words"
ANSWERS = {
    "study_title": "Colours & Words, 100%",
    "project_slug": SLUG,
    "institution": "Old University",
    "contact_email": "lab@example.edu",
    "heroku_app": "later",
    "heroku_app_name": "colour-words-abcde",
}
# Name, with the commit and the answers. The first is from before machinery/ was a folder.
OLDER = {
    "first": ("f3d8f0f", {}),
    "jspsych": ("eb471cb", {"experiment": "jspsych", "recruitment": "sona"}),
    "three-conditions": ("0fa2d8f", {"num_conditions": "3", "recruitment": "link"}),
}
LEFT_OF_THE_MACHINERY = ("README.md", "pyproject.toml", "study/__init__.py", "study/__main__.py")


def unpack(name: str, folder: Path) -> Path:
    """Put the study into a folder, with the commit that the template made of it."""
    with tarfile.open(FOLDER / f"{name}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    study = folder / SLUG
    author = ("-c", "user.name=psiturk-heroku", "-c", "user.email=lab@example.edu")
    message = "Start the study from psiturk-heroku 0.1.0"
    for step in (["init", "-q", "-b", "main"], ["add", "-A"], [*author, "commit", "-qm", message]):
        subprocess.run(["git", *step], cwd=study, check=True)
    return study


def make(name: str, scratch: Path) -> None:
    """Let a commit of this repository make a study, and keep it."""
    commit, answers = OLDER[name]
    command = ["git", "archive", commit]
    made = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True)
    template = scratch / "template"
    with tarfile.open(fileobj=io.BytesIO(made.stdout)) as archive:
        archive.extractall(template, filter="data")
    words = [f"{question}={answer}" for question, answer in (ANSWERS | answers).items()]
    render = ["--no-input", "--accept-hooks", "no", "--output-dir", str(scratch), str(template)]
    command = [sys.executable, "-m", "cookiecutter", *render, *words]
    # Not here, where Python would find the local_extensions of today.
    subprocess.run(command, cwd=scratch, check=True)
    with tarfile.open(FOLDER / f"{name}.tar.xz", "w:xz", preset=9) as archive:
        for path in sorted((scratch / SLUG).rglob("*")):
            if path.is_file() and is_kept(path.relative_to(scratch / SLUG)):
                archive.add(path, path.relative_to(scratch), filter=without_person)


def is_kept(path: Path) -> bool:
    in_machinery = path.parts[0] in ("machinery", "study")
    inner = path.relative_to("machinery") if path.parts[0] == "machinery" else path
    return not in_machinery or inner.as_posix() in LEFT_OF_THE_MACHINERY


def without_person(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Of whoever made the archive and of the day, nothing."""
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    return member


if __name__ == "__main__":
    for wanted in sys.argv[1:] or OLDER:
        with tempfile.TemporaryDirectory() as temporary:
            make(wanted, Path(temporary))
