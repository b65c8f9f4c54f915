"""A study that the template made, as tests use it."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent


@dataclass
class Study:
    """A study in its folder, as its researcher has it."""

    path: Path

    def run(self, *command: str, **options) -> subprocess.CompletedProcess:
        """Run `uv run …` in the study; the output is text."""
        options = {"capture_output": True, "text": True, "timeout": 300} | options
        return subprocess.run(["uv", "run", "--frozen", *command], cwd=self.path, **options)

    @property
    def python(self) -> Path:
        """The interpreter of the study's environment."""
        return self.path / ".venv" / "bin" / "python"

    def take_bytecode(self, other: "Study") -> None:
        """Share the packages' bytecode of another study, which compiled it when it ran.

        uv links both studies to the same files, so Python finds it in step with them.
        """
        for compiled in (other.path / ".venv/lib").rglob("*.pyc"):
            own = self.path / compiled.relative_to(other.path)
            own.parent.mkdir(exist_ok=True)
            os.link(compiled, own)
