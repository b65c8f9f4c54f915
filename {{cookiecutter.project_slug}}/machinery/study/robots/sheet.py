"""The contact sheet: the pictures of all pages in one HTML file that needs nothing else."""

import base64
import html
from pathlib import Path

from study.robots.participant import Outcome
from study.robots.report import Report, in_minutes, name_cell

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} – every page</title>
<style>
  body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 84rem;
    padding: 0 1.5rem; color: #1c2430; background: #f3f4f6; }}
  h1 {{ font-size: 1.5rem; margin: 0; }}
  h2 {{ font-size: 1.1rem; margin: 2.5rem 0 .75rem; }}
  .stopped {{ color: #a11; }}
  pre {{ white-space: pre-wrap; background: #fff; border: 1px solid #d5d9e0; border-radius: 6px;
    padding: 1rem; font-size: .875rem; }}
  .pages {{ display: grid; gap: 1.25rem;
    grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); }}
  figure {{ margin: 0; }}
  img {{ display: block; width: 100%; aspect-ratio: 8 / 5; object-fit: cover; object-position: top;
    border: 1px solid #d5d9e0; border-radius: 6px; background: #fff; }}
  figcaption {{ font-size: .875rem; margin-top: .375rem; overflow-wrap: anywhere; }}
</style>
</head>
<body>
<h1 dir="auto">{title}</h1>
<p>{summary}</p>
<pre>{report}</pre>
{sections}
</body>
</html>
"""
FIGURE = """<figure><a href="{file}"><img src="data:image/jpeg;base64,{data}" alt="{name}"></a>
<figcaption>{number}. {name}</figcaption></figure>"""


def write_sheet(report: Report, title: str, path: Path) -> None:
    """Write the pictures of the tour, condition by condition, each with a link to its file."""
    about = (
        f"about {in_minutes(report.seconds)} for a person"
        if report.seconds
        else "nobody came to the end"
    )
    text = PAGE.format(
        title=html.escape(title),
        summary=f"Every page, as robots met it: {about}.",
        report=html.escape(str(report)),
        sections="\n".join(
            _write_section(outcome, report.has_orders, path.parent) for outcome in report.tour
        ),
    )
    path.write_text(text, encoding="utf-8")


def _write_section(outcome: Outcome, has_orders: bool, folder: Path) -> str:
    figures = [
        FIGURE.format(
            file=file.relative_to(folder).as_posix(),
            data=base64.b64encode(file.read_bytes()).decode(),
            name=html.escape(name),
            number=number,
        )
        for number, (name, file) in enumerate(outcome.pictures.items(), 1)
    ]
    heading = f"{name_cell(outcome, has_orders)}: {outcome.ending}"
    kind = ' class="stopped"' if outcome.ending == "stopped" else ""
    return f'<h2{kind}>{heading}</h2>\n<div class="pages">{"".join(figures)}</div>'
