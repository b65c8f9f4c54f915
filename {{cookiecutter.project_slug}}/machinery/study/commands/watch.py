"""Shows the running study on a page of this computer: `study watch`."""

import contextlib
import webbrowser
from pathlib import Path

import click

from study.commands import name_app
from study.watch.server import serve
from study.watch.study import WatchedStudy


@click.command()
@click.option("--local", is_flag=True, help="Use the data on this computer, not those of the app.")
@click.option("--port", default=0, help="Port to listen on.  [default: a free one]")
@click.option("--no-browser", is_flag=True, help="Only print the address.")
def watch(local: bool, port: int, no_browser: bool) -> None:
    """Show the running study on a page that keeps itself up to date.

    Only this computer can open the page.
    """
    folder = Path.cwd()
    study = WatchedStudy(folder, name_app(folder, local))
    server, address = serve(study, port)
    print(f"The study is shown at {address}")
    print("Press Ctrl-C to stop it.", flush=True)
    if not no_browser:
        webbrowser.open(address)
    with contextlib.suppress(KeyboardInterrupt), server:
        server.serve_forever()
