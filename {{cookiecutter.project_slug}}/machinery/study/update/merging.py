"""The update as one commit, which git cherry-picks onto the study.

Its parent is what the older version made and its content what the newer one makes, so git merges
the difference into the researcher's files, with its usual conflicts. Three things bend this:

- The machinery and .template.json are replaced: in the parent they are as the study has them.
- What the researcher deleted stays deleted.
- What the hook adds to the template's files (KEPT) stays as the study has it.

All this is prepared in git's store, where nobody sees it. One git command then changes the study.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from study.heroku.git import Repository, reason_of
from study.messages import StudyError
from study.update.origin import FILE
from study.update.trees import Tree, add_text, expect, read_tree, write_tree

MACHINERY = ("machinery", "study")  # the folder, and what it was called in 0.1.0
KEPT = ("uv.lock", ".python-version", "static/libraries/")
ASIDE = "machinery-changes"  # the folder for changes to a machinery that was replaced
# What git says of a file in conflict, by the two letters of `git status --porcelain`.
CONFLICTS = {
    "UU": "both changed it: choose at each <<<<<<<",
    "AA": "both added it: choose at each <<<<<<<",
    "UD": "you changed it; the newer version has no such file. To keep yours: git add {0}, to "
    "delete it: git rm {0}",
    "DU": "you deleted it, the newer version changed it. To delete it: git rm {0}",
}


@dataclass(frozen=True)
class Update:
    """An update that is prepared as a commit."""

    commit: str
    edited: frozenset[str]  # the files that the researcher had edited
    aside: str  # the patch with what they had changed in the machinery, if anything


def prepare(
    repository: Repository, base: str, new: str, version: str, message: str, scratch: Path
) -> Update | None:
    """Make the commit; None if there is nothing new. ``base`` and ``new`` are hashes of trees."""
    was, now, ours = (read_tree(repository, tree) for tree in (base, new, "HEAD"))
    folders = tuple(f"{name}/" for name in MACHINERY if any(p.startswith(f"{name}/") for p in was))
    replaced = (*folders, FILE)
    deleted = {path for path in was.keys() - ours.keys() if not path.startswith(replaced)}
    parent = drop(was, deleted, (*replaced, *KEPT)) | select(ours, (*replaced, *KEPT))
    content = drop(now, deleted, KEPT) | select(ours, KEPT)
    if parent == content:
        return None
    aside = ""
    if select(ours, folders) != select(was, folders):
        aside = name_aside(ours, version)
        between = ("diff", "--binary", base, "HEAD", "--", *folders)
        content[aside] = add_text(repository, repository.git(*between).stdout)
    settings = repository.commit_settings("study@localhost")
    trees = [write_tree(repository, tree, scratch) for tree in (parent, content)]
    make = [*settings, "commit-tree", "-m"]
    start = expect(repository.git(*make, "What the older version made", trees[0]))
    commit = expect(repository.git(*make, message, "-p", start, trees[1]))
    edited = frozenset(path for path in was.keys() & ours.keys() if was[path] != ours[path])
    return Update(commit, edited, aside)


def select(tree: Tree, starts: tuple[str, ...]) -> Tree:
    return {path: entry for path, entry in tree.items() if path.startswith(starts)}


def drop(tree: Tree, paths: set[str], starts: tuple[str, ...]) -> Tree:
    return {
        path: entry
        for path, entry in tree.items()
        if path not in paths and not path.startswith(starts)
    }


def name_aside(tree: Tree, version: str) -> str:
    """Return a name for a patch that the study does not have yet."""
    names = [f"{ASIDE}/{version}.patch", *(f"{ASIDE}/{version}-{n}.patch" for n in range(2, 100))]
    return next(name for name in names if name not in tree)


def carry_out(repository: Repository, update: Update) -> dict[str, str]:
    """Cherry-pick the update; returns the files in conflict, each with what to do.

    Raises StudyError with everything as it was if git refuses.
    """
    head = repository.head
    settings = repository.commit_settings("study@localhost")
    # Without renames, which would bring a changed page of 0.1.0 into the machinery's own. `ort`,
    # git's other strategy, obeys that only from git 2.50 on, where `recursive` is a name of it.
    strategy = ("--strategy=recursive", "--strategy-option=no-renames")
    pick = [*settings, "cherry-pick", *strategy, update.commit]
    added = find_added(repository, update)
    if present := [path for path in added if path.exists()]:  # ignored by git, which writes over it
        name = present[0].relative_to(repository.folder).as_posix()
        raise StudyError(f"{name} is in the way of a new file.", "Move it. Nothing was changed.")
    with undisturbed() as pressed:
        done = repository.git(*pick, start_new_session=True)
        conflicts = find_conflicts(repository)
        if done.returncode and not conflicts:
            repository.git("cherry-pick", "--quit")
            repository.git("reset", "--quiet", "--hard", head)
            for path in added:
                path.unlink(missing_ok=True)
            cause = f"git could not carry out the update: {done.stderr.strip() or reason_of(done)}"
            raise StudyError(cause, "The study is as it was. Correct that, then run it again.")
    if pressed:
        print("Ctrl-C came too late.")
    return conflicts


def find_added(repository: Repository, update: Update) -> list[Path]:
    """Return the files that the update would add."""
    added = ("diff", "--name-only", "-z", "--diff-filter=A", "HEAD", update.commit)
    names = repository.git(*added).stdout.split("\0")
    return [repository.folder / name for name in names if name]


def find_conflicts(repository: Repository) -> dict[str, str]:
    """Return the files in which git left a conflict, each with what to do."""
    lines = repository.git("status", "--porcelain", "--no-renames", "-z").stdout.split("\0")
    unmerged = {line[3:]: line[:2] for line in lines if "U" in line[:2] or line[:2] in CONFLICTS}
    return {
        name: CONFLICTS.get(kind, "see `git status`").format(name)
        for name, kind in unmerged.items()
    }


@contextmanager
def undisturbed() -> Iterator[list[bool]]:
    """Let the block end whoever presses Ctrl-C; yields a list that is empty if nobody has."""
    pressed: list[bool] = []
    before = signal.signal(signal.SIGINT, lambda *_: pressed.append(True))
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)
