"""A study that is brought to a newer version of the template, as its researcher has it."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

AUTHOR = ("-c", "user.name=A Researcher", "-c", "user.email=lab@example.edu")


@dataclass
class Old:
    """A study in its folder, which an older version made."""

    path: Path
    template: Path

    def git(self, *command: str) -> str:
        done = subprocess.run(
            ["git", *AUTHOR, *command], cwd=self.path, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def text(self, name: str) -> str:
        return (self.path / name).read_text(encoding="utf-8")

    def edit(self, name: str, old: str, new: str) -> None:
        text = self.text(name)
        assert text.count(old) == 1, (name, old, text.count(old))
        (self.path / name).write_text(text.replace(old, new), encoding="utf-8")

    def write(self, name: str, text: str) -> None:
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        (self.path / name).write_text(text, encoding="utf-8")

    def commit(self, message: str = "Make it ours") -> None:
        self.git("add", "--all")
        self.git("commit", "-qm", message)

    def update(self, template: Path | None = None, **options) -> subprocess.CompletedProcess:
        """Run update.py of the newer version in the study's folder, as from outside."""
        script = (template or self.template) / "update.py"
        options = {"capture_output": True, "text": True, "timeout": 120} | options
        done = subprocess.run([sys.executable, script], cwd=self.path, **options)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def state(self) -> tuple:
        """Everything that an update could change."""
        files = sorted(path for path in self.path.rglob("*") if ".git" not in path.parts)
        contents = {path: path.read_bytes() for path in files if path.is_file()}
        told = (self.git("rev-parse", "HEAD"), self.git("status", "--porcelain", "--ignored"))
        return (*told, self.git("branch", "-a"), self.git("stash", "list"), contents)


def render(template: Path, folder: Path, **answers: str) -> Path:
    """Let the template make the files of a study, without its hooks."""
    words = [f"{question}={answer}" for question, answer in answers.items()]
    options = ["--no-input", "--accept-hooks", "no", "--output-dir", folder, template]
    command = [sys.executable, "-m", "cookiecutter", *options, *words]
    subprocess.run(command, cwd=template, check=True, capture_output=True)
    return folder / answers["project_slug"]
