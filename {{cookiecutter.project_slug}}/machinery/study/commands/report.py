"""`study report`: a page about the downloaded data."""

from pathlib import Path

import click

from study import config
from study.messages import StudyError, pluralize
from study.report.download import find_newest, read_download
from study.report.page import write_page
from study.signing import private

PATH = click.Path(path_type=Path)
PAGE, EFFECT = "report.html", "congruent"


@click.command()
@click.argument("folder", type=PATH, required=False)
@click.option("--out", type=PATH, help=f"File to write.  [default: {PAGE} in the folder]")
@click.option(
    "--effect",
    default=EFFECT,
    show_default=True,
    metavar="COLUMN",
    help="Compare response times within participants by this column of trialdata.csv.",
)
def report(folder: Path | None, out: Path | None, effect: str) -> None:
    """Make a page about the downloaded data, to look at and to send."""
    folder = folder or find_newest(Path("data"))
    download = read_download(folder, effect)
    if effect != EFFECT and not download.trials.has_effect:
        has = ", ".join(column.name for column in download.columns["trialdata"]) or "none"
        raise StudyError(f"trialdata.csv has no column {effect}.", f"Its columns: {has}")
    page = write_page(download, *read_study(Path.cwd()))
    out = out or folder / PAGE
    try:
        with open(out, "w", encoding="utf-8", opener=private) as file:
            file.write(page)
    except OSError as error:
        cause = f"{out} cannot be written: {error.strerror}."
        raise StudyError(cause, "Choose another file: uv run study report --out FILE") from error
    people = pluralize(len(download.people), "participant")
    print(f"{out}: {people}, {out.stat().st_size / 1000:,.0f} kB, from the files in {folder}/")
    if download.problems:
        print("What could not be read, or is missing (the page says so, too):")
        print("\n".join(f"  {problem}" for problem in download.problems))


def read_study(folder: Path) -> tuple[str, int]:
    """Return the title and the announced minutes; 0 if config.txt cannot be used."""
    try:
        settings = config.read(folder).study
    except StudyError:
        return folder.name, 0
    return settings.title, settings.minutes
