"""The two ways to psiTurk 3.3.1 that the benchmarks compare, each made in a folder of its own."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PRIVATE = ("ON_CLOUD", "DATABASE_URL", "PORT", "PSITURK_", "AWS_", "VIRTUAL_ENV", "UV_PROJECT_")
SERVE = ("python", "-m", "study.server")


@dataclass
class Installation:
    """A study and the environment that serves it."""

    name: str
    folder: Path
    environment: Path
    serve: tuple[str, ...]

    @property
    def command(self) -> list[str]:
        """How its server is started."""
        return [str(self.environment / "bin" / self.serve[0]), *self.serve[1:]]

    def size(self, *, bytecode: bool) -> float:
        """Megabytes of the installed packages."""
        files = self.environment.rglob("site-packages/**/*")
        sizes = [
            file.stat().st_size
            for file in files
            if file.is_file() and (bytecode or file.suffix != ".pyc")
        ]
        return sum(sizes) / 1e6

    def compile(self) -> None:
        """Write bytecode for all packages, as the first start of each would."""
        python = self.environment / "bin" / "python"
        run(python, "-m", "compileall", "-q", "-j0", self.environment / "lib", check=False)


def psiturks_own_recipe(folder: Path) -> Installation:
    """Its declared requirements, the two that make them start today, and Heroku's driver."""
    environment = folder / "environment"
    run("uv", "venv", "--quiet", "--python", "3.11", environment)
    run(
        "uv",
        "pip",
        "install",
        "--quiet",
        "--python",
        environment / "bin" / "python",
        "psiturk==3.3.1",
        "cryptography<39",
        "setuptools<80",
        "psycopg2-binary",
    )
    run(environment / "bin" / "psiturk-setup-example", cwd=folder)
    return Installation(
        "psiTurk's recipe", folder / "psiturk-example", environment, ("psiturk-server",)
    )


def clone(folder: Path) -> Path:
    """The template as its users get it: cookiecutter copies the whole folder, each time."""
    files = run("git", "-C", REPOSITORY, "ls-files", "-coz", "--exclude-standard").split("\0")
    for file in filter(None, files):
        if (REPOSITORY / file).exists():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / file, folder / file)
    return folder


def generated_study(folder: Path) -> tuple[Installation, Installation]:
    """A study of this template: as Heroku installs it, and as its researcher has it."""
    run(
        "cookiecutter",
        "--no-input",
        "--output-dir",
        folder,
        clone(folder / "template"),
        "heroku_app=later",
    )
    study = folder / "stroop-task"
    web = folder / "web"
    run(
        "uv",
        "sync",
        "--quiet",
        "--locked",
        "--no-default-groups",
        cwd=study,
        UV_PROJECT_ENVIRONMENT=str(web),
    )
    run("uv", "sync", "--quiet", "--locked", cwd=study)
    return Installation("study, web only", study, web, SERVE), installed_study(study)


def installed_study(study: Path) -> Installation:
    """A study in its folder, as its researcher has it."""
    return Installation("study, whole", study, study / ".venv", SERVE)


def clean_environment(**settings: str) -> dict[str, str]:
    """The environment without what would change a study, and without bytecode switched off."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith((*PRIVATE, "PYTHONDONTWRITEBYTECODE"))
    }
    return kept | settings


def run(*command: str | Path, cwd: Path | None = None, check: bool = True, **settings: str) -> str:
    """Run a program to its end; its output, which an error shows."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        text=True,
        env=clean_environment(**settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if check and done.returncode:
        raise SystemExit(f"{command} failed:\n{done.stdout}")
    return done.stdout
