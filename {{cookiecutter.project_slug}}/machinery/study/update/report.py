"""What an update did and what is left to a person, in words."""

from study.heroku.git import Repository
from study.libraries import INSTALL, find_missing
from study.messages import pluralize
from study.update.merging import MACHINERY, Update

# Of a file that differs: git's letter, with a + if the researcher had edited it too.
KINDS = {
    "M+": "merged with your changes",
    "M": "newer, as you had not changed them",
    "A": "new",
    "D": "no longer needed",
}


def describe_update(
    repository: Repository,
    head: str,
    update: Update,
    conflicts: dict[str, str],
    message: str,
    news: list[str],
) -> list[str]:
    """Return all that is to be said of an update of the study that was at the commit ``head``."""
    lines = describe_files(repository, head, update, conflicts) + describe_aside(update)
    lines += news
    lines += describe_conflicts(conflicts, message) if conflicts else []
    lines += describe_next(repository, conflicts)
    undo = f"To undo the update: git revert {repository.head[:8]}"
    return lines if conflicts else [*lines, undo]


def describe_files(
    repository: Repository, head: str, update: Update, conflicts: dict[str, str]
) -> list[str]:
    """Name the files outside the machinery that differ from the commit ``head``."""
    listed = repository.git("diff", "--name-status", "--no-renames", "-z", head).stdout.split("\0")
    found = {
        name: "M+" if name in update.edited and kind == "M" else kind
        for kind, name in zip(listed[::2], listed[1::2], strict=False)
        if name.partition("/")[0] not in MACHINERY and name not in conflicts
    }
    is_replaced = any(name.partition("/")[0] in MACHINERY for name in listed[1::2])
    lines = [f"  machinery: {'replaced whole' if is_replaced else 'as it was'}"]
    for kind, what in KINDS.items():
        if names := [name for name in found if found[name] == kind]:
            lines.append(f"  {what}: {', '.join(names)}")
    return lines


def describe_aside(update: Update) -> list[str]:
    """Say where changes to the machinery are."""
    if not update.aside:
        return []
    return [
        f"You had changed the machinery. It is replaced; your changes are in {update.aside}.",
        f"  To make them again, if you still need them: git apply --3way {update.aside}",
    ]


def describe_conflicts(conflicts: dict[str, str], message: str) -> list[str]:
    """Say where git could not decide, and how to go on or back."""
    return [
        f"{pluralize(len(conflicts), 'file')} of yours where git cannot decide:",
        *(f"  {name}: {what}" for name, what in conflicts.items()),
        "To keep a file as you had it: git checkout --ours FILE; to take the new one: "
        "git checkout --theirs FILE",
        "When all are right:",
        "  git add --all",
        f'  git commit -m "{message}"',
        "To give the update up, with everything as it was: git cherry-pick --abort",
    ]


def describe_next(repository: Repository, conflicts: dict[str, str]) -> list[str]:
    """Return the commands that come next."""
    needs_libraries = "pyproject.toml" in conflicts or find_missing(repository.folder)
    install = [f"  {INSTALL}", "  git add --force static/libraries"] if needs_libraries else []
    return [
        "Next:",
        "  uv lock",
        *install,
        '  git commit -am "Lock"',
        "  uv run study check",
        "  uv run study try",
        "  uv run study deploy    # nothing on Heroku was changed so far",
    ]
