"""README.md of an archive, from the words in readme.md, and settings.md."""

from datetime import datetime
from pathlib import Path

from study.config import Config, StudySettings
from study.config.settings import HIT, SECRET, STUDY, TASK
from study.dataset.texts import Census
from study.export.codebook import code, table
from study.provenance import find_machinery

README = (Path(__file__).parent / "readme.md").read_text(encoding="utf-8")
DATA = "the data as a Psych-DS dataset, without anybody's ids: see `data/README.md`"
NO_DATA = "not here, as nobody had taken part yet"


def write_readme(
    settings: StudySettings, commit: str, date: datetime, census: Census | None
) -> str:
    """Return the README of an archive; without a census it has no data."""
    return README.format(
        title=settings.title,
        description=settings.description,
        date=f"{date:%Y-%m-%d}",
        commit=commit,
        data=DATA if census else NO_DATA,
        records=census or "There are no data here.",
        machinery=find_machinery(),
    )


def write_settings(settings: Config) -> str:
    """Return a table of what was set for the experiment; no secret, and nothing of the server."""
    rows = [
        (code(each.name), code(each.value), each.source)
        for each in settings.settings.values()
        if each.section in (STUDY, TASK, HIT)
        and not each.source.startswith("psiTurk's")
        and not SECRET.search(each.name)
    ]
    return f"# Settings\n\n{table(('setting', 'value', 'set by'), rows)}\n"
