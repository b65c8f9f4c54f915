"""Adds JavaScript libraries to the study, from npm: `study library`."""

import shutil
from collections.abc import Collection
from pathlib import Path

import click

from study.libraries import FOLDER, Library, hash_of, install, npm, read_table, write
from study.messages import StudyError

# By force, as many people's git ignores every folder named dist.
ADD = "git add --force static/libraries pyproject.toml"
COMMIT = f'Commit it: {ADD}, then git commit -m "Libraries"'


@click.group()
def library() -> None:
    """Add JavaScript libraries from npm, served by the study itself."""


@library.command("add")
@click.argument("name")
@click.option("--file", "files", multiple=True, help="Load this file instead. Can be repeated.")
def add(name: str, files: tuple[str, ...]) -> None:
    """Fetch a package, for example @jspsych/plugin-survey-likert, and have pages load it.

    NAME@VERSION takes another version than the newest. Pages load the script that the package
    names for them or, of a library that is there already, the files they loaded before.
    """
    name, _, version = name.rpartition("@") if "@" in name[1:] else (name, "", "latest")
    package = npm.fetch(name, version, again=f"uv run study library add {name}@{version}")
    known = read_table(Path.cwd())
    require_others(package, known)
    match known.get(name):
        case {"files": {**before}} if not files:
            files = tuple(before)
    paths = files or [package.find_script()]
    added = Library(name, package.version, {path: hash_of(package.read(path)) for path in paths})
    write(added, package, Path.cwd())
    change_table(name, {"version": added.version, "files": dict(added.files)})
    licence = package.about.get("license", "an unknown licence")
    print(f"{name} {added.version} ({licence}) is in static/{FOLDER / name}:")
    print("\n".join(f"  {path}" for path in added.files))
    print("Every page of the task loads it (templates/libraries.html).")
    print(COMMIT)


def require_others(package: npm.Package, known: Collection[str]) -> None:
    """Raise StudyError if pages must load another library before this one, and it is not there."""
    optional = package.about.get("peerDependenciesMeta", {})
    for other in package.about.get("peerDependencies", {}):
        if other not in known and not optional.get(other, {}).get("optional"):
            raise StudyError(
                f"{package.name} needs {other}, which pages must load before it.",
                f"Add it first: uv run study library add {other}",
            )


@library.command("install")
def install_libraries() -> None:
    """Fetch again what is missing in static/libraries or differs from its hash."""
    fetched = install(Path.cwd())
    for each in fetched:
        print(f"{each.name} {each.version} is in static/{FOLDER / each.name}")
    print(COMMIT if fetched else "Nothing is missing in static/libraries.")


@library.command("remove")
@click.argument("name")
def remove(name: str) -> None:
    """Take a library away again."""
    if name not in read_table(Path.cwd()):
        raise StudyError(f"There is no library {name}.", "They are listed in pyproject.toml.")
    change_table(name, None)
    shutil.rmtree(Path("static") / FOLDER / name, ignore_errors=True)
    print(f"{name} is removed. {COMMIT}")


def change_table(name: str, row: dict | None) -> None:
    """Write a row of the table in pyproject.toml, or take it out, and leave all else as it is."""
    import tomlkit

    path = Path("pyproject.toml")
    document = tomlkit.parse(path.read_bytes().decode("utf-8"))
    ours = document["tool"]["psiturk-heroku"]
    libraries = ours.setdefault("libraries", tomlkit.table(is_super_table=True))
    if row is None or not isinstance(libraries.get(name), tomlkit.items.Table):
        libraries.pop(name, None)  # also a row in one line, in whose place no table can be
    if row is not None:
        libraries[name] = write_row(row)
    path.write_bytes(tomlkit.dumps(document).encode("utf-8"))


def write_row(row: dict):
    """Return a table of its own for the row, with its files in one line."""
    import tomlkit

    table, files = tomlkit.table(), tomlkit.inline_table()
    files.update(row["files"])
    table.update({"version": row["version"], "files": files})
    return table
