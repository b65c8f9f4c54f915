"""The folder of an older study, and what cannot be brought over from it."""

import os
from dataclasses import dataclass
from pathlib import Path

from study.messages import StudyError

MARK = Path("templates", "exp.html")  # psiTurk's one page that every experiment has
SKIPPED = ("node_modules", "venv", "env", "site-packages", "__pycache__", "__MACOSX")
LARGEST = 200_000_000  # bytes; Heroku refuses an app of 500 MB, and git keeps every version
NOTHING = "Nothing was changed."


@dataclass(frozen=True)
class OldStudy:
    """The folder that has templates/exp.html, and the names of all files below it."""

    folder: Path
    files: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def custom(self) -> str | None:
        """The name of its custom.py, which psiTurk's package has as a sample."""
        return self._first("custom.py", "custom.py.sample")

    @property
    def config(self) -> str | None:
        """The name of its config.txt, likewise."""
        return self._first("config.txt", "config.txt.sample")

    def _first(self, *names: str) -> str | None:
        return next((name for name in names if name in self.files), None)

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def read_text(self, name: str) -> str:
        """Return a file as text; old editors wrote Windows' own encoding."""
        data = self.read(name)
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            return data.decode("cp1252", "replace")


def find_old_study(path: Path, study: Path) -> OldStudy:
    """Find the one experiment in a folder or repository. Raises StudyError if it cannot be used."""
    if not path.is_dir():
        raise StudyError(f"{path} is not a folder.", f"Name the old study's folder. {NOTHING}")
    folder, study = path.resolve(), study.resolve()
    if folder == study or study in folder.parents:
        raise StudyError(
            f"{path} is in this study itself.", f"Name the folder of the old one. {NOTHING}"
        )
    found = [place for place in walk(folder, study) if (place / MARK).is_file()]
    if folder in found:  # named itself, whatever else lies in it
        found = [folder]
    if not found:
        raise StudyError(
            f"{path} holds no psiTurk experiment: no folder in it has {MARK.as_posix()}.",
            f"Name the folder with the experiment's config.txt and templates/. {NOTHING}",
        )
    if len(found) > 1:
        names = "\n".join(f"  {place}" for place in found[:10])
        raise StudyError(f"{path} holds {len(found)} experiments:\n{names}", "Name one of them.")
    return OldStudy(found[0], tuple(list_files(found[0], study)))


def walk(folder: Path, study: Path):
    """Yield a folder and the folders below it, without those of tools and of this study."""
    for place, folders, _ in os.walk(folder):
        here = Path(place)
        folders[:] = sorted(
            name
            for name in folders
            if not (name.startswith(".") or name in SKIPPED or (here / name).resolve() == study)
            and not (here / name / "pyvenv.cfg").exists()
            and not (here / name / "bin" / "activate").exists()
        )
        yield here


def list_files(folder: Path, study: Path):
    """Yield the names of the files in a folder. Raises StudyError for links out of it."""
    size = 0
    for place in walk(folder, study):
        for file in sorted(place.iterdir()):
            name = file.relative_to(folder).as_posix()
            if file.is_symlink() and not is_inside(file, folder):
                raise StudyError(
                    f"{name} is a link to {os.readlink(file)}, outside of {folder}.",
                    f"Put a copy of the file in its place, or remove the link. {NOTHING}",
                )
            if file.is_file():
                size += file.stat().st_size if name.startswith(("static/", "templates/")) else 0
                yield name
    if size > LARGEST:
        raise StudyError(
            f"The static files have {size / 1e6:.0f} MB; git and Heroku are no place for more than "
            f"{LARGEST / 1e6:.0f}.",
            "Put the large ones on a server of your own, name it in media_sources, and adopt the "
            f"rest. {NOTHING}",
        )


def is_inside(link: Path, folder: Path) -> bool:
    """Whether a link is relative and leads to something in the folder."""
    target = Path(os.readlink(link))
    return not target.is_absolute() and folder in link.resolve().parents
