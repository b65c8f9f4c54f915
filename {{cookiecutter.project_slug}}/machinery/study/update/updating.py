"""The update of the study in a folder by the template in another: what update.py runs."""

import sys
import tempfile
import tomllib
from pathlib import Path

from study.heroku.git import Repository
from study.heroku.preflight import find_uncommitted
from study.messages import StudyError
from study.update.merging import Update, carry_out, prepare
from study.update.news import describe_news, read_version
from study.update.origin import Origin, is_as_made, read_origin, recover_origin
from study.update.rendering import check_out, render
from study.update.report import describe_update
from study.update.trees import add_folder

MACHINERY = "*/machinery/pyproject.toml"  # in the template


def main(folder: Path, template: Path) -> None:
    """Update the study, or print why not; exit with 1 if something is left to a person."""
    try:
        is_done = update(folder, template)
    except StudyError as error:
        sys.exit(f"\n{error}")
    except KeyboardInterrupt:
        sys.exit("\nStopped. The study is as it was.")
    sys.exit(0 if is_done else 1)


def update(folder: Path, template: Path) -> bool:
    """Bring the study to the template's version; return whether git could merge everything.

    Raises StudyError, with the study as it was, if that cannot be done.
    """
    repository = Repository(folder)
    require_clean(repository)
    origin = read_origin(repository) or recover_origin(repository)
    head, version = repository.head, read_version(repository)
    project = next(template.glob(MACHINERY)).read_text(encoding="utf-8")
    newer = tomllib.loads(project)["project"]["version"]
    commit = Repository(template).read("rev-parse", "--short", "HEAD")
    message = f"Update to psiturk-heroku {newer}" + (f" ({commit})" if commit else "")
    with tempfile.TemporaryDirectory(prefix="study-update-", ignore_cleanup_errors=True) as name:
        made = prepare_update(repository, template, origin, message, Path(name))
    since = f" ({origin.commit[:7]})" if origin.commit else ""
    if made is None:
        print(f"This study is up to date: psiturk-heroku {newer}{since}. Nothing newer is there.")
        return True
    conflicts = carry_out(repository, made)
    print(f"{message}, from {version}{since}.")
    news = describe_news(template, origin.commit, version)
    print("\n".join(describe_update(repository, head, made, conflicts, message, news)))
    return not conflicts


def require_clean(repository: Repository) -> None:
    """Raise StudyError if the folder is no study, or has something that is not committed."""
    if repository.read("rev-parse", "--show-prefix") or not repository.committed_config:
        cause = "This folder is no study with a git repository of its own."
        remedy = "Go to the study's own folder, where config.txt is."
        if repository.config.exists():  # unpacked from an archive, or copied
            remedy = "Make it one: git init -b main, git add --all, then git commit -m Start"
        raise StudyError(cause, remedy)
    if changes := find_uncommitted(repository.folder):
        remedy = "Commit them first: git add --all, then git commit"
        raise StudyError(f"This study has changes that are not committed: {changes}.", remedy)


def prepare_update(
    repository: Repository, template: Path, origin: Origin, message: str, scratch: Path
) -> Update | None:
    """Render what is needed and make the commit; None if there is nothing new."""
    print("Preparing the update ...", flush=True)
    base = find_base(repository, template, origin, scratch)
    new = add_folder(repository, render(template, origin.answers, scratch), scratch)
    return prepare(repository, base, new, read_version(repository), message, scratch)


def find_base(repository: Repository, template: Path, origin: Origin, scratch: Path) -> str:
    """Return the tree that the older version made. Raises StudyError if that cannot be known.

    A study that was never updated has it in its first commit.
    """
    first = repository.first
    if is_as_made(repository) and read_origin(repository, first) == read_origin(repository):
        return repository.read("rev-parse", f"{first}^{{tree}}")
    if not origin.commit:
        cause = "Which version of the template made this study is not known: in .template.json, "
        cause += "`commit` is empty, for that version was never committed."
        raise StudyError(cause, "Make a new study and bring your own files over.")
    older = check_out(template, origin.commit, scratch)
    return add_folder(repository, render(older, origin.answers, scratch), scratch)
