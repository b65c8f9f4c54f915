"""The machinery's own pages, for which a page of the same name in templates/ is taken instead."""

from pathlib import Path

from flask import Flask
from jinja2 import BaseLoader, ChoiceLoader, FileSystemLoader

PAGES = Path(__file__).parent.parent / "pages"


def add_pages_to_flask() -> None:
    """Let every Flask application find them, before psiTurk looks for those it cannot do without.

    It does so before it calls custom.py (psiturk/experiment.py, check_templates_exist).
    """
    create_loader = Flask.create_global_jinja_loader

    def create_loader_with_pages(app: Flask) -> BaseLoader:
        return ChoiceLoader([create_loader(app), FileSystemLoader(PAGES)])

    Flask.create_global_jinja_loader = create_loader_with_pages
