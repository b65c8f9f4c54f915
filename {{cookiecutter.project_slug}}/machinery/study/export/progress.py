"""How far a download is, for whoever watches it in a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(size: int) -> Iterator[Callable[[int], None]]:
    """A bar on stderr; gives the function that moves it on by so many bytes."""
    if not sys.stderr.isatty():
        yield lambda bytes_done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), DownloadColumn(), TimeRemainingColumn())
    # Without a thread of its own, as processes are forked meanwhile.
    with Progress(*columns, console=Console(stderr=True), auto_refresh=False) as bar:
        task = bar.add_task("", total=size)

        def advance(bytes_done: int) -> None:
            bar.advance(task, bytes_done)
            bar.refresh()

        yield advance
