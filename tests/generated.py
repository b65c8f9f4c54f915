"""A study that the template made, as tests use it."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import forks
from filelock import FileLock

REPOSITORY = Path(__file__).parent.parent
# Two thirds of what is installed.
UNUSED = "/(tests?|testing|setuptools|lexers|_?plotly(_utils)?|narwhals)/"


@dataclass
class Study:
    """A study in its folder, as its researcher has it."""

    path: Path

    def run(self, *command: str, starts: bool = False, **options) -> subprocess.CompletedProcess:
        """Run `uv run …` in the study; the output is text.

        Once the study is installed, without uv, whose look at it takes as long as some tests; and
        by a fork (forks.py), unless the test is about how an interpreter ``starts``.
        """
        program = self.python.with_name(command[0])
        if not program.exists():
            options = {"capture_output": True, "text": True, "timeout": 300} | options
            return subprocess.run(["uv", "run", "--frozen", *command], cwd=self.path, **options)
        environment = options.pop("env", os.environ)
        environment = {**environment, "VIRTUAL_ENV": str(self.path / ".venv")}
        environment["PATH"] = os.pathsep.join([str(program.parent), environment["PATH"]])
        options |= {"cwd": self.path, "env": environment}
        if not starts:
            script = () if command[0] == "python" else (program,)
            return forks.run(self.python, *script, *command[1:], **options)
        options = {"capture_output": True, "text": True, "timeout": 300} | options
        return subprocess.run([program, *command[1:]], **options)

    @property
    def python(self) -> Path:
        """The interpreter of the study's environment."""
        return self.path / ".venv" / "bin" / "python"


def install(study: Study, bytecode: Path) -> None:
    """Install a study, and compile its packages only if no study of this test run has before.

    uv links all studies to the same files, so Python finds the bytecode in step with them.
    ``bytecode`` is where the first study leaves it to the others, in whatever process.
    """
    installed = study.run("python", "--version")
    assert installed.returncode == 0, installed.stderr
    packages = study.path / ".venv" / "lib"
    with FileLock(bytecode.with_suffix(".lock")):
        if not bytecode.exists():
            compile_all = ("python", "-m", "compileall", "-q", "-j2", "-x", UNUSED)
            # However busy the machine is: without bytecode every command would take longer.
            study.run(*compile_all, packages, starts=True, timeout=None)
            for compiled in packages.rglob("*.pyc"):
                kept = bytecode / compiled.relative_to(packages)
                kept.parent.mkdir(parents=True, exist_ok=True)
                os.link(compiled, kept)
    for kept in bytecode.rglob("*.pyc"):
        own = packages / kept.relative_to(bytecode)
        if not own.exists() and own.parent.parent.exists():
            own.parent.mkdir(exist_ok=True)
            os.link(kept, own)
