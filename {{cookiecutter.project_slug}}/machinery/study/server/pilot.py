"""The mark of a pilot, on every page that a participant sees.

It is no element but a style of the whole page: a task may replace everything in the body, and
pages brought over from older studies share no layout.
"""

import re

from flask import Flask, Response

END_OF_HEAD = re.compile(r"(?i)</head\s*>|<body\b")
STYLE = """<style>
:root {
  --pilot: 2rem; box-sizing: border-box; padding-top: var(--pilot); scroll-padding-top: 3rem;
}
:root::before {
  content: "Pilot: this study is still being tried out";
  position: fixed; inset: 0 0 auto; z-index: 2147483647;
  box-sizing: border-box; height: var(--pilot); padding: 0 0.75rem;
  border-bottom: 1px solid #d9a400; color: #4d3800; background: #ffe8a3;
  font: 600 0.8125rem/calc(var(--pilot) - 1px) system-ui, "Segoe UI", Roboto, Arial, sans-serif;
  letter-spacing: 0.01em; text-align: center; white-space: nowrap; overflow: hidden;
  text-overflow: ellipsis; pointer-events: none;
}
@media print { :root { padding-top: 0 } :root::before { position: static } }
</style>
"""


def install(app: Flask) -> None:
    """Mark all pages. Call it after what compresses them is installed."""
    app.after_request(mark)


def mark(response: Response) -> Response:
    """Add the mark to a page. Those that a task fetches, which have an ETag, appear inside one."""
    is_whole = response.mimetype == "text/html" and not response.is_streamed
    if is_whole and "ETag" not in response.headers:
        page = response.get_data(as_text=True)
        response.set_data(END_OF_HEAD.sub(lambda end: STYLE + end[0], page, count=1))
    return response
