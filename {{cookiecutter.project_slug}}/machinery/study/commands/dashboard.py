"""Runs psiTurk's dashboard for MTurk beside the study's own server: `study dashboard`."""

import os
import signal

import click

from study.commands.preview import serving


@click.command()
@click.option("--port", default=22363, show_default=True, help="Port to listen on.")
@click.option("--scheduler", is_flag=True, help="Also run the dashboard's campaigns.")
def dashboard(port: int, scheduler: bool) -> None:
    """Run psiTurk's dashboard for MTurk.

    It is a server of its own, because with it psiTurk's pages would wait for Amazon.
    """
    from study import config
    from study.server.dashboard import prepare_environment

    password = prepare_environment(port, scheduler)
    os.environ["PSITURK_ERRORLOG"] = "-"
    with serving(config.load()) as address:
        print(f"\nDashboard:  {address}/dashboard/   name: researcher   password: {password}")
        print("Press Ctrl-C to stop it.", flush=True)
        signal.pause()
