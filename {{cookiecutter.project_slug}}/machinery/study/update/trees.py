"""Git's trees as lists of files, read and written without touching the study's own index."""

import tempfile
from pathlib import Path

from study.heroku.git import Repository, reason_of
from study.messages import StudyError

Tree = dict[str, str]  # path, with mode, type and hash, as `git ls-tree` prints them


def read_tree(repository: Repository, revision: str) -> Tree:
    """Return the files of a commit or tree."""
    listed = repository.git("ls-tree", "-r", "-z", revision).stdout
    entries = (line.partition("\t") for line in listed.split("\0") if line)
    return {path: entry for entry, _, path in entries}


def write_tree(repository: Repository, tree: Tree, scratch: Path) -> str:
    """Write a tree into the repository; returns its hash. Raises StudyError if git cannot."""
    own = use_index(repository, scratch)
    lines = "".join(f"{entry}\t{path}\0" for path, entry in tree.items())
    expect(own.git("update-index", "-z", "--index-info", input=lines))
    return expect(own.git("write-tree"))


def add_folder(repository: Repository, folder: Path, scratch: Path) -> str:
    """Write all files of a folder into the repository as a tree; returns its hash."""
    own = use_index(repository, scratch)
    own.folder = folder
    own.environment["GIT_DIR"] = repository.read("rev-parse", "--absolute-git-dir")
    own.environment["GIT_WORK_TREE"] = str(folder)
    expect(own.git("add", "--all", "--force", "."))
    return expect(own.git("write-tree"))


def add_text(repository: Repository, text: str) -> str:
    """Write a text into the repository; returns its entry in a tree."""
    return f"100644 blob {expect(repository.git('hash-object', '-w', '--stdin', input=text))}"


def use_index(repository: Repository, scratch: Path) -> Repository:
    """Return the same repository with an empty index of its own."""
    own = Repository(repository.folder)
    own.environment["GIT_INDEX_FILE"] = str(Path(tempfile.mkdtemp(dir=scratch)) / "index")
    return own


def expect(done) -> str:
    """Return what a git command printed. Raises StudyError if it failed."""
    if reason := reason_of(done):
        raise StudyError(f"git could not prepare the update: {reason}", "Nothing was changed.")
    return done.stdout.strip()
