"""What becomes of each file of the old study, and how that enters this one."""

from dataclasses import dataclass, field
from pathlib import Path

from study.adopt.old_study import OldStudy
from study.heroku.git import Repository
from study.heroku.preflight import find_uncommitted
from study.messages import StudyError, pluralize

REPORT = "ADOPTED.md"
# What became of a file of the old study.
OUTCOMES = ("copied unchanged", "converted", "replaced", "left out")
COPIED, CONVERTED, REPLACED, LEFT_OUT = OUTCOMES


@dataclass
class Fate:
    """What becomes of one file: where it goes, what was changed in it, or why it stays out."""

    outcome: str
    target: str
    notes: list[str]


@dataclass
class Plan:
    """Everything that an adoption would do. ``to_do`` is what a person has to look at."""

    old: OldStudy
    fates: dict[str, Fate] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    settings: list[str] = field(default_factory=list)
    to_do: list[str] = field(default_factory=list)
    requirements: dict[str, str] = field(default_factory=dict)  # packages, with the line of each
    environment: dict[str, str] = field(default_factory=dict)  # for .env, which git ignores

    def copy(self, name: str, target: str = "", data: bytes | None = None, *notes: str) -> None:
        """Bring a file over: as it is, or as ``data`` with notes of what was changed."""
        target, original = target or name, self.old.read(name)
        data = original if data is None else data
        is_same = data == original and target == name
        outcome = COPIED if is_same else CONVERTED
        self.fates[name] = Fate(outcome, target, list(notes))
        self.files[target] = data

    def replace(self, name: str, why: str) -> None:
        """Note that this study has something in the place of a file."""
        self.fates[name] = Fate(REPLACED, "", [why])

    def leave_out(self, name: str, why: str) -> None:
        """Note that a file stays out."""
        self.fates.setdefault(name, Fate(LEFT_OUT, "", [why]))

    def is_carried_out(self, folder: Path) -> bool:
        """Whether nothing is left to write or remove."""
        return not any((folder / name).exists() for name in self.removed) and all(
            (folder / name).exists() and (folder / name).read_bytes() == data
            for name, data in self.files.items()
        )

    def describe(self) -> str:
        """Return the report as Markdown: what was done, what is left, what became of each file."""
        missing = set(self.old.files) - self.fates.keys()
        assert not missing, f"not accounted for: {sorted(missing)}"
        parts = [
            f"# What `study adopt` did\n\nFrom the folder `{self.old.name}`, which is as it "
            "was. `git revert` of this commit undoes it.",
            "## Left to you\n\n" + bullets(self.to_do or ["Nothing that could be found."]),
            "## Settings\n\n" + bullets(self.settings or ["None."]),
        ]
        if self.removed:
            parts.append("## The example that it replaces\n\n" + bullets(sorted(self.removed)))
        parts.append(f"## Every file of the old study ({len(self.fates)})")
        for outcome in OUTCOMES:
            lines = [
                f"`{name}`" + (f" → `{fate.target}`" if fate.target not in ("", name) else "")
                + (f": {'; '.join(fate.notes)}" if fate.notes else "")
                for name, fate in sorted(self.fates.items())
                if fate.outcome == outcome
            ]  # fmt: skip
            if lines:
                parts.append(f"### {outcome.capitalize()} ({len(lines)})\n\n{bullets(lines)}")
        return "\n\n".join(parts) + "\n"

    def summary(self) -> str:
        """Return the report in a few lines."""
        outcomes = [fate.outcome for fate in self.fates.values()]
        counts = ", ".join(f"{outcomes.count(o)} {o}" for o in OUTCOMES if o in outcomes)
        converted = [
            f"  {name}: {'; '.join(fate.notes)}"
            for name, fate in sorted(self.fates.items())
            if fate.outcome == CONVERTED and fate.notes
        ]
        lines = [f"{pluralize(len(outcomes), 'file')} of the old study: {counts}.", *converted]
        lines += ["Settings:", *(f"  {line}" for line in self.settings)] if self.settings else []
        if self.requirements:
            lines.append(f"Packages to add: {', '.join(self.requirements)}")
        if self.to_do:
            lines += ["Left to you:", *(f"  - {line}" for line in self.to_do)]
        return "\n".join(lines)


def bullets(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def list_edited(repository: Repository) -> set[str]:
    """Return the files that differ from the study as it was made."""
    changed = repository.git("diff", "--name-only", "-z", repository.first, "HEAD").stdout
    return set(filter(None, changed.split("\0")))


def list_original(repository: Repository) -> set[str]:
    """Return the files with which the study was made."""
    listed = repository.git("ls-tree", "-r", "-z", "--name-only", repository.first).stdout
    return set(filter(None, listed.split("\0")))


def require_clean(repository: Repository) -> None:
    """Raise StudyError if something here is not committed: the adoption is one commit."""
    names = find_uncommitted(repository.folder)
    if names or not repository.head:
        raise StudyError(
            f"This study has changes that are not committed: {names or 'everything'}.",
            "Commit them first, so that the adoption can be undone: git add --all, then git commit",
        )


def refuse_edited(plan: Plan, edited: set[str], folder: Path) -> None:
    """Raise StudyError if the plan would overwrite or remove what a person has written here."""
    touched = {name for name in [*plan.files, *plan.removed] if (folder / name).exists()}
    same = {n for n in touched & plan.files.keys() if (folder / n).read_bytes() == plan.files[n]}
    if names := sorted((touched & edited) - same - {"config.txt", REPORT}):
        raise StudyError(
            f"You have edited {', '.join(names[:5])}, which the adoption would replace.",
            "Adopt into a new study, or move these files away and commit. Nothing was changed.",
        )


def carry_out(plan: Plan, folder: Path, repository: Repository) -> None:
    """Write, remove and commit. Raises StudyError with everything as it was if that fails."""
    files = {**plan.files, REPORT: plan.describe().encode()}
    paths = [folder / name for name in [*files, *plan.removed]]
    before = {path: path.read_bytes() for path in paths if path.exists()}
    try:
        for name in plan.removed:
            (folder / name).unlink(missing_ok=True)
        for name, data in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        added = repository.git("add", "--force", "--all", "--", *files, *plan.removed)
        if added.returncode or not repository.commit(f"Adopt the experiment of {plan.old.name}"):
            raise OSError(f"git could not commit it. {added.stderr}".strip())
    except (OSError, KeyboardInterrupt) as error:
        for path in paths:  # not by git, which may be what failed
            if path in before:
                path.write_bytes(before[path])
            else:
                path.unlink(missing_ok=True)
        repository.git("reset", "--quiet")
        cause = f"The adoption was not finished: {error or 'interrupted'}."
        raise StudyError(
            cause, "The study is as it was. Correct that, then run it again."
        ) from error
