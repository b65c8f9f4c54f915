"""The pages, scripts and settings of the study can work together, as far as that can be read."""

from pathlib import Path

from study import checks


def test_nothing_in_the_study_is_broken():
    broken = [str(found) for found in checks.run(Path.cwd()) if found.colour == "red"]
    assert not broken, "\n".join(["", *broken])
