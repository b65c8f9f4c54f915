"""What a version of the template makes of answers: its files, without what its hooks do.

Each rendering is a process of its own, as each version brings a local_extensions.py.
"""

import json
import sys
import tempfile
from pathlib import Path

from study.heroku.git import Repository, reason_of, run
from study.messages import StudyError

# Cookiecutter's own files stay out of its user's home.
CONFIG = "cookiecutters_dir: {0}\nreplay_dir: {0}\n"


def render(template: Path, answers: dict[str, str], scratch: Path) -> Path:
    """Return the folder of a study that the template in that folder makes of the answers.

    New questions get their defaults, and so do those that no longer offer the answer. Raises
    StudyError if the template refuses an answer.
    """
    scratch = Path(tempfile.mkdtemp(dir=scratch))
    config, out = scratch / "settings.yaml", scratch / "study"
    config.write_text(CONFIG.format(json.dumps(str(scratch))), encoding="utf-8")
    command = [sys.executable, "-m", "cookiecutter", "--no-input", "--accept-hooks", "no"]
    command += ["--config-file", str(config), "--output-dir", str(out), str(template)]
    command += [f"{name}={answer}" for name, answer in choose_answers(template, answers).items()]
    # Not in the study's folder, whose modules Python would import.
    done = run(*command, cwd=scratch)
    if done.returncode:
        said = f"{done.stdout}{done.stderr}".strip()
        cause = f"The template could not be rendered. It said:\n{said}"
        raise StudyError(cause, "Nothing was changed.")
    return next(out.iterdir())


def choose_answers(template: Path, answers: dict[str, str]) -> dict[str, str]:
    """Return the answers that this version of the template still asks for and offers."""
    questions = json.loads((template / "cookiecutter.json").read_text(encoding="utf-8"))
    return {
        name: answer
        for name, answer in answers.items()
        if name in questions
        and (not isinstance(questions[name], list) or answer in questions[name])
    }


def check_out(template: Path, commit: str, scratch: Path) -> Path:
    """Return a copy of the template at a commit. Raises StudyError if that is not in it."""
    folder = Path(tempfile.mkdtemp(dir=scratch)) / template.name
    for command in (
        ["clone", "--quiet", "--shared", "--no-checkout", str(template), str(folder)],
        ["-C", str(folder), "checkout", "--quiet", "--detach", commit],
    ):
        if reason := reason_of(Repository(scratch).git(*command)):
            cause = f"{template} does not have the version that made this study: {reason}"
            remedy = "Name the repository that has it: uv run study update --from ADDRESS"
            raise StudyError(cause, remedy)
    return folder
