"""Settings of Sphinx for the site; docs/build_site.py lays its pages out and runs it."""

project = "psiturk-heroku"
author = "The psiturk-heroku authors"
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
myst_heading_anchors = 4  # so that links to headings work as they do on GitHub
# Code of the cookbook and of terminals is shown as it stands, whatever its first lines look like.
highlight_language = "none"
suppress_warnings = ["misc.highlighting_failure"]

html_theme = "furo"
html_title = "psiturk-heroku"
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
html_theme_options = {"source_repository": "https://github.com/lab/psiturk-heroku/"}
