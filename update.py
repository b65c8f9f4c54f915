# /// script
# requires-python = ">=3.11"
# dependencies = ["cookiecutter==2.7.1"]
# ///
"""Bring a study that an older version of this template made to this version.

In the study's folder: uv run ../psiturk-heroku/update.py

`uv run study update` fetches the newest version of the template and runs this file there. Nothing
on Heroku is touched.
"""

import sys
from pathlib import Path

TEMPLATE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(TEMPLATE / "{{cookiecutter.project_slug}}" / "machinery"))

from study.update.updating import main  # noqa: E402

main(Path.cwd(), TEMPLATE)
